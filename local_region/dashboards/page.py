"""Dashboards as pages: one document each, nothing fetched but itself."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.metrics import MetricStore
from local_region.dashboards.body import AlarmStates, Graph, Text, Undrawn, Widget
from local_region.dashboards.chart import COLOURS, drawing, short
from local_region.dashboards.markdown import html
from local_region.dashboards.plots import Plot, Window, plots

ROOT: Final = "/_falaj/dashboards"
MINUTES: Final = (15, 60, 180)
"""Spans that a page offers; the region keeps three hours."""
_SPANS: Final = "".join(f".w{n} {{ grid-column: span {n}; }}\n" for n in range(1, 25))

States = Callable[[str], AlarmState | None]
"""An alarm's state by its name; None where there is no such alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A dashboard at a moment.

    Attributes:
        name: Its name.
        widgets: What it has.
        minutes: How long back it looks.
        now: The region's time.
    """

    name: str
    widgets: tuple[Widget, ...]
    minutes: int
    now: datetime


@cache
def _read(name: str) -> str:
    return (files("local_region.dashboards") / "pages" / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    # Widths come first, so that what narrow screens say of them wins.
    return _SPANS + _read("page.css")


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def content_security_policy() -> str:
    """Return the policy under which only this very style and script run, and call only home."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(_read('page.js'))}",
            f"style-src {_source(_style())}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def dashboard_page(shown: Shown, store: MetricStore, states: States) -> str:
    """Write a dashboard's page."""
    window = Window.until(shown.now, shown.minutes * 60)
    sections = "".join(
        f'<section class="w w{widget.width}" data-part="{index}">'
        f"{_content(widget, store, states, window)}</section>"
        for index, widget in enumerate(shown.widgets)
    )
    spans = "".join(
        f'<a href="?minutes={minutes}"{" aria-current=page" if minutes == shown.minutes else ""}>'
        f"{_span(minutes)}</a>"
        for minutes in MINUTES
    )
    moment = shown.now.strftime("%H:%M:%S")
    head = (
        f"<h1><bdi>{escape(shown.name)}</bdi></h1>"
        f'<nav aria-label="time shown">{spans}<a href="{ROOT}">all dashboards</a></nav>'
        f'<span class="soft" data-part="now">{moment} UTC, the region\'s time</span>'
    )
    return _document(shown.name, head, f'<div class="board">{sections}</div>')


def list_page(names: Iterable[str]) -> str:
    """Write the page that leads to every dashboard."""
    links = "".join(
        f'<li><a href="{ROOT}/{quote(name)}"><bdi>{escape(name)}</bdi></a></li>' for name in names
    )
    told = f"<ul>{links}</ul>" if links else "<p>No stack has a dashboard.</p>"
    return _document("Dashboards", "<h1>Dashboards</h1>", f"<section>{told}</section>")


def _document(title: str, head: str, main: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body><main>"
        f"<header>{head}"
        '<span class="stale" id="stale" hidden>the region does not answer</span></header>'
        f"{main}</main><script>{_read('page.js')}</script></body></html>"
    )


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"  # noqa: PLR2004 - an hour


def _content(widget: Widget, store: MetricStore, states: States, window: Window) -> str:
    match widget.content:
        case Graph() as graph:
            return "".join(_graph(graph, store, window))
        case AlarmStates() as alarms:
            return "".join(_alarms(alarms, states))
        case Text() as text:
            return html(text.markdown)
        case Undrawn() as undrawn:
            return f"{_title(undrawn.title)}{_missing(undrawn.reason)}"


def _graph(graph: Graph, store: MetricStore, window: Window) -> Iterator[str]:
    found = plots(graph, store, window)
    lines = [line for line in found.lines if line.series]
    yield _title(graph.title)
    yield drawing(graph, lines, window)
    yield _key(lines)
    yield from (_missing(reason) for reason in found.missing)


def _key(lines: Sequence[Plot]) -> str:
    items = "".join(
        f'<li><span class="c{index % COLOURS}"><i></i></span><bdi>{escape(line.label)}</bdi> '
        f"<b>{short(line.series[max(line.series)])}</b></li>"
        for index, line in enumerate(lines)
    )
    return f'<ul class="key">{items}</ul>' if items else ""


def _alarms(alarms: AlarmStates, states: States) -> Iterator[str]:
    yield _title(alarms.title)
    known = [(name, states(name)) for name in alarms.names]
    # As CloudWatch sorts them: red first, then what has no data.
    order = [AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA, AlarmState.OK, None]
    items = "".join(
        f'<li><bdi>{escape(name)}</bdi><b class="{_class(state)}">{_word(state)}</b></li>'
        for name, state in sorted(known, key=lambda each: order.index(each[1]))
    )
    yield f'<ul class="alarms">{items}</ul>'


def _class(state: AlarmState | None) -> str:
    return "missing" if state is None else state.value.lower()


def _word(state: AlarmState | None) -> str:
    return "no such alarm" if state is None else state.value.replace("_", " ").lower()


def _title(text: str) -> str:
    return f"<h2><bdi>{escape(text)}</bdi></h2>" if text else ""


def _missing(reason: str) -> str:
    return f'<p class="missing">not drawn: {escape(reason)}</p>'
