"""Alarms, rules and what becomes of failed events."""

from typing import Any, Final

from local_region.dashboards.body import DashboardError, read_body
from local_region.events.rules import Rule, RuleError
from local_region.lambda_service import EventInvokeConfig, LambdaApiError
from local_region.resources.functions import name_of
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

_ALARM: Final = frozenset(
    {
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "AlarmName",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluateLowSampleCountPercentile",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "OKActions",
        "Period",
        "Statistic",
        "Tags",
        "Threshold",
        "TreatMissingData",
        "Unit",
    }
)
_WHOLE: Final = frozenset({"DatapointsToAlarm", "EvaluationPeriods", "Period"})


async def _create_alarm(resource: Declared, region: Surroundings) -> Physical:
    wanted = dict(resource.properties)
    unknown = sorted(wanted.keys() - _ALARM)
    if unknown:
        raise resource.error(f"the properties {', '.join(unknown)} are not evaluated here")
    name = wanted.setdefault("AlarmName", resource.name(255))
    region.aws.client("cloudwatch").put_metric_alarm(**_typed(wanted))
    return Physical(ref=name, attributes={"Arn": region.arn("cloudwatch", f"alarm:{name}")})


async def _update_alarm(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_alarm(resource, region)


async def _delete_alarm(physical: Physical, region: Surroundings) -> None:
    region.aws.client("cloudwatch").delete_alarms(AlarmNames=[physical.ref])


ALARM: Final = Kind(
    create=_create_alarm,
    update=_update_alarm,
    delete=_delete_alarm,
    replaced_by=frozenset({"AlarmName"}),
    note="Alarms are evaluated as CloudWatch does, composite and anomaly-detection alarms apart; "
    "of their actions, topics are notified and scaling policies carried out.",
)


async def _put_dashboard(resource: Declared, region: Surroundings) -> Physical:
    name = resource.properties.get("DashboardName") or resource.name()
    body = str(resource.properties["DashboardBody"])
    try:
        read_body(body)
    except DashboardError as error:
        raise resource.error(str(error)) from error
    region.aws.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=body)
    return Physical(ref=name, attributes={})


async def _update_dashboard(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_dashboard(resource, region)


async def _delete_dashboard(physical: Physical, region: Surroundings) -> None:
    region.aws.client("cloudwatch").delete_dashboards(DashboardNames=[physical.ref])


DASHBOARD: Final = Kind(
    create=_put_dashboard,
    update=_update_dashboard,
    delete=_delete_dashboard,
    replaced_by=frozenset({"DashboardName"}),
    note="Dashboards are drawn at `/_falaj/dashboards` of AWS's port: metric widgets over time, "
    "with metrics, metric math and whole SEARCH expressions of terms that must all match, "
    "horizontal annotations, alarm and text widgets. Other widgets, views (numbers, gauges, pies, "
    "tables), vertical annotations, OR and NOT in searches, dynamic labels but PROP and a second "
    "axis are not; what is not drawn says so in its place.",
)


def _typed(wanted: dict[str, Any]) -> dict[str, Any]:
    """Write properties as PutMetricAlarm takes them: CloudFormation lets numbers be text."""
    typed: dict[str, Any] = {
        key: int(value) if key in _WHOLE else value for key, value in wanted.items()
    }
    typed["Threshold"] = float(typed["Threshold"])
    if "ActionsEnabled" in typed:
        typed["ActionsEnabled"] = _truth(typed["ActionsEnabled"])
    if "Metrics" in typed:
        typed["Metrics"] = [_query(entry) for entry in typed["Metrics"]]
    return typed


def _query(entry: dict[str, Any]) -> dict[str, Any]:
    typed = dict(entry)
    if "ReturnData" in typed:
        typed["ReturnData"] = _truth(typed["ReturnData"])
    if "Period" in typed:
        typed["Period"] = int(typed["Period"])
    if stat := typed.get("MetricStat"):
        typed["MetricStat"] = {**stat, "Period": int(stat["Period"])}
    return typed


def _truth(value: object) -> bool:
    return value is True or value == "true"


async def _put_rule(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    if wanted.get("EventBusName", "default") != "default":
        raise resource.error("only the default event bus is known here")
    name = wanted.get("Name") or resource.name()
    arn = region.arn("events", f"rule/{name}")
    try:
        rule = Rule.from_properties(wanted, name=name, arn=arn)
    except RuleError as error:
        raise resource.error(str(error)) from error
    region.control.bus.put_rule(rule, region.functions.now())
    return Physical(ref=name, attributes={"Arn": arn})


async def _update_rule(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_rule(resource, region)


async def _delete_rule(physical: Physical, region: Surroundings) -> None:
    region.control.bus.remove_rule(physical.ref)


RULE: Final = Kind(
    create=_put_rule,
    update=_update_rule,
    delete=_delete_rule,
    replaced_by=frozenset({"Name", "EventBusName"}),
    note="Rules of the default bus deliver alarm changes, parameter changes and `rate(…)` "
    "schedules to functions, queues and topics; other services' events, `cron(…)`, input "
    "transformers and roles of targets are not carried out.",
)


async def _put_invoke_config(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    function, qualifier = name_of(wanted["FunctionName"]), wanted["Qualifier"]
    destinations = wanted.get("DestinationConfig") or {}
    if destinations.get("OnSuccess"):
        raise resource.error("destinations of events that succeed are not carried out here")
    try:
        region.functions.put_event_invoke_config(
            function,
            _qualifier(qualifier),
            EventInvokeConfig(
                maximum_retry_attempts=int(wanted.get("MaximumRetryAttempts", 2)),
                maximum_event_age_s=int(wanted.get("MaximumEventAgeInSeconds", 21_600)),
            ),
        )
    except LambdaApiError as error:
        raise resource.error(error.message) from error
    region.control.failed.set_destination(
        function,
        _qualifier(qualifier),
        (destinations.get("OnFailure") or {}).get("Destination"),
    )
    return Physical(ref=f"{function}|{qualifier}", attributes={})


def _qualifier(name: str) -> str | None:
    return None if name == "$LATEST" else name


async def _update_invoke_config(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_invoke_config(resource, region)


async def _delete_invoke_config(physical: Physical, region: Surroundings) -> None:
    function, _, qualifier = physical.ref.partition("|")
    region.functions.put_event_invoke_config(function, _qualifier(qualifier), None)
    region.control.failed.set_destination(function, _qualifier(qualifier), None)


EVENT_INVOKE_CONFIG: Final = Kind(
    create=_put_invoke_config,
    update=_update_invoke_config,
    delete=_delete_invoke_config,
    replaced_by=frozenset({"FunctionName", "Qualifier"}),
)
