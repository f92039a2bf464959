"use strict";
/* Draws the OpenAPI document. Text only ever enters as text nodes: nothing here parses markup. */

const base = new URL(".", location.href).pathname.replace(/\/$/, "");
const SHOWN = 24;

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function resolve(spec, schema) {
  const path = schema && schema.$ref;
  return path ? path.slice(2).split("/").reduce((part, key) => part[key], spec) : schema;
}

/* Arrays of plain values stay on one line: a tensor is read across, not down. */
function pretty(value, indent = "") {
  const deeper = indent + "  ";
  if (Array.isArray(value)) {
    if (value.every((item) => item === null || typeof item !== "object")) return "[" + value.map((item) => JSON.stringify(item)).join(", ") + "]";
    return "[\n" + value.map((item) => deeper + pretty(item, deeper)).join(",\n") + "\n" + indent + "]";
  }
  if (value && typeof value === "object") {
    const lines = Object.entries(value).map(([key, item]) => deeper + JSON.stringify(key) + ": " + pretty(item, deeper));
    return lines.length ? "{\n" + lines.join(",\n") + "\n" + indent + "}" : "{}";
  }
  return JSON.stringify(value);
}

const flat = (value) => (Array.isArray(value) ? value.flat(Infinity) : [value]);
const short = (item) => (typeof item === "number" && !Number.isInteger(item) ? String(Number(item.toPrecision(6))) : String(item));

function elements(data) {
  const all = flat(data === undefined ? [] : data);
  const rest = all.length - SHOWN;
  return all.slice(0, SHOWN).map(short).join("  ") + (rest > 0 ? `  … ${rest} more` : "");
}

function shapeOf(tensor) {
  return tensor["x-falaj-shape"].map((size) => (size < 0 ? "any" : String(size))).join(" × ") || "scalar";
}

const tensorsOf = (list) => (list.items.oneOf || [list.items]);

function tensorCard(title, tensors) {
  const rows = tensors.map((tensor) => el("tr", {},
    el("td", { class: "code" }, tensor.properties.name.const),
    el("td", { class: "code" }, tensor.properties.datatype.const),
    el("td", { class: "code" }, shapeOf(tensor))));
  const head = el("tr", {}, ...["name", "type", "shape"].map((text) => el("th", { scope: "col" }, text)));
  return el("div", { class: "card" }, el("h3", {}, title), el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}

async function send(method, path, body) {
  const started = performance.now();
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.body = body;
    options.headers["content-type"] = "application/json";
  }
  const response = await fetch(base + path, options);
  const text = await response.text();
  let value;
  try { value = JSON.parse(text); } catch { value = undefined; }
  return { response, text, value, ms: performance.now() - started };
}

function facts(answer) {
  const { response, ms } = answer;
  const release = response.headers.get("x-falaj-release");
  const id = response.headers.get("x-request-id");
  return el("div", { class: "facts" },
    el("span", { class: "pill " + (response.ok ? "good" : "bad") }, `${response.status} ${response.statusText}`.trim()),
    el("span", {}, `${ms.toFixed(0)} ms here and back`),
    release ? el("span", {}, `release ${release}`) : null,
    id ? el("span", {}, el("code", {}, id)) : null);
}

function agrees(golden, outputs) {
  const atol = golden.atol || 0, rtol = golden.rtol || 0;
  return golden.expect.outputs.every((wanted) => {
    const got = outputs.find((output) => output.name === wanted.name);
    const a = flat(wanted.data), b = got ? flat(got.data) : [];
    return a.length === b.length && a.every((x, i) => (typeof x === "number" && typeof b[i] === "number" ? Math.abs(x - b[i]) <= atol + rtol * Math.abs(x) : x === b[i]));
  });
}

function showInference(where, answer, golden) {
  const { value, text, response } = answer;
  const parts = [facts(answer)];
  if (response.ok && value && Array.isArray(value.outputs)) {
    const head = el("tr", {}, ...["output", "type", "shape", "data"].map((t) => el("th", { scope: "col" }, t)));
    const rows = value.outputs.map((output) => el("tr", {},
      el("td", { class: "code" }, output.name), el("td", { class: "code" }, output.datatype),
      el("td", { class: "code" }, output.shape.join(" × ") || "scalar"),
      el("td", { class: "code", dir: "auto" }, elements(output.data))));
    parts[0].append(el("span", {}, `${value.model_name} version ${value.model_version}`));
    if (golden) {
      const right = agrees(golden, value.outputs);
      parts[0].append(el("span", { class: "pill " + (right ? "good" : "bad") }, right ? "the known right answer" : "not the known right answer"));
    }
    parts.push(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
  } else if (value && value.error) {
    parts.push(el("p", { class: "say" }, value.error));
  }
  parts.push(el("details", {}, el("summary", {}, "Raw answer"), el("pre", { dir: "auto" }, value === undefined ? text : pretty(value))));
  where.replaceChildren(...parts);
}

const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

function tryIt(name, operation, versions) {
  const media = operation.requestBody.content["application/json"];
  const cases = Object.entries(media.examples || {});
  const hint = el("p", { class: "hint", id: `hint-${name}` });
  const editor = el("textarea", { spellcheck: "false", autocapitalize: "off", "aria-label": `Request to ${name}`, "aria-describedby": `hint-${name}` });
  const result = el("div", { class: "result", "aria-live": "polite" });
  const picked = el("select", { "aria-label": "Version" }, el("option", { value: "" }, "version served"), ...versions.map((v) => el("option", { value: v }, `version ${v}`)));
  const path = () => `/v2/models/${name}${picked.value ? `/versions/${picked.value}` : ""}/infer`;
  let golden, pristine = "";

  const check = () => {
    let sound = true, why = "Ctrl + Enter sends it.";
    try { JSON.parse(editor.value); } catch (error) { sound = false; why = `Not JSON: ${error.message}`; }
    editor.setAttribute("aria-invalid", String(!sound));
    hint.className = sound ? "hint" : "hint bad";
    hint.textContent = why;
  };
  const go = el("button", { class: "go", type: "button" }, "Run");
  const run = async () => {
    go.disabled = true;
    try {
      showInference(result, await send("POST", path(), editor.value), editor.value === pristine ? golden : undefined);
    } catch (error) {
      result.replaceChildren(el("p", { class: "say" }, `No answer: ${error.message}`));
    }
    go.disabled = false;
  };
  const copy = el("button", { type: "button" }, "Copy as curl");
  copy.addEventListener("click", async () => {
    const line = `curl -s ${location.origin}${base}${path()} -H 'content-type: application/json' -d ${quoted(editor.value)}`;
    try { await navigator.clipboard.writeText(line); copy.textContent = "Copied"; } catch { copy.textContent = "Not allowed here"; }
    setTimeout(() => { copy.textContent = "Copy as curl"; }, 1500);
  });
  const choices = cases.map(([label, example]) => el("button", { type: "button", onclick: (event) => choose(example, event.currentTarget) }, example.summary || label));
  const choose = (example, button) => {
    golden = example["x-falaj-golden"];
    editor.value = pristine = pretty(example.value);
    for (const other of choices) other.setAttribute("aria-pressed", String(other === button));
    result.replaceChildren();
    check();
  };
  go.addEventListener("click", run);
  editor.addEventListener("input", check);
  editor.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); } });
  if (cases.length) choose(cases[0][1], choices[0]);
  else { editor.value = '{\n  "inputs": []\n}'; check(); }
  return el("div", { class: "card" },
    el("div", { class: "bar" }, el("h3", {}, "Try it"), picked, copy, go),
    cases.length > 1 ? el("div", { class: "bar", role: "group", "aria-label": "Examples" }, ...choices) : null,
    editor, hint, result);
}

function operations(list) {
  return el("div", { class: "card" }, el("h3", {}, "Operations"), ...list.map(({ method, path, operation }) => {
    const result = el("div", { class: "result", "aria-live": "polite" });
    const simple = !path.includes("{") && !path.endsWith("/infer") && !path.endsWith("/docs");
    const ask = el("button", { type: "button", "aria-label": `Send ${method.toUpperCase()} ${path}` }, "Send");
    ask.addEventListener("click", async () => {
      try {
        const answer = await send(method.toUpperCase(), path, method === "post" ? "{}" : undefined);
        result.replaceChildren(facts(answer), el("pre", {}, answer.value === undefined ? answer.text : pretty(answer.value)));
      } catch (error) {
        result.replaceChildren(el("p", { class: "say" }, `No answer: ${error.message}`));
      }
    });
    return el("div", { class: "op" }, el("span", { class: `verb ${method}` }, method.toUpperCase()),
      el("div", {}, el("div", { class: "path" }, path), el("p", {}, operation.summary)), simple ? ask : el("span"), result);
  }));
}

function grouped(spec) {
  const groups = new Map(spec.tags.map((tag) => [tag.name, { ...tag, list: [] }]));
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(methods)) groups.get(operation.tags[0]).list.push({ path, method, operation });
  }
  return groups;
}

function modelSection(spec, group) {
  const infer = group.list.find(({ path }) => path === `/v2/models/${group.name}/infer`).operation;
  const named = group.list.find(({ path }) => path.includes("{version}")).operation;
  const versions = named.parameters.find((parameter) => parameter.name === "version").schema.enum;
  const request = resolve(spec, infer.requestBody.content["application/json"].schema);
  const answer = resolve(spec, infer.responses["200"].content["application/json"].schema);
  return el("section", { id: `models/${group.name}`, "aria-labelledby": `h-${group.name}` },
    el("h2", { id: `h-${group.name}` }, group.name),
    el("p", { class: "about", dir: "auto" }, group.description),
    el("div", { class: "chips" }, ...versions.map((v) => el("span", { class: "pill" }, `version ${v}`))),
    el("div", { class: "tensors" }, tensorCard("Takes", tensorsOf(request.properties.inputs)), tensorCard("Gives", tensorsOf(answer.properties.outputs))),
    tryIt(group.name, infer, versions),
    el("details", {}, el("summary", {}, `All ${group.list.length} operations`), operations(group.list)));
}

function follow(links) {
  if (!("IntersectionObserver" in window)) return;
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      for (const link of links) link.toggleAttribute("aria-current", link.hash === `#${entry.target.id}`);
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of document.querySelectorAll("section")) seen.observe(section);
}

async function health() {
  const pill = document.getElementById("health");
  try {
    const { value } = await send("GET", "/v2/health/ready");
    const ready = Boolean(value && value.ready);
    pill.textContent = ready ? "ready" : "not ready";
    pill.className = `pill ${ready ? "good" : "bad"}`;
  } catch {
    pill.textContent = "no answer";
    pill.className = "pill bad";
  }
}

async function draw() {
  const main = document.getElementById("main");
  try {
    const spec = await (await fetch("openapi.json")).json();
    const groups = grouped(spec);
    const server = groups.get("Server");
    groups.delete("Server");
    const models = [...groups.values()];
    main.replaceChildren(
      el("h1", {}, models.length === 1 ? "One model answers here" : `${models.length} models answer here`),
      el("p", { class: "lead" }, spec.info.description),
      ...models.map((group) => modelSection(spec, group)),
      el("section", { id: "server", "aria-labelledby": "h-server" }, el("h2", { id: "h-server" }, "The server"), el("p", { class: "about" }, server.description), operations(server.list)));
    const links = [...models.map((group) => [`#models/${group.name}`, group.name]), ["#server", "The server"]].map(([href, text]) => el("a", { href }, text));
    document.getElementById("toc").replaceChildren(...links.map((link) => el("li", {}, link)));
    follow(links);
    document.body.dataset.drawn = String(models.length);
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (error) {
    main.replaceChildren(el("p", { role: "alert" }, `The document could not be read: ${error.message}`));
  }
}

draw();
health();
