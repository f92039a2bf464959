"""A dashboard's body, read: widgets in their places, and what each of them draws.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
    CloudWatch-Dashboard-Body-Structure.html, read 2026-11-22.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local_region.cloudwatch.metrics import MetricId

COLUMNS: Final = 24
WIDTH, HEIGHT = 6, 6
"""Of a widget that does not say."""
PERIOD_S: Final = 300
STAT: Final = "Average"
VIEW: Final = "timeSeries"
_ANNOTATIONS: Final = frozenset({"horizontal"})


class DashboardError(ValueError):
    """A body that CloudWatch would refuse."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the dashboard's body is refused: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One entry of a graph: a metric, or an expression.

    Attributes:
        metric: The metric; None of an expression.
        expression: The expression; empty of a metric.
        id: By which expressions refer to it; empty for none.
        label: How its line is called; empty for CloudWatch's own name.
        stat: The metric's statistic.
        period_s: Of a datapoint.
        is_visible: Whether it is drawn, or only used by expressions.
    """

    metric: MetricId | None
    expression: str
    id: str
    label: str
    stat: str
    period_s: int
    is_visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A line across a graph."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A widget of metrics over time."""

    title: str
    drawn: tuple[Drawn, ...]
    thresholds: tuple[Threshold, ...]
    is_stacked: bool
    least: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmStates:
    """A widget of alarms, by their names."""

    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A widget of markdown."""

    markdown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undrawn:
    """A widget that is not drawn here, and why."""

    title: str
    reason: str


Content = Graph | AlarmStates | Text | Undrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """A widget in its place on the grid."""

    x: int
    y: int
    width: int
    height: int
    content: Content


def read_body(text: str) -> tuple[Widget, ...]:
    """Read a dashboard's widgets, row by row.

    Raises:
        DashboardError: It is not JSON of a dashboard's structure.
    """
    try:
        body = json.loads(text)
        found = [_widget(entry) for entry in body["widgets"]]
    except json.JSONDecodeError as error:
        raise DashboardError(f"it is not JSON ({error})") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DashboardError(f"its structure is not CloudWatch's ({error!r})") from error
    return tuple(sorted(found, key=lambda widget: (widget.y, widget.x)))


def _widget(entry: Mapping[str, Any]) -> Widget:
    return Widget(
        x=int(entry.get("x", 0)),
        y=int(entry.get("y", 0)),
        width=int(entry.get("width", WIDTH)),
        height=int(entry.get("height", HEIGHT)),
        content=_content(entry["type"], entry["properties"]),
    )


def _content(kind: str, properties: Mapping[str, Any]) -> Content:
    title = str(properties.get("title", ""))
    if kind == "text":
        return Text(markdown=str(properties["markdown"]))
    if kind == "alarm":
        names = tuple(str(arn).partition(":alarm:")[2] for arn in properties["alarms"])
        return AlarmStates(title=title, names=names)
    if kind != "metric":
        return Undrawn(title=title, reason=f"widgets of type {kind!r} are not drawn here")
    if (view := properties.get("view", VIEW)) != VIEW:
        return Undrawn(title=title, reason=f"the view {view!r} is not drawn here")
    annotations = properties.get("annotations", {})
    if unknown := sorted(annotations.keys() - _ANNOTATIONS):
        return Undrawn(title=title, reason=f"{unknown[0]} annotations are not drawn here")
    return Graph(
        title=title,
        drawn=tuple(_drawn(properties)),
        thresholds=tuple(
            Threshold(value=float(line["value"]), label=str(line.get("label", "")))
            for line in annotations.get("horizontal", ())
        ),
        is_stacked=bool(properties.get("stacked", False)),
        least=_least(properties),
    )


def _least(properties: Mapping[str, Any]) -> float | None:
    least = properties.get("yAxis", {}).get("left", {}).get("min")
    return None if least is None else float(least)


def _drawn(properties: Mapping[str, Any]) -> Iterator[Drawn]:
    before: list[str] = []
    for entry in properties.get("metrics", ()):
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        names = _spelt_out([str(part) for part in entry if not isinstance(part, dict)], before)
        if names:
            before = names
        yield Drawn(
            metric=_metric(names) if names else None,
            expression="" if names else str(options["expression"]),
            id=str(options.get("id", "")),
            label=str(options.get("label", "")),
            stat=str(options.get("stat", properties.get("stat", STAT))),
            period_s=int(options.get("period", properties.get("period", PERIOD_S))),
            is_visible=bool(options.get("visible", True)),
        )


def _metric(names: Sequence[str]) -> MetricId:
    namespace, name, *pairs = names
    return MetricId.of(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _spelt_out(names: Sequence[str], before: Sequence[str]) -> list[str]:
    """Write out `.` (as in the entry before) and `...` (all of it but the rest)."""
    if names and names[0] == "...":
        rest = names[1:]
        return [*before[: len(before) - len(rest)], *rest]
    return [before[index] if name == "." else name for index, name in enumerate(names)]
