"""The page of a rehearsal: one file, nothing fetched, for a person."""

from collections.abc import Iterator
from html import escape
from typing import Final

from local_region.rehearsal.paper import DESK, PHONE
from local_region.rehearsal.picture import clock, picture
from local_region.rehearsal.scenario import Ending, Moment, Result

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #66727f; --line: #e2e7ec;
  --paper: #fff; --back: #f4f6f8; --candidate: #d9480f; --stable: #1971c2; --share: #0b7285;
  --evidence: #7048e8; --red: #e03131; --green: #2b8a3e; --amber: #e67700; --fault: #c2255c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9edf1; --soft: #94a1ae; --line: #2d3742;
  --paper: #1a2129; --back: #12171d; --candidate: #ff922b; --stable: #4dabf7; --share: #3bc9db;
  --evidence: #b197fc; --red: #ff6b6b; --green: #69db7c; --amber: #ffd43b; --fault: #f783ac; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 40px; line-height: 1.1; margin: 0; letter-spacing: -0.02em; }
h1.promoted { color: var(--green); } h1.rolled_back, h1.aborted { color: var(--red); }
h1.inconclusive { color: var(--amber); }
h2 { font-size: 18px; margin: 40px 0 12px; }
.kicker { color: var(--soft); margin: 0 0 6px; } .why { margin: 10px 0 0; max-width: 75ch; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px;
  margin: 28px 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.card b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 14px; } .card.bad b { color: var(--red); }
.paper { background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  padding: 20px 12px 8px; overflow-x: auto; }
.key { display: flex; flex-wrap: wrap; gap: 18px; margin: 0 0 4px 12px; color: var(--soft);
  font-size: 14px; }
.key i { display: inline-block; width: 18px; height: 3px; margin-right: 6px; border-radius: 2px;
  vertical-align: middle; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg.phone { display: none; }
svg .title { font-size: 14px; font-weight: 600; fill: var(--ink); stroke: var(--paper);
  stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
@media (max-width: 780px) { svg.desk { display: none; } svg.phone { display: block; }
  main { padding: 28px 14px 48px; } h1 { font-size: 34px; } .paper { padding: 16px 10px 4px; }
  .cards { grid-template-columns: 1fr 1fr; gap: 8px; margin: 20px 0; }
  .card:last-child:nth-child(odd) { grid-column: 1 / -1; } .card { padding: 10px 12px; }
  td { padding: 7px 8px; } }
svg .note { font-weight: 400; font-size: 12px; } svg .note, svg .label, svg .tick, svg .quiet {
  fill: var(--soft); } svg .label { text-anchor: end; } svg .tick { text-anchor: middle; }
svg .value { fill: var(--ink); } svg .grid { stroke: var(--line); }
svg .floor { stroke: var(--soft); stroke-opacity: .5; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .share { stroke: var(--share); } svg .area { fill: var(--share); fill-opacity: .14; }
svg polyline.candidate { stroke: var(--candidate); }
svg circle.candidate { fill: var(--candidate); }
svg polyline.stable { stroke: var(--stable); } svg circle.stable { fill: var(--stable); }
svg polyline.evidence { stroke: var(--evidence); } svg circle.evidence { fill: var(--evidence); }
svg .deciding { fill: none; stroke: var(--ink); stroke-width: 2; }
svg .reach { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 2 3; }
svg .verdict { fill: var(--ink); font-size: 13px; font-weight: 600; stroke: var(--paper);
  stroke-width: 5px; stroke-linejoin: round; paint-order: stroke; }
svg .danger { fill: var(--red); fill-opacity: .09; }
svg .threshold { stroke: var(--red); stroke-width: 1.5; stroke-dasharray: 6 4; }
svg .alarm { fill: var(--red); } svg .flag { stroke-width: 1.5; stroke-dasharray: 3 4; }
svg .flag.wait { stroke: var(--soft); } svg .flag.fault { stroke: var(--fault); }
svg .flag.end { stroke: var(--ink); }
table { border-collapse: collapse; width: 100%; background: var(--paper); font-size: 15px;
  border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
td { padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child td { border-top: 0; } td:first-child { font-variant-numeric: tabular-nums;
  color: var(--soft); text-align: right; width: 1%; white-space: nowrap; }
td:nth-child(2) { width: 1%; white-space: nowrap; } td:last-child { overflow-wrap: anywhere; }
.tag { font-size: 12px; padding: 2px 9px; border-radius: 99px; border: 1px solid currentColor; }
.alarm { color: var(--red); } .fault { color: var(--fault); } .share { color: var(--share); }
.decision { color: var(--evidence); } .release, .end { color: var(--ink); }
.wait { color: var(--soft); }
footer { color: var(--soft); font-size: 14px; margin-top: 32px; max-width: 80ch; }
code, pre { font: 14px ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; padding: 12px 16px; background: var(--paper); color: var(--ink);
  border: 1px solid var(--line); border-radius: 8px; }
"""

_TITLES: Final = {
    Ending.PROMOTED: "Promoted",
    Ending.ROLLED_BACK: "Rolled back",
    Ending.INCONCLUSIVE: "Nobody can tell",
    Ending.ABORTED: "Aborted",
}


def page(result: Result) -> str:
    """Write the page."""
    scenario = result.scenario
    title = f"{scenario.model}: {_TITLES[result.verdict].lower()}"
    is_said = result.cause in result.reason
    cause = "" if is_said else f" Because of <code>{escape(result.cause)}</code>."
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>"
        f'<p class="kicker">Rehearsal of <b>{escape(scenario.model)}</b>, version '
        f"{escape(result.from_version)} → {escape(result.to_version)}{_conditions(result)}</p>"
        f'<h1 class="{result.verdict.value}">{_TITLES[result.verdict]} after '
        f"{clock(result.virtual_seconds)}</h1>"
        f'<p class="why">{escape(_sentence(result.reason))}{cause}</p>'
        f'<div class="cards">{"".join(_cards(result))}</div>'
        f'<div class="paper"><div class="key">{"".join(_key(result))}</div>'
        f"{picture(result, DESK)}{picture(result, PHONE)}</div>"
        f"<h2>What happened</h2><table>{''.join(map(_row, result.timeline))}</table>"
        f"<footer>Handlers, stacks, alarms and the controller are real; time and latencies are "
        f"virtual, drawn from seed {scenario.seed}. The same command gives the same page: "
        f"<pre>{escape(command(result))}</pre></footer></main></body></html>\n"
    )


def command(result: Result) -> str:
    """Write the command that gives the same rehearsal.

    Faults begin with the candidate's first share unless `--at` says otherwise.
    """
    scenario = result.scenario
    words = [
        f"falaj rehearse {scenario.model} --from {result.from_version} --to {result.to_version}",
        f"--traffic {scenario.traffic_rps:g} --seed {scenario.seed}",
    ]
    words += [f"--{'shared-' * fault.is_shared}fault {fault}" for fault in scenario.faults]
    if scenario.begins_s is not None:
        words.append(f"--at {scenario.begins_s:g}s")
    return " ".join(words)


def _conditions(result: Result) -> str:
    scenario = result.scenario
    parts = [f"{scenario.traffic_rps:g} requests a second"]
    parts += [f"{f} in {'both versions' if f.is_shared else 'it'}" for f in scenario.faults]
    return escape(f", {', '.join(parts)}")


def _sentence(text: str) -> str:
    if text.startswith("log10 "):  # a formula's own spelling
        return text + "."
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _cards(result: Result) -> Iterator[str]:
    weights = result.final_alias["weights"]
    alias = f"version {result.final_alias['version']}"
    alias += "".join(f" and {share:.0%} {version}" for version, share in weights.items())
    rows = (
        (f"{result.candidate_requests:,}", "requests to the candidate", ""),
        (
            f"{result.candidate_bad:,}",
            "bad answers of it",
            "bad" if result.candidate_bad else "",
        ),
        (f"{result.stable_bad:,}", f"bad answers of stable's {result.stable_requests:,}", ""),
        (f"{result.unanswered:,}", "requests without an answer", "bad" * bool(result.unanswered)),
        (alias, "what the alias names in the end", ""),
    )
    for value, text, kind in rows:
        yield f'<div class="card {kind}"><b>{escape(value)}</b><span>{escape(text)}</span></div>'


def _key(result: Result) -> Iterator[str]:
    rows = [("candidate", "candidate"), ("stable", "stable")]
    if result.scenario.faults:
        rows.append(("fault", "faults begin"))
    for name, text in rows:
        yield f'<span><i style="background: var(--{name})"></i>{text}</span>'


def _row(moment: Moment) -> str:
    return (
        f"<tr><td>{clock(moment.at_s)}</td>"
        f'<td><span class="tag {moment.kind}">{moment.kind}</span></td>'
        f"<td>{escape(moment.text)}</td></tr>"
    )
