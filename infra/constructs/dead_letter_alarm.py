"""The alarm on a queue that should stay empty."""

from constructs import Construct

from infra.constructs.alarm_at_once import Counted, alarm_at_once


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
        alarm_at_once(
            self,
            "Resource",
            counted=Counted(
                metric="ApproximateNumberOfMessagesVisible",
                statistic="Maximum",
                namespace="AWS/SQS",
                dimension=("QueueName", queue_name),
            ),
            says=says,
            topic_arn=topic_arn,
        )
