"""CloudWatch's API: moto speaks the protocol, our store and our board give the answers.

Source:
    moto 5.2.5, `moto.cloudwatch.models.CloudWatchBackend`: its alarms are never evaluated, its
    metric math knows SUM and division alone, and reading scans every value ever published.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend
from moto.cloudwatch.exceptions import ResourceNotFoundException, ValidationError
from moto.cloudwatch.models import Alarm as DescribedAlarm, CloudWatchBackend, Dashboard

from falaj.domain.clock import Clock
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm, AlarmSettingsError
from local_region.cloudwatch.board import AlarmBoard, StateChange
from local_region.cloudwatch.expressions import ExpressionError, evaluate
from local_region.cloudwatch.metrics import MetricId, MetricStore, Series
from local_region.cloudwatch.statistics import UnknownStatisticError
from local_region.dashboards.body import DashboardError, read_body


class CloudWatchService(CloudWatchBackend):
    """One account's CloudWatch in one region.

    Args:
        clock: What time it is; a rehearsal's may be virtual.
        on_change: Told of every alarm's change of state, once.
    """

    def __init__(
        self,
        region_name: str,
        account_id: str,
        *,
        clock: Clock,
        on_change: Callable[[StateChange], None],
    ) -> None:
        super().__init__(region_name, account_id)
        self._clock, self._tell = clock, on_change
        self.store = MetricStore()
        self.board = AlarmBoard(self.store, self._changed)

    def install(self) -> None:
        """Take the place of moto's own backend for this account and region."""
        get_backend("cloudwatch")[self.account_id][self.region_name] = self

    def reset(self) -> None:
        """Give the account back to moto, which knows how to make its own backend anew."""
        account = get_backend("cloudwatch")[self.account_id]
        account[self.region_name] = CloudWatchBackend(self.region_name, self.account_id)

    # ------------------------------------------------------------------ alarms
    def put_metric_alarm(self, *args: Any, **settings: Any) -> DescribedAlarm:  # noqa: ANN401
        """Create or replace an alarm, and start evaluating it."""
        if settings.get("rule"):
            raise ValidationError("Composite alarms are not evaluated in the local region")
        known = self.alarms.get(settings["name"])
        described = super().put_metric_alarm(*args, **settings)
        try:
            alarm = Alarm.from_properties(
                _properties(described), name=described.name, arn=described.alarm_arn
            )
        except AlarmSettingsError as error:
            self._restore(described.name, known)
            raise ValidationError(str(error)) from error
        now = self._clock.now()
        self.board.put(alarm, now)
        self._describe(described)
        described.configuration_updated_timestamp = now.replace(tzinfo=None)
        return described

    def delete_alarms(self, alarm_names: Sequence[str]) -> None:
        """Forget alarms; those that are not there are no error."""
        super().delete_alarms(list(alarm_names))
        for name in alarm_names:
            self.board.remove(name)

    def set_alarm_state(
        self, alarm_name: str, reason: str, reason_data: str, state_value: str
    ) -> None:
        """Force a state until the next evaluation."""
        if alarm_name not in self.alarms:
            raise ResourceNotFoundException
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)
        self.board.set_state(alarm_name, AlarmState(state_value), reason, self._clock.now())

    def evaluate_alarms(self) -> None:
        """Evaluate every alarm that is due."""
        self.board.evaluate(self._clock.now())

    def _changed(self, change: StateChange) -> None:
        self._describe(self.alarms[change.alarm.name])
        self._tell(change)

    def _describe(self, described: DescribedAlarm) -> None:
        described.state_value = self.board.state(described.name).value
        described.state_reason = self.board.reason(described.name)
        described.state_updated_timestamp = self.board.since(described.name).replace(tzinfo=None)

    def _restore(self, name: str, known: DescribedAlarm | None) -> None:
        if known is None:
            self.alarms.pop(name, None)
        else:
            self.alarms[name] = known

    # -------------------------------------------------------------- dashboards
    def put_dashboard(self, name: str, body: str) -> Dashboard:
        """Create or replace a dashboard, whose body must be one."""
        try:
            read_body(body)
        except DashboardError as error:
            raise ValidationError(str(error)) from error
        return super().put_dashboard(name, body)

    def bodies(self) -> dict[str, str]:
        """Return every dashboard's body by its name."""
        return {name: dashboard.body for name, dashboard in list(self.dashboards.items())}

    # ----------------------------------------------------------------- metrics
    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """Record values as PutMetricData does."""
        for index, datum in enumerate(metric_data):
            self._validate_parameters_put_metric_data(datum, index + 1)
        for datum in metric_data:
            at = _aware(datum.get("Timestamp")) or self._clock.now()
            self.store.put(_metric(namespace, datum), _values(datum), at=at)

    def get_metric_data(
        self,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampDescending",
    ) -> list[dict[str, Any]]:
        """Read statistics and expressions as GetMetricData does."""
        start, end = _second(start_time), _second(end_time)
        if start >= end:
            raise ValidationError(
                "The parameter StartTime must be less than the parameter EndTime."
            )
        try:
            known = self._read(queries, start, end)
        except (ExpressionError, UnknownStatisticError) as error:
            raise ValidationError(str(error)) from error
        return [
            _result(query, known[query["Id"]], descending=scan_by == "TimestampDescending")
            for query in queries
            if query.get("ReturnData", True)
        ]

    def get_metric_statistics(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        """Refuse: GetMetricData reads the same values, with metric math besides."""
        raise ValidationError("GetMetricStatistics is not served here: use GetMetricData")

    def _read(
        self, queries: Iterable[Mapping[str, Any]], start: int, end: int
    ) -> dict[str, Series]:
        known: dict[str, Series] = {}
        period_s = _common_period(queries)
        for query in queries:
            if stat := query.get("MetricStat"):
                known[query["Id"]] = self.store.read(
                    _metric(stat["Metric"]["Namespace"], stat["Metric"]),
                    stat["Stat"],
                    start=start - start % int(stat["Period"]),
                    end=end,
                    period_s=int(stat["Period"]),
                )
        metrics = dict(known)
        periods = list(range(start - start % period_s, end, period_s))
        for query in queries:
            if "MetricStat" not in query:
                known[query["Id"]] = evaluate(query["Expression"], {**known, **metrics}, periods)
        return known


def _common_period(queries: Iterable[Mapping[str, Any]]) -> int:
    periods = [int(q["MetricStat"]["Period"]) for q in queries if q.get("MetricStat")]
    return min(periods, default=60)


def _result(query: Mapping[str, Any], series: Series, *, descending: bool) -> dict[str, Any]:
    seconds = sorted(series, reverse=descending)
    return {
        "id": query["Id"],
        "label": query.get("Label") or query["Id"],
        "values": [series[second] for second in seconds],
        "timestamps": [datetime.fromtimestamp(second, UTC) for second in seconds],
        "status_code": "Complete",
    }


def _metric(namespace: str, datum: Mapping[str, Any]) -> MetricId:
    dimensions = {item["Name"]: item["Value"] for item in datum.get("Dimensions") or ()}
    return MetricId.of(namespace, datum["MetricName"], dimensions)


def _values(datum: Mapping[str, Any]) -> list[float]:
    if datum.get("StatisticValues"):
        raise ValidationError("StatisticValues are not kept here: publish Values with Counts")
    values = datum.get("Values") or [datum.get("Value", 0)]
    counts = datum.get("Counts") or [1] * len(values)
    return [
        float(value)
        for value, count in zip(values, counts, strict=True)
        for _ in range(int(float(count)))
    ]


def _aware(at: datetime | None) -> datetime | None:
    """Read moto's instants, which are naive and in UTC."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _second(at: datetime) -> int:
    return int((_aware(at) or at).timestamp())


def _properties(alarm: DescribedAlarm) -> dict[str, Any]:
    """Write an alarm as PutMetricAlarm took it, from what moto kept of it."""
    return {
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric_name,
        "Dimensions": [{"Name": d.name, "Value": d.value} for d in alarm.dimensions],
        "Statistic": alarm.statistic,
        "ExtendedStatistic": alarm.extended_statistic,
        "Period": alarm.period,
        "Metrics": [_query(query) for query in alarm.metric_data_queries],
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison_operator,
        "TreatMissingData": alarm.treat_missing_data,
        "AlarmDescription": alarm.description,
        "ActionsEnabled": alarm.actions_enabled,
        "AlarmActions": alarm.alarm_actions,
        "OKActions": alarm.ok_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
    }


def _query(query: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's MetricDataQuery
    entry: dict[str, Any] = {
        "Id": query.id,
        "Label": query.label,
        "Expression": query.expression,
        "ReturnData": True if query.return_data is None else query.return_data,
    }
    if query.metric_stat is not None:
        metric = query.metric_stat.metric
        entry["MetricStat"] = {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.metric_name,
                "Dimensions": [{"Name": d.name, "Value": d.value} for d in metric.dimensions],
            },
            "Period": query.metric_stat.period,
            "Stat": query.metric_stat.stat,
        }
    return entry
