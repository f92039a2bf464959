"""An alarm that tells people of the first time something happened that should not."""

from dataclasses import dataclass

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import ALL_MODELS, DIMENSION_SCOPE, METRIC_NAMESPACE

MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is counted; by default a metric of ours over all models.

    Attributes:
        metric: The metric.
        statistic: `Sum` where each time counts, `Maximum` where it is a level.
        period_s: How long a time is looked at.
        namespace: The metric's namespace.
        dimension: Its one dimension, name and value.
        threshold: From how many on people are told.
    """

    metric: str
    statistic: str = "Sum"
    period_s: int = MINUTE_S
    namespace: str = METRIC_NAMESPACE
    dimension: tuple[str, str] = (DIMENSION_SCOPE, ALL_MODELS)
    threshold: int = 1


def alarm_at_once(
    scope: Construct, id_: str, *, counted: Counted, says: str, topic_arn: str
) -> None:
    """Make an alarm at one, which tells people when it begins and when it is over.

    Args:
        scope: Where it belongs.
        id_: Its id there.
        counted: What is counted.
        says: What has happened and what to do, in a sentence.
        topic_arn: Who is told.
    """
    name, value = counted.dimension
    CfnResource(
        scope,
        id_,
        type="AWS::CloudWatch::Alarm",
        properties={
            "AlarmDescription": says,
            "Namespace": counted.namespace,
            "MetricName": counted.metric,
            "Dimensions": [{"Name": name, "Value": value}],
            "Statistic": counted.statistic,
            "Period": counted.period_s,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": counted.threshold,
            "DatapointsToAlarm": 1,
            "EvaluationPeriods": 1,
            "TreatMissingData": "notBreaching",
            "AlarmActions": [topic_arn],
            "OKActions": [topic_arn],
        },
    )
