"""What both versions served, as CloudWatch counted it: the guard's raw material.

A request is counted once. The runtime's own `Requests` and `Bad` know every request that was
answered, 5xx included, since it answers those without raising; Lambda's `Errors` by executed
version knows those that ended without an answer (crash, timeout, memory). The two do not overlap,
so the latter are added to both requests and errors.

A shadow has metrics of its own, since no caller saw its answers; stable's are the same as ever.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html;
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html (FunctionName, Resource,
    ExecutedVersion); Statistics-definitions.html (`PR(:x)`: percentage of values up to x).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from falaj.aws.calls import Client, calling
from falaj.contract import (
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    LIVE_ALIAS,
    METRIC_BAD,
    METRIC_INVALID_OUTPUT,
    METRIC_LATENCY,
    METRIC_NAMESPACE,
    METRIC_REQUESTS,
    METRIC_SHADOW_BAD,
    METRIC_SHADOW_INVALID_OUTPUT,
    METRIC_SHADOW_LATENCY,
    METRIC_SHADOW_MATCH,
    METRIC_SHADOW_MISMATCH,
    METRIC_SHADOW_REQUESTS,
)
from falaj.domain.plan import PlanKind
from falaj.domain.rollout import Rollout
from falaj.domain.verdict import MISMATCH
from falaj.domain.windows import HOUR_S, MINUTE_S, Window, windows
from falaj.errors import DependencyError
from falaj.guard import Bucket

_LAMBDA: Final = "AWS/Lambda"
_PERCENTILES: Final = {"slow_p90": "p90", "slow_p99": "p99"}
_DAY_S: Final = 24 * HOUR_S
_SIDES: Final = ("candidate", "stable")
_LIVE: Final = {"requests": METRIC_REQUESTS, "bad": METRIC_BAD, "invalid": METRIC_INVALID_OUTPUT}
_SHADOW: Final = {
    "requests": METRIC_SHADOW_REQUESTS,
    "bad": METRIC_SHADOW_BAD,
    "invalid": METRIC_SHADOW_INVALID_OUTPUT,
    "differs": METRIC_SHADOW_MISMATCH,
    "agrees": METRIC_SHADOW_MATCH,
}

Series = Mapping[datetime, float]
Query = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whom the guard compares, and whether the candidate is a shadow."""

    model: str
    function: str
    candidate: str
    stable: str
    is_shadow: bool = False

    @classmethod
    def of(cls, rollout: Rollout, function: str) -> Self:
        """Name both sides of a rollout."""
        release = rollout.release
        return cls(
            model=rollout.model,
            function=function,
            candidate=rollout.candidate,
            stable=rollout.stable,
            is_shadow=release is not None and release.plan.kind is PlanKind.SHADOW,
        )


class EvidenceReader:
    """Reads outcome metrics.

    Args:
        client: A CloudWatch client.
    """

    def __init__(self, client: Client) -> None:
        self._cloudwatch = client

    def slow_thresholds_ms(self, model: str, release: str, *, now: datetime) -> dict[str, float]:
        """Return stable's 90th and 99th percentile of warm latency, by objective.

        They are those of the busier of the last two clock hours, or of the last two days if it
        answered nothing then. Empty when it answered nothing at all: then nothing is called slow.

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        dimensions = _by_release(model, release)
        latency = (METRIC_NAMESPACE, METRIC_LATENCY, dimensions)
        for period in (HOUR_S, _DAY_S):
            stats = {"n": "SampleCount", **_PERCENTILES}
            queries = [
                _query(id_, *latency, stat=stat, period=period) for id_, stat in stats.items()
            ]
            end = now.timestamp() // period * period + period
            found = self._read(queries, _at(end - 2 * period), _at(end))
            if counts := found["n"]:
                busiest = max(counts, key=lambda at: (counts[at], at))
                return {name: found[name][busiest] for name in _PERCENTILES}
        return {}

    def buckets(self, compared: Compared, rollout: Rollout, *, now: datetime) -> Iterator[Bucket]:
        """Yield what both versions served since the candidate's first share, in short periods.

        Raises:
            DependencyError: CloudWatch does not answer, or not with everything.
        """
        slow = rollout.slow_thresholds_ms
        for window in windows(rollout.segments, now):
            queries = list(_outcome_queries(compared, slow, window))
            yield from _outcomes(self._read(queries, window.start, window.end), slow, window)
        for window in windows(rollout.segments, now, finest_s=MINUTE_S):
            if queries := list(_error_queries(compared, window)):
                yield from _losses(self._read(queries, window.start, window.end), window)

    def _read(
        self, queries: Sequence[Query], start: datetime, end: datetime
    ) -> Mapping[str, Series]:
        found: dict[str, dict[datetime, float]] = {query["Id"]: {} for query in queries}
        with calling("cloudwatch", "return metrics"):
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
            )
            results = [result for page in pages for result in page["MetricDataResults"]]
        for result in results:
            if result["StatusCode"] not in {"Complete", "PartialData"}:
                raise DependencyError(
                    service="cloudwatch", doing="return metrics", reason=result["StatusCode"]
                )
            stamps = (at.astimezone(UTC) for at in result["Timestamps"])
            found[result["Id"]].update(zip(stamps, result["Values"], strict=True))
        return found


def _outcome_queries(
    compared: Compared, slow: Mapping[str, float], window: Window
) -> Iterator[Query]:
    releases = (compared.candidate, compared.stable)
    for side, release in zip(_SIDES, releases, strict=True):
        if not release:
            continue
        dimensions = _by_release(compared.model, release)
        is_shadow = compared.is_shadow and side == "candidate"
        counts = _SHADOW if is_shadow else _LIVE
        stats = {"timed": "SampleCount"}
        stats |= {name: f"PR(:{threshold:.6f})" for name, threshold in slow.items()}
        for id_, name in counts.items():
            yield _query(
                f"{side}_{id_}",
                METRIC_NAMESPACE,
                name,
                dimensions,
                stat="Sum",
                period=window.period_s,
            )
        for id_, stat in stats.items() if slow else ():
            yield _query(
                f"{side}_{id_}",
                METRIC_NAMESPACE,
                METRIC_SHADOW_LATENCY if is_shadow else METRIC_LATENCY,
                dimensions,
                stat=stat,
                period=window.period_s,
            )


def _error_queries(compared: Compared, window: Window) -> Iterator[Query]:
    resource = {
        "FunctionName": compared.function,
        "Resource": f"{compared.function}:{LIVE_ALIAS}",
    }
    # An alias without weights has no executed version to tell apart: all of it is one release's.
    sides = {"candidate": resource} if window.share >= 1.0 else {}
    if compared.is_shadow:
        # Copies name the shadow's version; what ends without an answer is not tried again.
        own = {**resource, "Resource": f"{compared.function}:{compared.candidate}"}
        sides = {"candidate": own, "stable": resource}
    elif 0.0 < window.share < 1.0:
        releases = (compared.candidate, compared.stable)
        sides = {
            side: {**resource, "ExecutedVersion": release}
            for side, release in zip(_SIDES, releases, strict=True)
        }
    for side, dimensions in sides.items():
        yield _query(
            f"{side}_errors", _LAMBDA, "Errors", dimensions, stat="Sum", period=window.period_s
        )


def _outcomes(
    found: Mapping[str, Series], slow: Mapping[str, float], window: Window
) -> Iterator[Bucket]:
    for at in _instants(found):
        of = {id_: series.get(at, 0.0) for id_, series in found.items()}
        bad = {
            "error": _pair(of, "bad"),
            "invalid_output": _pair(of, "invalid"),
            **{name: (_slow(of, "candidate", name), _slow(of, "stable", name)) for name in slow},
        }
        if "candidate_differs" in of:
            bad[MISMATCH] = (round(of["candidate_differs"]), round(of["candidate_agrees"]))
        candidate, stable = _pair(of, "requests")
        yield Bucket(
            start=at,
            period_s=window.period_s,
            candidate_requests=candidate,
            stable_requests=stable,
            bad=bad,
        )


def _losses(found: Mapping[str, Series], window: Window) -> Iterator[Bucket]:
    """Requests that ended without an answer are requests, and errors."""
    for at in _instants(found):
        of = {id_: series.get(at, 0.0) for id_, series in found.items()}
        candidate, stable = _pair(of, "errors")
        if candidate or stable:
            yield Bucket(
                start=at,
                period_s=window.period_s,
                candidate_requests=candidate,
                stable_requests=stable,
                bad={"error": (candidate, stable)},
            )


def _pair(of: Mapping[str, float], id_: str) -> tuple[int, int]:
    return round(of.get(f"candidate_{id_}", 0.0)), round(of.get(f"stable_{id_}", 0.0))


def _slow(of: Mapping[str, float], side: str, objective: str) -> int:
    timed = of.get(f"{side}_timed", 0.0)
    return round(timed * (1.0 - of.get(f"{side}_{objective}", 100.0) / 100.0)) if timed else 0


def _instants(found: Mapping[str, Series]) -> list[datetime]:
    return sorted({at for series in found.values() for at in series})


def _by_release(model: str, release: str) -> dict[str, str]:
    return {DIMENSION_MODEL: model, DIMENSION_RELEASE: release}


def _query(
    id_: str, namespace: str, name: str, dimensions: Mapping[str, str], *, stat: str, period: int
) -> Query:
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": period,
            "Stat": stat,
        },
    }


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
