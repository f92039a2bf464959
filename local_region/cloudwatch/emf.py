"""Embedded metric format: from a log line to published values.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from local_region.cloudwatch.metrics import MetricId


@dataclass(frozen=True, slots=True)
class Published:
    """One metric's values at an instant."""

    metric: MetricId
    values: tuple[float, ...]
    at: datetime


class EmbeddedMetricError(ValueError):
    """A line that claims to carry metrics but does not follow the specification."""


def published(line: str) -> list[Published]:
    """Read the metrics a log line carries; none when it is an ordinary line.

    CloudWatch drops a malformed document without a word to its writer; here it is an error, so that
    a runtime whose metrics would be lost on AWS is found on the laptop.

    Raises:
        EmbeddedMetricError: The line has an `_aws` member that breaks the specification.
    """
    if '"_aws"' not in line:
        return []
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(document, dict) or "_aws" not in document:
        return []
    try:
        metadata = document["_aws"]
        at = datetime.fromtimestamp(metadata["Timestamp"] / 1000, UTC)
        directives = metadata["CloudWatchMetrics"]
        return [item for found in directives for item in _directive(found, document, at)]
    except (KeyError, TypeError, AttributeError) as error:
        raise EmbeddedMetricError(f"embedded metrics are malformed: {error!r}") from error


def _directive(
    directive: Mapping[str, Any], document: Mapping[str, Any], at: datetime
) -> Iterator[Published]:
    for names in directive["Dimensions"]:
        dimensions = _dimensions(names, document)
        for metric in directive["Metrics"]:
            if metric["Name"] not in document:
                raise EmbeddedMetricError(f"metric {metric['Name']!r} has no value in the line")
            identity = MetricId(directive["Namespace"], metric["Name"], dimensions)
            yield Published(identity, _values(metric["Name"], document[metric["Name"]]), at)


def _dimensions(names: Iterable[str], document: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    missing = [name for name in names if not isinstance(document.get(name), str)]
    if missing:
        raise EmbeddedMetricError(f"dimension {missing[0]!r} has no text value in the line")
    return frozenset((name, document[name]) for name in names)


def _values(name: str, value: object) -> tuple[float, ...]:
    values: list[object] = value if isinstance(value, list) else [value]
    numbers = [
        float(item)
        for item in values
        if isinstance(item, int | float) and not isinstance(item, bool)
    ]
    if len(numbers) != len(values):
        raise EmbeddedMetricError(f"metric {name!r} is not a number or a list of numbers")
    return tuple(numbers)
