"""Metric alarms: their settings as PutMetricAlarm takes them, and what they watch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self

from local_region.cloudwatch.alarm_state import AlarmState, MissingData, Threshold
from local_region.cloudwatch.expressions import evaluate
from local_region.cloudwatch.metrics import MetricId, MetricStore, Series

_HIGH_RESOLUTION_PERIODS: Final = {10, 20, 30}
STANDARD_STEP_S: Final = 60
"""Alarms are evaluated once a minute, high-resolution ones every ten seconds.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""
_HIGH_RESOLUTION_EVERY_S: Final = 10
_DAY_S: Final = 86_400


class AlarmSettingsError(ValueError):
    """Settings that PutMetricAlarm refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One entry of `Metrics`: a metric's statistic, or an expression over other entries."""

    id: str
    metric: MetricId | None = None
    stat: str = ""
    expression: str | None = None
    label: str | None = None
    returns_data: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A metric alarm.

    Attributes:
        name: Unique in the region.
        arn: Its ARN.
        description: Free text.
        queries: What is watched; exactly one entry returns data.
        period_s: Length of a datapoint: 10, 20, 30 or a multiple of 60 seconds.
        threshold: When it is breached.
        actions: ARNs to notify by the state entered; empty when actions are disabled.
    """

    name: str
    arn: str
    queries: tuple[Query, ...]
    period_s: int
    threshold: Threshold
    description: str = ""
    actions: Mapping[AlarmState, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.period_s not in _HIGH_RESOLUTION_PERIODS and (
            self.period_s < STANDARD_STEP_S or self.period_s % STANDARD_STEP_S
        ):
            raise AlarmSettingsError(
                f"alarm {self.name!r}: Period {self.period_s} must be 10, 20, 30 or n × 60 seconds"
            )
        if self.period_s * self.threshold.evaluation_periods > _DAY_S:
            raise AlarmSettingsError(
                f"alarm {self.name!r}: Period × EvaluationPeriods must not exceed one day"
            )
        if sum(query.returns_data for query in self.queries) != 1:
            raise AlarmSettingsError(
                f"alarm {self.name!r}: exactly one entry of Metrics must return data"
            )

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, name: str, arn: str) -> Self:
        """Read an alarm from the properties CloudFormation and PutMetricAlarm share.

        Raises:
            AlarmSettingsError: They are refused, or ask for what this region does not evaluate.
        """
        queries, period_s = _queries(properties, name)
        periods = int(properties["EvaluationPeriods"])
        try:
            threshold = Threshold(
                comparison=properties["ComparisonOperator"],
                value=float(properties["Threshold"]),
                evaluation_periods=periods,
                datapoints_to_alarm=int(properties.get("DatapointsToAlarm") or periods),
                missing=MissingData(properties.get("TreatMissingData") or MissingData.MISSING),
            )
        except (KeyError, ValueError) as error:
            raise AlarmSettingsError(f"alarm {name!r}: {error}") from error
        return cls(
            name=name,
            arn=arn,
            queries=queries,
            period_s=period_s,
            threshold=threshold,
            description=properties.get("AlarmDescription") or "",
            actions=_actions(properties),
        )

    @property
    def evaluated_every_s(self) -> int:
        """Seconds between two evaluations."""
        is_high_resolution = self.period_s in _HIGH_RESOLUTION_PERIODS
        return _HIGH_RESOLUTION_EVERY_S if is_high_resolution else STANDARD_STEP_S

    def datapoints(self, store: MetricStore, now: datetime) -> list[float | None]:
        """Read the evaluation range that ends with the last whole evaluation step, oldest first."""
        step = self.evaluated_every_s
        end = int(now.timestamp()) // step * step
        start = end - self.threshold.retrieved_periods * self.period_s
        periods = range(start, end, self.period_s)
        series = self._watched(store, periods)
        return [series.get(at) for at in periods]

    def _watched(self, store: MetricStore, periods: range) -> Series:
        known: dict[str, Series] = {}
        for query in self.queries:
            if query.metric is not None:
                known[query.id] = store.read(
                    query.metric,
                    query.stat,
                    start=periods.start,
                    end=periods.stop,
                    period_s=self.period_s,
                )
        metrics = dict(known)
        for query in _in_order_of_need(self.queries):
            expression = query.expression or ""
            known[query.id] = evaluate(expression, {**known, **metrics}, list(periods))
        return next(known[query.id] for query in self.queries if query.returns_data)


@lru_cache(maxsize=256)  # asked again at every evaluation
def _in_order_of_need(queries: tuple[Query, ...]) -> tuple[Query, ...]:
    """Expressions, each after those whose ids it mentions."""
    waiting = [query for query in queries if query.expression is not None]
    ordered: list[Query] = []
    while waiting:
        ids = {query.id for query in waiting}
        ready = [q for q in waiting if not _mentions(q, ids - {q.id})]
        if not ready:
            raise AlarmSettingsError(f"expressions {sorted(ids)} depend on each other")
        ordered += ready
        waiting = [query for query in waiting if query not in ready]
    return tuple(ordered)


def _mentions(query: Query, ids: set[str]) -> bool:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in query.expression or "").split()
    return bool(ids.intersection(words))


def _queries(properties: Mapping[str, Any], name: str) -> tuple[tuple[Query, ...], int]:
    if not properties.get("Metrics"):
        stat = properties.get("Statistic") or properties.get("ExtendedStatistic")
        if not properties.get("MetricName") or not stat or not properties.get("Period"):
            raise AlarmSettingsError(
                f"alarm {name!r}: give MetricName, Namespace, Period and Statistic, or Metrics"
            )
        metric = _metric(properties)
        return (Query(id="m", metric=metric, stat=stat),), int(properties["Period"])
    queries = tuple(_query(entry) for entry in properties["Metrics"])
    found = {
        int(entry["MetricStat"]["Period"])
        for entry in properties["Metrics"]
        if entry.get("MetricStat")
    }
    if len(found) != 1:
        raise AlarmSettingsError(
            f"alarm {name!r}: all metrics of an expression need one period, got {sorted(found)}"
        )
    return queries, found.pop()


def _query(entry: Mapping[str, Any]) -> Query:
    stat = entry.get("MetricStat") or {}
    return Query(
        id=entry["Id"],
        metric=_metric(stat["Metric"]) if stat else None,
        stat=stat.get("Stat", ""),
        expression=entry.get("Expression"),
        label=entry.get("Label"),
        returns_data=_truth(entry.get("ReturnData", True)),
    )


def _truth(value: object) -> bool:
    return value is True or value == "true"


def _metric(properties: Mapping[str, Any]) -> MetricId:
    dimensions = {item["Name"]: item["Value"] for item in properties.get("Dimensions") or ()}
    return MetricId.of(properties["Namespace"], properties["MetricName"], dimensions)


def _actions(properties: Mapping[str, Any]) -> dict[AlarmState, tuple[str, ...]]:
    if not _truth(properties.get("ActionsEnabled", True)):
        return {}
    return {
        AlarmState.ALARM: tuple(properties.get("AlarmActions") or ()),
        AlarmState.OK: tuple(properties.get("OKActions") or ()),
        AlarmState.INSUFFICIENT_DATA: tuple(properties.get("InsufficientDataActions") or ()),
    }
