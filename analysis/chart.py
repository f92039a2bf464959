"""The two pictures of a report, as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from analysis.amounts import amount
from analysis.looks import Comparison, Look

HEIGHT: Final = 320
RIGHT: Final = 16
TOP: Final = 16
BOTTOM: Final = 46
MOST_POINTS: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """How wide a drawing is; text keeps its size, so that a phone shows fewer labels.

    Attributes:
        width: Of the drawing.
        left: Where the plot begins.
        labels: How many moments are named below it.
        names: Room for names of arms.
        kind: CSS class: the page shows the one that fits.
    """

    width: int
    left: int
    labels: int
    names: int
    kind: str


CANVASES: Final = (
    Canvas(width=900, left=84, labels=6, names=190, kind="wide"),
    Canvas(width=400, left=68, labels=3, names=92, kind="narrow"),
)


def effect_chart(comparison: Comparison) -> str | None:
    """Draw estimate and interval over units; None when there is nothing to draw."""
    looks = _thinned([look for look in comparison.looks if look.interval and not look.why_not])
    if not looks:
        return None
    return "".join(_drawn(_Frame(looks, canvas), comparison, looks) for canvas in CANVASES)


def _drawn(frame: "_Frame", comparison: Comparison, looks: Sequence[Look]) -> str:
    metric, canvas = comparison.metric, frame.canvas
    parts = [
        (
            f'<svg class="{canvas.kind}" viewBox="0 0 {canvas.width} {HEIGHT}" role="img" '
            'aria-label="difference over time">'
        ),
        *(
            _level_line(frame, level, amount(metric, level, signed=True) if level else "0")
            for level in frame.levels
        ),
        *(_unit_label(frame, look) for look in _spread(looks, canvas.labels)),
        f'<path class="band" d="{_band(frame, looks)}"/>',
        f'<path class="track" d="{_track(frame, looks)}"/>',
        (
            f'<line class="zero" x1="{canvas.left}" x2="{canvas.width - RIGHT}" '
            f'y1="{frame.y(0):.1f}" y2="{frame.y(0):.1f}"/>'
        ),
    ]
    if comparison.decided is not None:
        parts.append(_decision(frame, comparison.decided, is_worse=comparison.is_worse))
    return "".join([*parts, "</svg>"])


class _Frame:
    """Maps units and differences to the drawing.

    The first, wild looks do not set the scale: it is three times the last interval's reach, and
    whatever lies outside is cut at the edge.
    """

    def __init__(self, looks: Sequence[Look], canvas: Canvas) -> None:
        self.canvas = canvas
        low, high = looks[-1].interval or (0.0, 0.0)
        reach = max(abs(low), abs(high), 1.6 * (high - low))
        wildest = max(max(map(abs, look.interval or (0.0,))) for look in looks)
        self.reach = 1.08 * min(reach, wildest)
        self.first, self.last = looks[0].units, max(looks[-1].units, looks[0].units + 1)

    def x(self, units: int) -> float:
        part = (units - self.first) / (self.last - self.first)
        return self.canvas.left + part * (self.canvas.width - self.canvas.left - RIGHT)

    def y(self, difference: float) -> float:
        part = (self.reach - difference) / (2 * self.reach)
        return TOP + min(max(part, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    @property
    def levels(self) -> list[float]:
        step = _round_step(self.reach / 2.5)
        count = math.floor(self.reach / step)
        return [step * k for k in range(-count, count + 1)]


def _round_step(wanted: float) -> float:
    size = 10.0 ** math.floor(math.log10(wanted))
    return next(size * m for m in (1, 2, 5, 10) if size * m >= wanted)


def _level_line(frame: _Frame, level: float, text: str) -> str:
    y, left, right = frame.y(level), frame.canvas.left, frame.canvas.width - RIGHT
    return (
        f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    )


def _unit_label(frame: _Frame, look: Look) -> str:
    x = frame.x(look.units)
    anchor = (
        "start" if look.units == frame.first else "end" if look.units == frame.last else "middle"
    )
    day = f"{datetime.fromtimestamp(look.at, UTC):%d %b %H:%M}"
    return (
        f'<text x="{x:.1f}" y="{HEIGHT - 24}" text-anchor="{anchor}">{look.units:,}</text>'
        f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{day}</text>'
    )


def _band(frame: _Frame, looks: Sequence[Look]) -> str:
    bounds = [(look.units, look.interval) for look in looks if look.interval]
    upper = [f"{frame.x(units):.1f},{frame.y(high):.1f}" for units, (_, high) in bounds]
    lower = [f"{frame.x(units):.1f},{frame.y(low):.1f}" for units, (low, _) in bounds]
    return "M" + "L".join([*upper, *reversed(lower)]) + "Z"


def _track(frame: _Frame, looks: Sequence[Look]) -> str:
    points = [(look.units, look.effect.difference) for look in looks if look.effect]
    return "M" + "L".join(f"{frame.x(units):.1f},{frame.y(gap):.1f}" for units, gap in points)


def _decision(frame: _Frame, look: Look, *, is_worse: bool) -> str:
    x = frame.x(look.units)
    kind = "mark worse" if is_worse else "mark"
    is_right = x > frame.canvas.width / 2
    return (
        f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{x + (-6 if is_right else 6):.1f}" y="{HEIGHT - BOTTOM - 8}" '
        f'text-anchor="{"end" if is_right else "start"}">decided at {look.units:,}</text>'
    )


def _thinned(looks: Sequence[Look]) -> list[Look]:
    if len(looks) <= MOST_POINTS:
        return list(looks)
    step = (len(looks) - 1) / (MOST_POINTS - 1)
    return [looks[round(k * step)] for k in range(MOST_POINTS)]


def _spread(looks: Sequence[Look], count: int) -> list[Look]:
    """Pick looks about evenly apart in units, ends included."""
    first, last = looks[0].units, looks[-1].units
    targets = [first + (last - first) * k / (count - 1) for k in range(count)]
    picked = {min(looks, key=lambda look: abs(look.units - target)).units for target in targets}
    least = (last - first) / (count * 1.6)
    kept: list[Look] = []
    for look in looks:
        if look.units in picked and (not kept or look.units - kept[-1].units >= least):
            kept.append(look)
    return kept


def balance_chart(names: Sequence[str], counts: Sequence[int], shares: Sequence[float]) -> str:
    """Draw one bar per arm, with a tick where the declared share lies."""
    return "".join(_bars(names, counts, shares, canvas) for canvas in CANVASES)


def _bars(
    names: Sequence[str], counts: Sequence[int], shares: Sequence[float], canvas: Canvas
) -> str:
    total, height = max(1, sum(counts)), 34 * len(names) + 4
    left, wide = canvas.names, canvas.width - canvas.names - 130
    scale = wide / max([*shares, *(count / total for count in counts)])
    rows = [
        f'<text x="{left - 10}" y="{34 * k + 23}" text-anchor="end" unicode-bidi="plaintext">'
        f"{escape(name)}</text>"
        f'<rect class="bar" x="{left}" y="{34 * k + 8}" width="{scale * count / total:.1f}" '
        'height="20" rx="3"/>'
        f'<line class="tick" x1="{left + scale * share:.1f}" x2="{left + scale * share:.1f}" '
        f'y1="{34 * k + 4}" y2="{34 * k + 32}"/>'
        f'<text x="{left + scale * max(share, count / total) + 8:.1f}" y="{34 * k + 23}">'
        f"{count:,} · {100 * count / total:.2f} %</text>"
        for k, (name, count, share) in enumerate(zip(names, counts, shares, strict=True))
    ]
    return (
        f'<svg class="{canvas.kind}" viewBox="0 0 {canvas.width} {height}" role="img" '
        f'aria-label="units by arm">{"".join(rows)}</svg>'
    )
