"""A queue of events that a function failed on, taken in again by the function itself.

Source:
    docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (a record's
    `requestPayload` is the event) and
    AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html (at most ten at once; one that
    is not deleted comes back after its visibility timeout), read 2026-11-22.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from falaj.aws.calls import Client, calling

_AT_ONCE: Final = 10


class DeadLetter(NamedTuple):
    """One event that failed.

    Attributes:
        event: What the function was given; None where the message holds none.
        receipt: By which the message is deleted.
    """

    event: Any
    receipt: str


class DeadLetters:
    """The queue.

    Args:
        sqs: An SQS client.
        url: The queue's.
    """

    def __init__(self, sqs: Client, url: str) -> None:
        self._sqs, self._url = sqs, url

    def take(self, most: int) -> Iterator[DeadLetter]:
        """Yield what lies in the queue; what is not deleted comes back.

        Args:
            most: How many messages at most.

        Raises:
            DependencyError: SQS refused or does not answer.
        """
        left = most
        while left > 0:
            with calling("sqs", "give dead letters"):
                found = self._sqs.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=min(_AT_ONCE, left)
                ).get("Messages", [])
            if not found:
                return
            left -= len(found)
            for message in found:
                yield DeadLetter(_event(message["Body"]), message["ReceiptHandle"])

    def delete(self, letter: DeadLetter) -> None:
        """Delete one that was taken in.

        Raises:
            DependencyError: As above; it is taken in again then.
        """
        with calling("sqs", "delete a dead letter"):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)


def _event(body: str) -> Any:  # noqa: ANN401 - whatever the function was given
    with suppress(ValueError, AttributeError, RecursionError):
        document = json.loads(body)
        return document.get("requestPayload", document)
    return None
