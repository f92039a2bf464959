"""Widgets of a dashboard, and their places on CloudWatch's grid.

A dashboard's body is one string in the template: a construct for each widget would cost a synthesis
of a hundred models seconds. What only AWS can name stands in it as `${Name}`, for `Fn::Sub`.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
    CloudWatch-Dashboard-Body-Structure.html (a grid of 24 columns; at most 500 widgets);
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (500 metrics in a
    widget and 2,500 in a dashboard, those that expressions use counted as well);
    …/search-expression-syntax.html; …/graph-dynamic-labels.html; read 2026-11-22.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.contract import REGION

COLUMNS: Final = 24
HEIGHT: Final = 6
PERIOD_S: Final = 60
START: Final = "-PT3H"

Option = str | bool
Entry = list[Any]
"""One entry of a widget's `metrics`: a metric, or an expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A value at which a graph has a line across.

    Attributes:
        value: Where.
        says: What it means.
    """

    value: float
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph of metrics.

    Attributes:
        title: What it shows, with its unit.
        entries: What is drawn.
        stat: The statistic of entries that name none.
        is_stacked: Whether entries stand upon each other.
        lines: Thresholds of alarms.
    """

    title: str
    entries: Sequence[Entry]
    stat: str = "Sum"
    is_stacked: bool = False
    lines: Sequence[Line] = ()

    def widget(self) -> dict[str, Any]:
        """Write it without its place."""
        properties: dict[str, Any] = {
            "title": self.title,
            "region": REGION,
            "view": "timeSeries",
            "stacked": self.is_stacked,
            "stat": self.stat,
            "period": PERIOD_S,
            "metrics": list(self.entries),
            "yAxis": {"left": {"min": 0, "showUnits": False}},
        }
        if self.lines:
            properties["annotations"] = {
                "horizontal": [{"value": line.value, "label": line.says} for line in self.lines]
            }
        if any(line.value <= 0 for line in self.lines):
            del properties["yAxis"]["left"]["min"]
        return {"type": "metric", "properties": properties}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The states of alarms.

    Attributes:
        title: What they are about.
        names: Names of the alarms, 1 to 100.
    """

    title: str
    names: Sequence[str]

    def widget(self) -> dict[str, Any]:
        """Write it without its place."""
        arn = f"arn:${{AWS::Partition}}:cloudwatch:{REGION}:${{AWS::AccountId}}:alarm:"
        return {
            "type": "alarm",
            "properties": {
                "title": self.title,
                "sortBy": "stateUpdatedTimestamp",
                "alarms": [f"{arn}{name}" for name in self.names],
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Markdown.

    Attributes:
        lines: Its lines.
    """

    lines: Sequence[str]

    def widget(self) -> dict[str, Any]:
        """Write it without its place."""
        return {"type": "text", "properties": {"markdown": "\n".join(self.lines)}}


Widget = Graph | Alarms | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard.

    Attributes:
        name: By which people find it.
        rows: Widgets beside each other, row by row; those of a row share its width.
        names: What only AWS can name, by its placeholder.
    """

    name: str
    rows: Sequence[Sequence[Widget]]
    names: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> str:
        """Write the body, names of AWS's left open."""
        document = {
            "start": START,
            # Every graph keeps its minute, which is what alarms look at.
            "periodOverride": "inherit",
            "widgets": list(_placed(self.rows)),
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def metric(
    namespace: str, name: str, dimensions: Mapping[str, str] | None = None, **options: Option
) -> Entry:
    """Write a metric.

    Args:
        namespace: Its namespace.
        name: Its name.
        dimensions: Exactly those it is published with.
        options: `label`, `stat`, `id`, `visible`, `yAxis`, as CloudWatch calls them.
    """
    pairs = [part for pair in (dimensions or {}).items() for part in pair]
    return [namespace, name, *pairs, *([options] if options else [])]


def expression(text: str, label: str, **options: Option) -> Entry:
    """Write an expression over the ids of other entries."""
    return [{"expression": text, "label": label, **options}]


def search(
    schema: Iterable[str], terms: str, *, stat: str = "Sum", label: str = "", id_: str = ""
) -> Entry:
    """Write a search, which finds versions that no template can name.

    Args:
        schema: The namespace and all its dimensions' names.
        terms: What a metric must match besides, such as `MetricName="Requests"`.
        stat: The statistic.
        label: What each line is called; `told_by` names a dimension's value.
        id_: By which an expression refers to it.
    """
    text = f"SEARCH('{{{','.join(schema)}}} {terms}', '{stat}', {PERIOD_S})"
    return [{"expression": text, "label": label, **({"id": id_} if id_ else {})}]


def told_by(dimension: str) -> str:
    """Write the part of a label that is a dimension's value; `!` keeps it from `Fn::Sub`."""
    return f"${{!PROP('Dim.{dimension}')}}"


def _placed(rows: Iterable[Sequence[Widget]]) -> Iterable[dict[str, Any]]:
    top = 0
    for row in rows:
        height = _height(row)
        width = COLUMNS // len(row)
        for index, item in enumerate(row):
            place = {"x": index * width, "y": top, "width": width, "height": height}
            yield {**item.widget(), **place}
        top += height


def _height(row: Sequence[Widget]) -> int:
    texts = [item for item in row if isinstance(item, Text)]
    if len(texts) < len(row):
        return HEIGHT
    return max(2, *(1 + len(text.lines) * 2 // 3 for text in texts))
