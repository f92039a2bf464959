"""Embedded metric format: from a log line to published values.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from local_region.cloudwatch.metrics import MetricId


class Published(NamedTuple):
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
) -> list[Published]:
    namespace = directive["Namespace"]
    names = tuple(metric["Name"] for metric in directive["Metrics"])
    missing = [name for name in names if name not in document]
    if missing:
        raise EmbeddedMetricError(f"metric {missing[0]!r} has no value in the line")
    measured = [_values(name, document[name]) for name in names]
    return [
        Published(identity, values, at)
        for dimensions in directive["Dimensions"]
        for identity, values in zip(
            _identities(namespace, names, _dimensions(dimensions, document)), measured, strict=True
        )
    ]


@lru_cache(maxsize=1024)  # a function's lines name the same metrics again and again
def _identities(
    namespace: str, names: tuple[str, ...], dimensions: tuple[tuple[str, str], ...]
) -> tuple[MetricId, ...]:
    return tuple(MetricId(namespace, name, frozenset(dimensions)) for name in names)


def _dimensions(names: Iterable[str], document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = tuple((name, document[name]) for name in names if isinstance(document.get(name), str))
    if len(found) < len(tuple(names)):
        missing = next(name for name in names if not isinstance(document.get(name), str))
        raise EmbeddedMetricError(f"dimension {missing!r} has no text value in the line")
    return found


def _values(name: str, value: object) -> tuple[float, ...]:
    if type(value) is float or type(value) is int:
        return (float(value),)
    values: list[object] = value if isinstance(value, list) else [value]
    numbers = [
        float(item)
        for item in values
        if isinstance(item, int | float) and not isinstance(item, bool)
    ]
    if len(numbers) != len(values):
        raise EmbeddedMetricError(f"metric {name!r} is not a number or a list of numbers")
    return tuple(numbers)
