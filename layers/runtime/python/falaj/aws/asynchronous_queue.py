"""The queue that says which requests are to be done."""

from falaj.aws.calls import Client, calling
from falaj.domain.asynchronous import Job


class AsynchronousQueue:
    """The queue.

    Args:
        sqs: An SQS client.
        url: Its address.
    """

    def __init__(self, sqs: Client, url: str) -> None:
        self._sqs, self._url = sqs, url

    def send(self, job: Job) -> None:
        """Put a request on the queue, where a tenant with many does not stand before all others.

        Raises:
            DependencyError: SQS refused or does not answer.

        Source:
            docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
            sqs-fair-queues.html (`MessageGroupId` of a standard queue), read 2026-11-22.
        """
        with calling("sqs", "take a message"):
            self._sqs.send_message(
                QueueUrl=self._url, MessageBody=job.to_message(), MessageGroupId=job.tenant
            )

    def postpone(self, receipt: str, seconds: int) -> None:
        """Let a message come again after a time.

        Raises:
            DependencyError: As above.
        """
        with calling("sqs", "hide a message"):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
