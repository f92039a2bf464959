"""The alarms of all models, as they are now and not as an event said they were."""

from collections.abc import Mapping
from typing import Any

from falaj.aws.calls import Client, calling
from falaj.contract import ALARM_PREFIX
from falaj.domain.alarm_text import read_alarm_text
from falaj.domain.observation import AlarmState


class AlarmReader:
    """Reads every alarm whose name begins with Falaj's prefix.

    Args:
        client: A CloudWatch client.
    """

    def __init__(self, client: Client) -> None:
        self._cloudwatch = client

    def read(self) -> Mapping[str, tuple[AlarmState, ...]]:
        """Return alarms by model; under the empty name those that concern every model.

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        with calling("cloudwatch", "describe alarms"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=ALARM_PREFIX, AlarmTypes=["MetricAlarm"]
            )
            found = [alarm for page in pages for alarm in page["MetricAlarms"]]
        by_model: dict[str, list[AlarmState]] = {}
        for alarm in sorted(found, key=lambda alarm: str(alarm["AlarmName"])):
            text = read_alarm_text(alarm.get("AlarmDescription", ""))
            if text is not None:
                state = AlarmState(
                    name=alarm["AlarmName"],
                    effect=text.effect,
                    version=text.version,
                    is_red=alarm["StateValue"] == "ALARM" and _is_evaluated(alarm),
                    since=_since(alarm),
                )
                by_model.setdefault(text.model, []).append(state)
        return {model: tuple(alarms) for model, alarms in by_model.items()}


def _since(alarm: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a datetime, by botocore's model
    return alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]


def _is_evaluated(alarm: Mapping[str, Any]) -> bool:
    """Whether the state belongs to the alarm's present definition.

    An updated alarm keeps its old state until its next evaluation; what it watched before must not
    roll back what it watches now.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: "When you
        update an existing alarm, its state is left unchanged".
    """
    changed = alarm.get("AlarmConfigurationUpdatedTimestamp")
    return changed is None or bool(alarm["StateUpdatedTimestamp"] >= changed)
