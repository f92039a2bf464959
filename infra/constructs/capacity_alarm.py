"""The alarm that says a model has less room than it is asked for."""

from datetime import timedelta

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import CAPACITY_ALARM_PREFIX
from falaj.domain.shedding import TOLERATED_SHARE
from infra.constructs.metric_queries import expression, metric

MINUTE = timedelta(minutes=1)
LAMBDA = "AWS/Lambda"


class CapacityAlarm(Construct):
    """Red while Lambda refuses more than a tolerated part of a model's invocations for room.

    The load shedder heeds it; the rollout controller does not: capacity is no version's fault.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: a throttled request is
        counted by `Throttles`, and not by `Invocations` or `Errors`; read 2026-11-22.
    """

    def __init__(self, scope: Construct, id_: str, *, model: str, function_name: str) -> None:
        """Make the alarm.

        Args:
            scope: The model's stack.
            id_: Its id there.
            model: The model's name.
            function_name: Its function.
        """
        super().__init__(scope, id_)
        whole = {"FunctionName": function_name}
        CfnResource(
            self,
            "Resource",
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmName": f"{CAPACITY_ALARM_PREFIX}{model}",
                "AlarmDescription": f"{model} has less room than it is asked for: Lambda refuses "
                "more than a hundredth of its requests. Tenants of the last priorities are made to "
                "wait with 429 until there is room again",
                "Metrics": [
                    expression(
                        "refused",
                        "IF(throttles > 0, throttles / (throttles + FILL(taken, 0)), 0)",
                        returns=True,
                    ),
                    metric("throttles", (LAMBDA, "Throttles", "Sum"), whole, MINUTE),
                    metric("taken", (LAMBDA, "Invocations", "Sum"), whole, MINUTE),
                ],
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": TOLERATED_SHARE,
                "DatapointsToAlarm": 1,
                "EvaluationPeriods": 1,
                "TreatMissingData": "notBreaching",
            },
        )
