"""The alarm on tenants that no usage plan is for."""

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import (
    ALL_MODELS,
    DIMENSION_SCOPE,
    METRIC_NAMESPACE,
    METRIC_UNPLANNED_TENANTS,
)

PERIOD_S = 300


class PlanAlarm(Construct):
    """Tells people of a tenant that calls and is not named among those with limits.

    All such tenants share one usage plan's key: each can take what the others are due.
    """

    def __init__(self, scope: Construct, id_: str, *, topic_arn: str) -> None:
        """Make the alarm.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            topic_arn: Who is told.
        """
        super().__init__(scope, id_)
        CfnResource(
            self,
            "Resource",
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmDescription": "A tenant without a usage plan of its own calls, and shares "
                "one bucket with every other such tenant. Search the authorizer's log for "
                '"without a usage plan", and name the tenant in the file of falaj:tenants',
                "Namespace": METRIC_NAMESPACE,
                "MetricName": METRIC_UNPLANNED_TENANTS,
                "Dimensions": [{"Name": DIMENSION_SCOPE, "Value": ALL_MODELS}],
                "Statistic": "Sum",
                "Period": PERIOD_S,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Threshold": 1,
                "DatapointsToAlarm": 1,
                "EvaluationPeriods": 1,
                "TreatMissingData": "notBreaching",
                "AlarmActions": [topic_arn],
                "OKActions": [topic_arn],
            },
        )
