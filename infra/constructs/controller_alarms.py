"""The alarms on the rollout controller itself: it is alive, and it loses no event."""

from typing import Any, Final

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import HEARTBEAT_ALARM, METRIC_HEARTBEAT, METRIC_NAMESPACE
from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.observation import AlarmEffect

MINUTE_S: Final = 60
MINUTES_MISSING: Final = 3
MINUTES_LOOKED_AT: Final = 5
"""Longer than what may be missing, so that the beat before the silence is still seen."""


class ControllerAlarms(Construct):
    """A heartbeat that freezes promotions when it stops, and a queue that should stay empty."""

    def __init__(self, scope: Construct, id_: str, *, queue_name: str, topic_arn: str) -> None:
        """Make the alarms.

        Args:
            scope: Where they belong.
            id_: Their id there.
            queue_name: The dead-letter queue.
            topic_arn: Who is told; the controller cannot tell of its own death.
        """
        super().__init__(scope, id_)
        self._topic_arn = topic_arn
        self._alarm(
            "Heartbeat",
            {
                "AlarmName": HEARTBEAT_ALARM,
                "AlarmDescription": alarm_text(
                    AlarmText(
                        model="",
                        version="",
                        effect=AlarmEffect.FREEZE,
                        kind="heartbeat",
                        says="the rollout controller has not finished a tick for three minutes",
                    )
                ),
                # Zeros after a beat: CloudWatch would look further back for datapoints that exist,
                # and a dead controller would be noticed after six minutes instead of three.
                # Nothing before the first beat: what was deployed a moment ago is not dead.
                # "ignore" keeps the alarm red when the last beat is out of sight.
                "Metrics": [
                    {
                        "Id": "beats",
                        "Expression": "IF(FILL(beat, REPEAT) > 0, FILL(beat, 0))",
                        "ReturnData": True,
                    },
                    {
                        "Id": "beat",
                        "ReturnData": False,
                        "MetricStat": {
                            "Metric": {
                                "Namespace": METRIC_NAMESPACE,
                                "MetricName": METRIC_HEARTBEAT,
                            },
                            "Period": MINUTE_S,
                            "Stat": "SampleCount",
                        },
                    },
                ],
                "ComparisonOperator": "LessThanThreshold",
                "DatapointsToAlarm": MINUTES_MISSING,
                "EvaluationPeriods": MINUTES_LOOKED_AT,
                "TreatMissingData": "ignore",
            },
        )
        self._alarm(
            "DeadLetters",
            {
                # Not for the controller: what it could not handle, a person must look at.
                "AlarmDescription": "The rollout controller failed on an event three times; "
                "it lies in the dead-letter queue",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": queue_name}],
                "Statistic": "Maximum",
                "Period": MINUTE_S,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "DatapointsToAlarm": 1,
                "EvaluationPeriods": 1,
                "TreatMissingData": "notBreaching",
            },
        )

    def _alarm(self, id_: str, properties: dict[str, Any]) -> None:
        CfnResource(
            self,
            id_,
            type="AWS::CloudWatch::Alarm",
            properties={
                **properties,
                "Threshold": 1,
                "AlarmActions": [self._topic_arn],
                "OKActions": [self._topic_arn],
            },
        )
