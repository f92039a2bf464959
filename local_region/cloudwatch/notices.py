"""What the world is told when an alarm changes state: the EventBridge event's detail."""

import json
from datetime import datetime
from typing import Any, Final

from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm, Query
from local_region.cloudwatch.board import StateChange

DETAIL_TYPE: Final = "CloudWatch Alarm State Change"
SOURCE: Final = "aws.cloudwatch"


def alarm_detail(change: StateChange) -> dict[str, Any]:
    """Write the `detail` of an alarm's state-change event.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
        (sample events, single metric and metric math)
    """
    return {
        "alarmName": change.alarm.name,
        "configuration": {
            "description": change.alarm.description,
            "metrics": [_query(change.alarm, query) for query in change.alarm.queries],
        },
        "previousState": {"value": change.before.value, "timestamp": _stamp(change.at)},
        "state": _state(change),
    }


def alarm_message(change: StateChange, *, account: str, region: str) -> dict[str, Any]:
    """Write what an alarm's action publishes to a topic.

    The members that tell the alarm, its states and its reason; the `Trigger` member, which repeats
    the alarm's settings, is left out.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return {
        "AlarmName": change.alarm.name,
        "AlarmDescription": change.alarm.description,
        "AWSAccountId": account,
        "NewStateValue": change.after.value,
        "NewStateReason": change.reason,
        "StateChangeTime": _stamp(change.at),
        "Region": region,
        "AlarmArn": change.alarm.arn,
        "OldStateValue": change.before.value,
    }


def _state(change: StateChange) -> dict[str, Any]:
    state: dict[str, Any] = {
        "value": change.after.value,
        "reason": change.reason,
        "timestamp": _stamp(change.at),
    }
    if change.after is not AlarmState.INSUFFICIENT_DATA:
        data = {"version": "1.0", "threshold": change.alarm.threshold.value}
        state["reasonData"] = json.dumps(data)
    return state


def _query(alarm: Alarm, query: Query) -> dict[str, Any]:
    if query.metric is None:
        return {
            "id": query.id,
            "expression": query.expression,
            "label": query.label or query.id,
            "returnData": query.returns_data,
        }
    return {
        "id": query.id,
        "metricStat": {
            "metric": {
                "namespace": query.metric.namespace,
                "name": query.metric.name,
                "dimensions": dict(sorted(query.metric.dimensions)),
            },
            "period": alarm.period_s,
            "stat": query.stat,
        },
        "returnData": query.returns_data,
    }


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
