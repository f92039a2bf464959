"""Entries of an alarm's `Metrics`, as CloudFormation writes them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from infra.constructs.evidence_expression import (
    ALL_BAD,
    ALL_REQUESTS,
    CANDIDATE_BAD,
    CANDIDATE_REQUESTS,
)

Query = dict[str, Any]
"""One entry of `Metrics`, or an intrinsic function."""
Dimensions = Mapping[str, Any]


def metric(
    id_: str,
    watched: tuple[str, str, str],
    dimensions: Dimensions,
    period: timedelta,
    *,
    returns: bool = False,
) -> Query:
    """Write a metric's statistic.

    Args:
        id_: By which expressions call it.
        watched: Namespace, name and statistic.
        dimensions: Exactly those it is published with.
        period: Of a datapoint.
        returns: Whether it is what the alarm watches.
    """
    namespace, name, stat = watched
    return {
        "Id": id_,
        "ReturnData": returns,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": int(period.total_seconds()),
            "Stat": stat,
        },
    }


def expression(id_: str, text: str, *, returns: bool = False) -> Query:
    """Write an expression."""
    return {"Id": id_, "Expression": text, "ReturnData": returns}


def counts(
    names: tuple[str, str, str], candidate: Dimensions, everyone: Dimensions, period: timedelta
) -> Iterator[Query]:
    """Yield the sums that evidence is made of: bad requests and all, the candidate's and all.

    Args:
        names: Namespace, name of what counts bad requests, name of what counts all.
        candidate: Dimensions of the candidate's own.
        everyone: Dimensions of both versions' together.
        period: Of a datapoint.
    """
    namespace, bad, requests = names
    for id_, name, dimensions in (
        (CANDIDATE_BAD, bad, candidate),
        (CANDIDATE_REQUESTS, requests, candidate),
        (ALL_BAD, bad, everyone),
        (ALL_REQUESTS, requests, everyone),
    ):
        yield metric(id_, (namespace, name, "Sum"), dimensions, period)


def slow_counts(
    name: tuple[str, str],
    limit: float,
    candidate: Dimensions,
    everyone: Dimensions,
    period: timedelta,
) -> Iterator[Query]:
    """Yield the same for requests that took longer than a limit, from one metric of durations.

    `PR(:x)` is the percentage of values up to x (CloudWatch's Statistics-definitions.html).

    Args:
        name: Namespace and name of the metric.
        limit: In the metric's unit.
        candidate: Dimensions of the candidate's own.
        everyone: Dimensions of both versions' together.
        period: Of a datapoint.
    """
    for bad, requests, dimensions in (
        (CANDIDATE_BAD, CANDIDATE_REQUESTS, candidate),
        (ALL_BAD, ALL_REQUESTS, everyone),
    ):
        yield expression(bad, f"{requests} * (1 - {bad}p / 100)")
        yield metric(f"{bad}p", (*name, f"PR(:{limit:g})"), dimensions, period)
        yield metric(requests, (*name, "SampleCount"), dimensions, period)
