"""The alarm on environments that refuse to start because of what they should load."""

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import (
    ALL_MODELS,
    DIMENSION_SCOPE,
    METRIC_NAMESPACE,
    METRIC_REFUSED_STARTS,
)

MINUTE_S = 60


class ArtefactAlarm(Construct):
    """Tells people at the first refusal, of whichever model.

    The rollout controller needs no telling: it asks a version for its golden cases before it gives
    it any share, and one that does not start is rolled back (docs/decisions/0019).
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
            "RefusedStarts",
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmDescription": "A model function refused to start: its model, manifest or "
                "signature is not what was published. Search the model's log group for "
                '"refused to start"; the line says which file and why',
                "Namespace": METRIC_NAMESPACE,
                "MetricName": METRIC_REFUSED_STARTS,
                "Dimensions": [{"Name": DIMENSION_SCOPE, "Value": ALL_MODELS}],
                "Statistic": "Sum",
                "Period": MINUTE_S,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Threshold": 1,
                "DatapointsToAlarm": 1,
                "EvaluationPeriods": 1,
                "TreatMissingData": "notBreaching",
                "AlarmActions": [topic_arn],
                "OKActions": [topic_arn],
            },
        )
