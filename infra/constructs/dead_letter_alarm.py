"""The alarm on a queue that should stay empty."""

from typing import Final

from aws_cdk import CfnResource
from constructs import Construct

MINUTE_S: Final = 60


class DeadLetterAlarm(Construct):
    """Tells people that something lies in a dead-letter queue.

    Source:
        docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
        sqs-available-cloudwatch-metrics.html (ApproximateNumberOfMessagesVisible).
    """

    def __init__(
        self, scope: Construct, id_: str, *, queue_name: str, topic_arn: str, says: str
    ) -> None:
        """Make the alarm.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            queue_name: The queue.
            topic_arn: Who is told.
            says: What has happened and what to do, in a sentence.
        """
        super().__init__(scope, id_)
        CfnResource(
            self,
            "Resource",
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmDescription": says,
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": queue_name}],
                "Statistic": "Maximum",
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
