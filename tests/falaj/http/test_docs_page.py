"""The page for people runs in a real browser, calls the API, and loads nothing from elsewhere."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess

import aiohttp
import pytest

from falaj.http.docs_page import content_security_policy, docs_page
from tests.falaj.platform_front import published_models, serving, whole_api

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SEND_FIRST = """
(async () => {
  const until = async (found) => { while (!found()) await new Promise((r) => setTimeout(r, 50)); };
  await until(() => document.body.dataset.drawn);
  const card = document.querySelector("section .go").closest(".card");
  card.querySelector(".go").click();
  await until(() => card.querySelector(".result .pill"));
  const styles = [...document.querySelectorAll("[style]")].length;
  return JSON.stringify({
    drawn: document.body.dataset.drawn,
    pills: [...card.querySelectorAll(".result .pill")].map((pill) => pill.textContent),
    origins: [...new Set(
      performance.getEntriesByType("resource").map((e) => new URL(e.name).origin))],
    wide: document.documentElement.scrollWidth > innerWidth,
    health: document.getElementById("health").textContent,
    unnamed: [...document.querySelectorAll("button, textarea, select, a")].filter(
      (e) => !(e.textContent || "").trim() && !e.getAttribute("aria-label")).length,
    styles,
  });
})()
"""


def test_page_names_no_other_origin():
    """No CDN, no font host, no tracker: nothing a bank would have to allow."""
    assert set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", docs_page())) <= {
        "http://www.w3.org"
    }


def test_policy_lets_only_this_script_run():
    """Injected markup neither runs nor calls out."""
    policy = content_security_policy()

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_script_parses_no_markup():
    """Names and errors come from strangers and enter as text only."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", docs_page()
    )


@pytest.fixture
def browser(tmp_path):
    """A real headless browser with a debugging port, as wide as a phone."""
    process = subprocess.Popen(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--remote-debugging-port=0",
            "--window-size=390,844",
            f"--user-data-dir={tmp_path}",
            "about:blank",
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process, contextlib.ExitStack() as ending:
        ending.callback(process.kill)
        line = next(line for line in process.stderr if "DevTools listening on" in line)
        yield re.search(r"ws://([^/]+)/", line)[1]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_person_tries_a_model_in_the_browser(browser):
    """The page draws every model, runs a known case, and shows that the answer is the right one."""
    with serving(whole_api()) as url:
        seen = asyncio.run(_visit(browser, f"{url}/docs"))

    assert seen["errors"] == []
    assert seen["drawn"] == str(len(published_models()))
    assert seen["pills"] == ["200 OK", "the known right answer"]
    assert seen["origins"] == [url]
    assert seen["health"] == "ready"
    assert (seen["wide"], seen["unnamed"], seen["styles"]) == (False, 0, 0)


async def _visit(host, url):
    async with contextlib.AsyncExitStack() as held:
        session = await held.enter_async_context(aiohttp.ClientSession())
        made = await session.put(f"http://{host}/json/new?about:blank")
        target = (await made.json(content_type=None))["webSocketDebuggerUrl"]
        socket = await held.enter_async_context(session.ws_connect(target))
        errors = []
        for number, (method, params) in enumerate(
            [
                ("Log.enable", {}),
                ("Runtime.enable", {}),
                ("Page.enable", {}),
                ("Page.navigate", {"url": url}),
            ]
        ):
            await socket.send_json({"id": number, "method": method, "params": params})
        async for message in socket:
            event = json.loads(message.data)
            if event.get("method") == "Page.loadEventFired":
                params = {"expression": SEND_FIRST, "awaitPromise": True}
                await socket.send_json({"id": 99, "method": "Runtime.evaluate", "params": params})
            elif event.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                errors.append(event["params"])
            elif event.get("id") == 99:
                return json.loads(event["result"]["result"]["value"]) | {"errors": errors}
    raise AssertionError("the browser went away")
