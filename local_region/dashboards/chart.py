"""Lines over time as SVG that a page's style colours; of what has no value, nothing is drawn."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Final

from local_region.cloudwatch.expressions import ExpressionError
from local_region.cloudwatch.metrics import Series
from local_region.cloudwatch.search import Search
from local_region.dashboards.body import Drawn, Graph, Threshold
from local_region.dashboards.plots import Plot, Window

COLOURS: Final = 8
OF_AWS_ALONE: Final = frozenset({"AWS/ApiGateway", "AWS/ECS", "AWS/SQS"})
"""Namespaces that stacks draw and nothing in this region publishes into."""
WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 14, 22
_MARKS: Final = 4
_FAR: Final = 4.0
"""A threshold so many times above all values is told beside the graph: it would flatten them."""
_SHORT: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def drawing(graph: Graph, lines: Sequence[Plot], window: Window) -> str:
    """Draw a graph.

    Args:
        graph: Its thresholds, and whether it is stacked.
        lines: What is drawn, in the order of its colours.
        window: The time shown.
    """
    stacks = _stacked(lines) if graph.is_stacked else [line.series for line in lines]
    values = [value for series in stacks for value in series.values()]
    near = [line for line in graph.thresholds if not _is_far(line, values)]
    scale = _Scale(values + [line.value for line in near], graph.least, window)
    parts = [*scale.grid(), *_curves(graph, stacks, scale)]
    parts += [part for line in near for part in _across(line, scale)]
    far = [line for line in graph.thresholds if line not in near]
    if far:
        told = "; ".join(f"{line.label} at {short(line.value)}" for line in far)
        parts.append(f'<text class="far" x="{LEFT + 4}" y="{TOP - 3}">↑ {escape(told)}</text>')
    if not values:
        middle = f'x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT / 2}"'
        why = "AWS alone emits this" if _is_of_aws_alone(graph) else "no data yet"
        parts.append(f'<text class="none" {middle}>{why}</text>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(graph.title)}">'
        f"{''.join(parts)}</svg>"
    )


def short(value: float) -> str:
    """Write a number in few characters.

    Example:
        >>> [short(value) for value in (0, 0.25, 9500, 12, 1_200_000)]
        ['0', '0.25', '9.5k', '12', '1.2M']
    """
    for unit, letter in _SHORT:
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _is_of_aws_alone(graph: Graph) -> bool:
    """Whether nothing that a graph draws is published in this region."""
    spaces = {_namespace(entry) for entry in graph.drawn if entry.metric or entry.is_visible}
    return bool(spaces) and spaces <= OF_AWS_ALONE


def _namespace(entry: Drawn) -> str:
    """Name the namespace of an entry; empty where none can be told."""
    if entry.metric is not None:
        return entry.metric.namespace
    try:
        return Search.read(entry.expression).namespace
    except ExpressionError:
        return ""


class _Scale:
    """Where values and moments are on the drawing."""

    def __init__(self, values: Sequence[float], least: float | None, window: Window) -> None:
        low = min(values, default=0.0) if least is None else least
        high = max(values, default=1.0)
        if high <= low:
            high = low + 1.0
        self._step = _round_step((high - low) / _MARKS)
        self._low = math.floor(low / self._step) * self._step
        self._high = math.ceil(high / self._step) * self._step
        self._window = window

    def x(self, second: float) -> float:
        share = (second - self._window.start) / (self._window.end - self._window.start)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(HEIGHT - BOTTOM - min(1.0, max(0.0, share)) * (HEIGHT - TOP - BOTTOM), 1)

    def grid(self) -> Iterator[str]:
        count = round((self._high - self._low) / self._step)
        for mark in range(count + 1):
            value = self._low + mark * self._step
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            yield f'<text class="mark" x="{LEFT - 6}" y="{y + 4}">{short(value)}</text>'
        span = self._window.end - self._window.start
        for part in (0, 1, 2, 3):
            second = self._window.start + span * part // 3
            anchor = ("first", "", "", "last")[part]
            moment = datetime.fromtimestamp(second, UTC).strftime("%H:%M")
            place = f'x="{self.x(second)}" y="{HEIGHT - 6}"'
            yield f'<text class="moment {anchor}" {place}>{moment}</text>'


def _round_step(exact: float) -> float:
    power = 10.0 ** math.floor(math.log10(exact))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= exact * 0.999)


def _is_far(line: Threshold, values: Sequence[float]) -> bool:
    most = max((abs(value) for value in values), default=0.0)
    return most > 0 and line.value > _FAR * most


def _stacked(lines: Sequence[Plot]) -> list[Series]:
    """Put each line upon those before it; where one has no value it adds none."""
    seconds = sorted({second for line in lines for second in line.series})
    below, stacks = dict.fromkeys(seconds, 0.0), list[Series]()
    for line in lines:
        below = {second: below[second] + line.series.get(second, 0.0) for second in seconds}
        stacks.append(below)
    return stacks


def _curves(graph: Graph, stacks: Sequence[Series], scale: _Scale) -> Iterator[str]:
    if graph.is_stacked:
        floors = [dict.fromkeys(stacks[0], 0.0) if stacks else {}, *stacks[:-1]]
        for index, (floor, top) in enumerate(zip(floors, stacks, strict=bool(stacks))):
            yield from _areas(top, floor, scale, index)
    for index, series in enumerate(stacks):
        yield from _polylines(series, scale, index)


def _runs(series: Series) -> Iterator[list[int]]:
    """Yield moments that follow each other without a gap."""
    seconds = sorted(series)
    step = min((after - before for before, after in pairwise(seconds)), default=0)
    run: list[int] = []
    for second in seconds:
        if run and second - run[-1] > step:
            yield run
            run = []
        run.append(second)
    if run:
        yield run


def _areas(top: Series, floor: Series, scale: _Scale, index: int) -> Iterator[str]:
    for run in _runs(top):
        if len(run) > 1:
            there = [f"{scale.x(at)},{scale.y(top[at])}" for at in run]
            back = [f"{scale.x(at)},{scale.y(floor[at])}" for at in reversed(run)]
            yield f'<polygon class="c{index % COLOURS}" points="{" ".join([*there, *back])}"/>'


def _polylines(series: Series, scale: _Scale, index: int) -> Iterator[str]:
    colour = f"c{index % COLOURS}"
    for run in _runs(series):
        if len(run) == 1:
            place = f'cx="{scale.x(run[0])}" cy="{scale.y(series[run[0]])}"'
            yield f'<circle class="{colour}" {place} r="2.5"/>'
        else:
            points = " ".join(f"{scale.x(at)},{scale.y(series[at])}" for at in run)
            yield f'<polyline class="{colour}" points="{points}"/>'


def _across(line: Threshold, scale: _Scale) -> Iterator[str]:
    y = scale.y(line.value)
    yield f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
    above = y - 4 if y - 4 > TOP else y + 12
    yield (
        f'<text class="threshold" x="{WIDTH - RIGHT - 2}" y="{above}">{escape(line.label)}</text>'
    )
