"""The picture of a rehearsal: panels over one axis of virtual time, as inline SVG."""

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from falaj.contract import ALARM_PREFIX
from falaj.domain.rollout import Event
from local_region.rehearsal.paper import DESK, Axis, Paper
from local_region.rehearsal.scenario import Level, Moment, Result, Span

GAP: Final = 58
_LINE: Final = 14
_PERCENT: Final = 36  # 100% beside a step
_LETTER: Final = 7.4  # of the words at the look that decided
_BEYOND: Final = 1.05  # so that the end can be seen to be one
_ROOM: Final = 0.6  # above the highest point, for the words at the one that decided
_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing of the picture.

    Attributes:
        title: What it shows.
        note: How to read it.
        height: Of its drawing area.
        labels: Marks on the left: height in [0, 1] from below, and text.
        marks: What is drawn, given the axis and the top.
    """

    title: str
    note: str
    height: int
    labels: tuple[tuple[float, str], ...]
    marks: str


def picture(result: Result, paper: Paper = DESK) -> str:
    """Draw everything over one axis."""
    axis = Axis(end_s=max(_told_s(result), 1.0) * _BEYOND, paper=paper)
    most = 2 * _LINE if paper.note_chars else 0  # what the longest note takes above its panel
    top, parts = 30 + most, list[str]()
    for build in (_share, _bad_rates, _evidence, _alarms):
        panel = build(result, axis, top)
        parts.append(_framed(panel, top, paper))
        top += panel.height + GAP + most
    bottom = top - GAP - most + 12
    return (
        f'<svg class="{paper.name}" viewBox="0 0 {paper.width} {bottom + 44}" role="img" '
        f'aria-label="What happened over virtual time">'
        f"{''.join(_grid(axis, bottom))}{''.join(_flags(result.timeline, axis, bottom))}"
        f"{''.join(parts)}</svg>"
    )


def clock(seconds: float) -> str:
    """Write a moment as 4:30 or 1:04:30.

    Example:
        >>> clock(270), clock(3870)
        ('4:30', '1:04:30')
    """
    minutes, rest = divmod(max(0, int(seconds)), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short_name(alarm: str, model: str) -> str:
    """Write an alarm's name without what all of a model's alarms share.

    Example:
        >>> short_name("falaj-churn-near-timeout-06ba88dc", "churn")
        'near-timeout'
    """
    name = alarm.removeprefix(f"{ALARM_PREFIX}{model}-")
    return re.sub(r"-[0-9a-f]{8}$", "", name)


# ------------------------------------------------------------------------------- panels
def _share(result: Result, axis: Axis, top: int) -> Panel:
    height = 120
    steps = [(m.at_s, m.share) for m in result.timeline if m.share is not None]
    points, level = [(0.0, 0.0)], 0.0
    for at_s, share in steps:
        points += [(at_s, level), (at_s, share)]
        level = share
    points.append((axis.end_s, level))
    line = [(axis.x(at), _y(top, height, share)) for at, share in points]
    floor = top + height
    area = [(line[0][0], floor), *line, (line[-1][0], floor)]
    names = "".join(
        _percent(axis, axis.x(at), _y(top, height, share) - 5, share)
        for at, share in steps
        if share > 0
    )
    marks = f'<polygon class="area" points="{_points(area)}"/><polyline class="share" '
    return Panel(
        title="Share of the candidate",
        note="what the alias gives it",
        height=height,
        labels=((0, "0%"), (0.5, "50%"), (1, "100%")),
        marks=f'{marks}points="{_points(line)}"/>{names}',
    )


def _percent(axis: Axis, x: float, y: float, share: float) -> str:
    is_right = x + _PERCENT > axis.paper.edge
    side, anchor = (x - 5, "end") if is_right else (x + 5, "start")
    return f'<text class="value" x="{side}" y="{y}" text-anchor="{anchor}">{share:.0%}</text>'


def _bad_rates(result: Result, axis: Axis, top: int) -> Panel:
    height = 130
    spans = _merged(result.spans, axis)
    rates = [
        rate
        for span in spans
        for rate in (_rate(span.candidate_bad, span.candidate), _rate(span.stable_bad, span.stable))
        if rate is not None
    ]
    most = _rounded_up(max(rates, default=0.0))
    marks = []
    for name, pairs in (
        ("stable", [(s.at_s, s.stable_bad, s.stable) for s in spans]),
        ("candidate", [(s.at_s, s.candidate_bad, s.candidate) for s in spans]),
    ):
        known = [(at, bad, all_, bad / all_) for at, bad, all_ in pairs if all_]
        line = [(axis.x(at), _y(top, height, rate / most)) for at, _, _, rate in known]
        if line:
            marks.append(f'<polyline class="{name}" points="{_points(line)}"/>')
        marks += [
            f'<circle class="{name}" cx="{x}" cy="{y}" r="{3.2 if bad else 1.6}">'
            f"<title>{clock(at)}  {name}: {bad} bad of {all_}</title></circle>"
            for (x, y), (at, bad, all_, _) in zip(line, known, strict=True)
        ]
    return Panel(
        title="Bad answers",
        note="share of each version's requests that were answered 5xx",
        height=height,
        labels=((0, "0%"), (0.5, f"{most / 2:.0%}"), (1, f"{most:.0%}")),
        marks="".join(marks),
    )


def _evidence(result: Result, axis: Axis, top: int) -> Panel:
    height = 130
    known = [level for level in result.levels if level.log_evidence is not None]
    values = [_value(level) for level in known]
    low, high = min([-3.0, *values]), max([0.6, *values])
    high, low = math.ceil((high + _ROOM) * 2) / 2, math.floor(low)

    def place(value: float) -> float:
        return _y(top, height, (value - low) / (high - low))

    line = [(axis.x(level.at_s), place(_value(level))) for level in known]
    threshold = place(0.0)
    dots = "".join(
        f'<circle class="evidence" cx="{x}" cy="{y}" r="{4.5 if level.decision else 2.6}"><title>'
        f"{clock(level.at_s)}  log10(αE) = {level.log_evidence:.2f}"
        f"{f', {level.decision}' * bool(level.decision)}</title></circle>"
        for (x, y), level in zip(line, known, strict=True)
    )
    decided = [pair for pair in zip(line, known, strict=True) if pair[1].decision]
    dots += _deciding(*decided[-1], threshold=threshold, paper=axis.paper) if decided else ""
    paper = axis.paper
    red = f'<rect class="danger" x="{paper.left}" y="{top}" width="{paper.inner}" '
    return Panel(
        title="Evidence of harm",
        note="log10(αE), as the controller saw it; at the line it rolls back; the ring decided",
        height=height,
        labels=((0, f"{low:g}"), ((0 - low) / (high - low), "0"), (1, f"{high:g}")),
        marks=(
            f'{red}height="{threshold - top:.2f}"/>'
            f'<line class="threshold" x1="{paper.left}" x2="{paper.edge}" y1="{threshold}" '
            f'y2="{threshold}"/><polyline class="evidence" points="{_points(line)}"/>{dots}'
        ),
    )


def _deciding(at: tuple[float, float], level: Level, *, threshold: float, paper: Paper) -> str:
    """Mark the look that decided: its value, and how far it was from the threshold."""
    x, y = at
    by_alarm = level.decision == Event.HARMED and (level.log_evidence or 0.0) < 0
    says = f"{level.decision}{' by an alarm' * by_alarm} at {level.log_evidence:+.2f}"
    room = _LETTER * len(says) + 14
    side, height, anchor = x + 14, y + 4, "start"
    if x + room > paper.edge:  # no room beside it; the curve comes from below
        side, height, anchor = x - 14, y - 12, "end"
        if x - room < 0:
            side, anchor = paper.edge, "end"
    return (
        f'<line class="reach" x1="{x}" x2="{x}" y1="{threshold}" y2="{y}"/>'
        f'<circle class="deciding" cx="{x}" cy="{y}" r="8"/>'
        f'<text class="verdict" x="{side}" y="{height}" '
        f'text-anchor="{anchor}">{escape(says)}</text>'
    )


def _alarms(result: Result, axis: Axis, top: int) -> Panel:
    bars = list(_red_stretches(result.timeline, axis))
    names, model = sorted({name for name, _, _ in bars}), result.scenario.model
    height = max(1, len(names)) * 24
    marks = []
    for name, begin, end in bars:
        y = top + names.index(name) * 24 + 4
        width = max(4.0, axis.x(end) - axis.x(begin))
        x = min(axis.x(begin), axis.paper.edge - width)
        flipped = x > axis.paper.width / 2
        marks.append(
            f'<rect class="alarm" x="{x}" y="{y}" width="{width:.2f}" height="16" rx="3">'
            f"<title>{escape(name)}: red from {clock(begin)} to {clock(end)}</title></rect>"
            f'<text class="value" x="{x - 6 if flipped else x + width + 6}" y="{y + 12}" '
            f'text-anchor="{"end" if flipped else "start"}">'
            f"{escape(short_name(name, model))}</text>"
        )
    if not names:
        x = axis.paper.left + 8
        marks.append(f'<text class="quiet" x="{x}" y="{top + 16}">none went red</text>')
    return Panel(
        title="Alarms", note="while they were red", height=height, labels=(), marks="".join(marks)
    )


# ------------------------------------------------------------------------------- pieces
def _framed(panel: Panel, top: int, paper: Paper) -> str:
    floor = top + panel.height
    labels = "".join(
        f'<text class="label" x="{paper.left - 8}" y="{_y(top, panel.height, at) + 4}">{text}'
        "</text>"
        for at, text in panel.labels
    )
    return (
        f"{_heading(panel, top - 10, paper)}"
        f'<line class="floor" x1="{paper.left}" x2="{paper.edge}" y1="{floor}" y2="{floor}"/>'
        f"{labels}{panel.marks}"
    )


def _heading(panel: Panel, y: int, paper: Paper) -> str:
    """Write a panel's title, and how to read it: beside it, or in lines below."""
    if not paper.note_chars:
        return (
            f'<text class="title" x="{paper.left}" y="{y}">{panel.title}'
            f'<tspan class="note" dx="10">{panel.note}</tspan></text>'
        )
    lines = textwrap.wrap(panel.note, paper.note_chars)
    first = y - _LINE * len(lines)
    notes = "".join(
        f'<tspan class="note" x="0" y="{first + _LINE * number}">{line}</tspan>'
        for number, line in enumerate(lines, start=1)
    )
    return f'<text class="title" x="0" y="{first}">{panel.title}{notes}</text>'


def _grid(axis: Axis, bottom: int) -> Iterator[str]:
    for tick in axis.ticks():
        x = axis.x(tick)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="24" y2="{bottom}"/>'
        yield f'<text class="tick" x="{x}" y="{bottom + 18}">{clock(tick)}</text>'
    yield (
        f'<text class="tick" x="{axis.paper.left + axis.paper.inner / 2}" y="{bottom + 36}">'
        "minutes of virtual time after the release</text>"
    )


def _flags(timeline: Sequence[Moment], axis: Axis, bottom: int) -> Iterator[str]:
    """Draw a line through every panel where faults begin and where it ends."""
    for moment in timeline:
        if moment.kind in {"fault", "wait", "end"}:
            x = axis.x(moment.at_s)
            yield (
                f'<line class="flag {moment.kind}" x1="{x}" x2="{x}" y1="24" y2="{bottom}">'
                f"<title>{clock(moment.at_s)}  {escape(moment.text)}</title></line>"
            )


def _red_stretches(timeline: Iterable[Moment], axis: Axis) -> Iterator[tuple[str, float, float]]:
    began: dict[str, float] = {}
    for moment in timeline:
        if moment.kind != "alarm":
            continue
        name, _, change = moment.text.partition(" ")
        if change.endswith("ALARM"):
            began[name] = moment.at_s
        elif name in began:
            yield name, began.pop(name), moment.at_s
    for name, begin in began.items():
        yield name, begin, axis.end_s


def _told_s(result: Result) -> float:
    """Return until when something happens: weeks in which a split is only held are left out."""
    waits = (moment.at_s for moment in result.timeline if moment.kind == "wait")
    return next(waits, result.virtual_seconds)


def _merged(spans: Sequence[Span], axis: Axis) -> list[Span]:
    """Join spans until there are few enough to see."""
    width = max(10.0, math.ceil(axis.end_s / axis.paper.most_points / 10) * 10.0)
    merged: dict[int, Span] = {}
    for span in spans:
        whole = merged.setdefault(
            int(span.at_s // width), Span(at_s=span.at_s // width * width + width / 2)
        )
        whole.candidate += span.candidate
        whole.candidate_bad += span.candidate_bad
        whole.stable += span.stable
        whole.stable_bad += span.stable_bad
    return [merged[index] for index in sorted(merged)]


def _rate(bad: int, all_: int) -> float | None:
    return bad / all_ if all_ else None


def _value(level: Level) -> float:
    return max(-6.0, min(6.0, level.log_evidence or 0.0))


def _rounded_up(rate: float) -> float:
    return next((step for step in (0.02, 0.04, 0.1, 0.2, 0.5) if rate <= step), 1.0)


def _y(top: int, height: int, share: float) -> float:
    return round(top + height * (1 - share), 2)


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
