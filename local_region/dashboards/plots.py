"""What a graph's lines are: metrics read, expressions computed, searches answered."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from local_region.cloudwatch.expressions import ExpressionError, evaluate
from local_region.cloudwatch.metrics import MetricId, MetricStore, Series
from local_region.cloudwatch.search import Search, is_search
from local_region.cloudwatch.statistics import UnknownStatisticError
from local_region.dashboards.body import Drawn, Graph

MOST_LINES: Final = 500
"""Of one graph, as CloudWatch's."""
_PROPERTY: Final = re.compile(r"\$\{PROP\('([^']+)'\)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One line of a graph."""

    label: str
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """A graph's lines, and why others are missing."""

    lines: tuple[Plot, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What time a graph shows, in Unix seconds; `end` is the second after it."""

    start: int
    end: int

    @classmethod
    def until(cls, now: datetime, seconds: int) -> "Window":
        """Return the last seconds, in whole minutes, the minute that is under way among them."""
        end = (int(now.timestamp()) // 60 + 1) * 60
        return cls(start=end - seconds, end=end)


def plots(graph: Graph, store: MetricStore, window: Window) -> Plots:
    """Compute a graph's lines."""
    known, lines, missing = dict[str, Series](), list[Plot](), list[str]()
    # Read first: expressions may stand before what they use.
    for entry in graph.drawn:
        try:
            if entry.metric is not None and entry.id:
                known[entry.id] = _read(store, entry.metric, entry.stat, entry.period_s, window)
        except UnknownStatisticError:
            continue  # told below, by whoever uses it
    for entry in graph.drawn:
        if not entry.is_visible:
            continue
        try:
            lines += _lines(entry, store, known, window)
        except (ExpressionError, UnknownStatisticError) as error:
            missing.append(str(error))
    if len(lines) > MOST_LINES:
        missing.append(f"{len(lines) - MOST_LINES} lines more than a graph has")
    return Plots(lines=tuple(lines[:MOST_LINES]), missing=tuple(missing))


def _lines(
    entry: Drawn, store: MetricStore, known: Mapping[str, Series], window: Window
) -> Iterator[Plot]:
    if entry.metric is not None:
        series = _read(store, entry.metric, entry.stat, entry.period_s, window)
        yield Plot(label=_named(entry.label or entry.metric.name, entry.metric), series=series)
    elif is_search(entry.expression):
        search = Search.read(entry.expression)
        period_s = search.period_s or entry.period_s
        for metric in search.among(store):
            series = _read(store, metric, search.stat, period_s, window)
            if series:
                yield Plot(label=_named(entry.label or metric.name, metric), series=series)
    else:
        periods = list(range(_first(window, entry.period_s), window.end, entry.period_s))
        series = evaluate(entry.expression, known, periods)
        yield Plot(label=entry.label or entry.expression, series=series)


def _read(store: MetricStore, metric: MetricId, stat: str, period_s: int, window: Window) -> Series:
    start = _first(window, period_s)
    return store.read(metric, stat, start=start, end=window.end, period_s=period_s)


def _first(window: Window, period_s: int) -> int:
    return window.start - window.start % period_s


def _named(label: str, metric: MetricId) -> str:
    """Put a metric's own properties into a label."""
    dimensions = dict(metric.dimensions)

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith("Dim."):
            return dimensions.get(name.removeprefix("Dim."), "")
        return {"MetricName": metric.name, "Namespace": metric.namespace}.get(name, found[0])

    return _PROPERTY.sub(value, label)
