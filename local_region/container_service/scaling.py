"""Application Auto Scaling: alarms decide when, policies how many, services follow.

A target-tracking policy makes its own two alarms, as AWS does: three minutes above the target scale
out, fifteen below nine tenths of it scale in. What a policy does it does again at every evaluation
while its alarm lasts.

Source:
    docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
    (alarms are created and named `TargetTracking-…`; of several policies the largest capacity
    counts for scaling out, and all with scale-in enabled must agree for scaling in; nothing scales
    in during a deployment). The numbers of datapoints and the nine tenths are those of alarms that
    AWS makes, shown in its examples and not promised. Read 2026-11-22.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from local_region.backends.moto_backends import MotoBackends
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.service import CloudWatchService
from local_region.container_service.scaling_policies import (
    Activity,
    Standing,
    StepScaling,
    TargetTracking,
)
from local_region.container_service.service import Service

_PERIOD_S: Final = 60
_HIGH_PERIODS: Final = 3
_LOW_PERIODS: Final = 15
_LOW_SHARE: Final = 0.9
_ABOVE: Final = "GreaterThan"


class ScalingError(ValueError):
    """A policy asks for what is not known here."""


@dataclass(slots=True, kw_only=True)
class _Target:
    minimum: int
    maximum: int
    out: Activity | None = None
    inward: Activity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    arn: str
    resource_id: str
    rule: TargetTracking | StepScaling
    high: str = ""
    low: str = ""


class Scaling:
    """The scalable targets and policies of a region.

    Args:
        aws: Where alarms are made.
        cloudwatch: Where they are evaluated.
        find: Finds a service by its resource id.
    """

    def __init__(
        self,
        *,
        aws: MotoBackends,
        cloudwatch: CloudWatchService,
        find: Callable[[str], Service | None],
    ) -> None:
        self._aws, self._cloudwatch, self._find = aws, cloudwatch, find
        self._targets: dict[str, _Target] = {}
        self._policies: dict[str, _Policy] = {}
        self._acted: dict[tuple[str, str], int] = {}

    def put_target(self, resource_id: str, *, minimum: int, maximum: int) -> None:
        """Register a service, or change its bounds; what lies outside is brought inside."""
        known = self._targets.get(resource_id)
        if known is None:
            self._targets[resource_id] = _Target(minimum=minimum, maximum=maximum)
        else:
            known.minimum, known.maximum = minimum, maximum
        service = self._find(resource_id)
        if service is not None:
            bounded = max(minimum, min(maximum, service.desired_count))
            if bounded != service.desired_count:
                service.scale(bounded)

    def remove_target(self, resource_id: str) -> None:
        """Scale a service no more."""
        self._targets.pop(resource_id, None)

    def bounds(self, resource_id: str) -> tuple[int, int] | None:
        """Return the fewest and most tasks that scaling gives a service; None if it has none."""
        target = self._targets.get(resource_id)
        return None if target is None else (target.minimum, target.maximum)

    def put_policy(self, arn: str, resource_id: str, properties: Mapping[str, Any]) -> None:
        """Create or replace a policy.

        Raises:
            ScalingError: It asks for what is not known here.
        """
        if tracking := properties.get("TargetTrackingScalingPolicyConfiguration"):
            self._policies[arn] = self._tracking(arn, resource_id, tracking)
            return
        steps = properties.get("StepScalingPolicyConfiguration")
        if not steps:
            raise ScalingError(f"policies of type {properties.get('PolicyType')!r} are not known")
        try:
            rule = StepScaling.from_properties(steps)
        except ValueError as error:
            raise ScalingError(str(error)) from error
        self._policies[arn] = _Policy(arn=arn, resource_id=resource_id, rule=rule)

    def remove_policy(self, arn: str) -> None:
        """Delete a policy with the alarms it made."""
        policy = self._policies.pop(arn, None)
        if policy is not None and policy.high:
            names = [policy.high, policy.low]
            self._aws.client("cloudwatch").delete_alarms(AlarmNames=names)

    def tick(self, now: datetime) -> None:
        """Carry out every policy whose alarm says so and was evaluated since."""
        for resource_id, target in self._targets.items():
            service = self._find(resource_id)
            if service is None:
                continue
            policies = [p for p in self._policies.values() if p.resource_id == resource_id]
            standing = Standing(
                capacity=service.desired_count,
                minimum=target.minimum,
                maximum=target.maximum,
                now=now,
                out=target.out,
                inward=target.inward,
            )
            self._scale(service, target, standing, self._wanted(policies, standing, service))

    # ------------------------------------------------------------------ private
    def _tracking(self, arn: str, resource_id: str, properties: Mapping[str, Any]) -> _Policy:
        metric = properties.get("CustomizedMetricSpecification")
        if not metric:
            raise ScalingError("predefined metrics are not collected here; name a customized one")
        rule = TargetTracking.from_properties(properties)
        tail = uuid5(NAMESPACE_URL, arn)
        names = {
            kind: f"TargetTracking-{resource_id}-{kind}-{tail}"
            for kind in ("AlarmHigh", "AlarmLow")
        }
        watched = _watched(metric)
        for name, comparison, threshold, periods in (
            (names["AlarmHigh"], "GreaterThanThreshold", rule.target, _HIGH_PERIODS),
            (names["AlarmLow"], "LessThanThreshold", rule.target * _LOW_SHARE, _LOW_PERIODS),
        ):
            self._aws.client("cloudwatch").put_metric_alarm(
                AlarmName=name,
                AlarmDescription="DO NOT EDIT OR DELETE. For TargetTrackingScaling policy " + arn,
                ComparisonOperator=comparison,
                Threshold=threshold,
                EvaluationPeriods=periods,
                AlarmActions=[arn],
                **watched,
            )
        high, low = names["AlarmHigh"], names["AlarmLow"]
        return _Policy(arn=arn, resource_id=resource_id, rule=rule, high=high, low=low)

    def _wanted(self, policies: list[_Policy], standing: Standing, service: Service) -> int | None:
        """Return the capacity that the policies want together; None for the present one."""
        steps = [
            count
            for policy in policies
            if isinstance(policy.rule, StepScaling)
            for count in self._stepped(policy, policy.rule, standing)
        ]
        tracking = [(p, p.rule) for p in policies if isinstance(p.rule, TargetTracking)]
        outs = [
            count
            for policy, rule in tracking
            if (value := self._breach(policy, policy.high, standing.now)) is not None
            and (count := rule.out(standing, value)) is not None
        ]
        outs += [count for count in steps if count > standing.capacity]
        if outs:
            return max(outs)
        if service.is_replacing:
            return None
        ins = [count for count in steps if count < standing.capacity]
        return min(ins) if ins else self._tracked_in(tracking, standing)

    def _tracked_in(
        self, tracking: list[tuple[_Policy, TargetTracking]], standing: Standing
    ) -> int | None:
        wanted: list[int] = []
        for policy, rule in tracking:
            if not rule.scales_in:
                continue
            value = self._breach(policy, policy.low, standing.now)
            count = None if value is None else rule.inward(standing, value)
            if count is None:
                return None
            wanted.append(count)
        return max(wanted, default=None)

    def _stepped(self, policy: _Policy, rule: StepScaling, standing: Standing) -> list[int]:
        found = []
        for alarm in self._cloudwatch.board:
            if policy.arn in alarm.actions.get(AlarmState.ALARM, ()):
                value = self._breach(policy, alarm.name, standing.now)
                if value is not None:
                    is_above = alarm.threshold.comparison.startswith(_ABOVE)
                    # An alarm that lacks data and is told to breach has just passed its threshold.
                    breach = 0.0 if math.isnan(value) else value - alarm.threshold.value
                    count = rule.wanted(standing, breach, is_above=is_above)
                    found += [] if count is None else [count]
        return found

    def _breach(self, policy: _Policy, alarm_name: str, now: datetime) -> float | None:
        """Return what an alarm in ALARM saw last, once for each evaluation; NaN without data."""
        try:
            state = self._cloudwatch.board.state(alarm_name)
        except KeyError:
            return None
        if state is not AlarmState.ALARM:
            return None
        alarm = self._alarm(alarm_name)
        step = int(now.timestamp()) // alarm.evaluated_every_s
        if self._acted.get((policy.arn, alarm_name)) == step:
            return None
        self._acted[policy.arn, alarm_name] = step
        real = [p for p in alarm.datapoints(self._cloudwatch.store, now) if p is not None]
        return real[-1] if real else math.nan

    def _alarm(self, name: str) -> Alarm:
        return next(alarm for alarm in self._cloudwatch.board if alarm.name == name)

    @staticmethod
    def _scale(service: Service, target: _Target, standing: Standing, wanted: int | None) -> None:
        if wanted is None or wanted == standing.capacity:
            return
        activity = Activity(at=standing.now, base=standing.capacity)
        if wanted > standing.capacity:
            target.out, target.inward = activity, None
        else:
            target.out, target.inward = None, activity
        service.scale(wanted)


def _watched(metric: Mapping[str, Any]) -> dict[str, Any]:
    """Write a customized metric as PutMetricAlarm takes it."""
    if queries := metric.get("Metrics"):
        return {"Metrics": [_query(dict(query)) for query in queries]}
    return {
        "Namespace": metric["Namespace"],
        "MetricName": metric["MetricName"],
        "Dimensions": list(metric.get("Dimensions", ())),
        "Statistic": metric["Statistic"],
        "Period": _PERIOD_S,
    }


def _query(query: dict[str, Any]) -> dict[str, Any]:
    if stat := query.get("MetricStat"):
        query["MetricStat"] = {
            "Metric": stat["Metric"],
            "Stat": stat["Stat"],
            "Period": _PERIOD_S,
        }
    if "ReturnData" in query:
        query["ReturnData"] = query["ReturnData"] in {True, "true"}
    return query
