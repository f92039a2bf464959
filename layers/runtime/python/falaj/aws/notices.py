"""Notices to people, through an SNS topic."""

from typing import Final

from falaj.aws.calls import Client, calling
from falaj.domain.actions import Notify

_SUBJECT_LENGTH: Final = 99
"""SNS: "must be less than 100 characters long", ASCII, without line breaks.

Source: docs.aws.amazon.com/sns/latest/api/API_Publish.html, `Subject`.
"""


class Notices:
    """Publishes notices.

    Args:
        client: An SNS client.
        topic: The topic's ARN; empty for none.
    """

    def __init__(self, client: Client, topic: str) -> None:
        self._sns, self._topic = client, topic

    def send(self, model: str, notice: Notify) -> None:
        """Publish one notice; its attribute `page` tells whether somebody must act now.

        Raises:
            DependencyError: SNS refused or does not answer.
        """
        if not self._topic:
            return
        flag = "PAGE" if notice.is_page else "info"
        subject = f"[{flag}] falaj {notice.text}".encode("ascii", "replace").decode()
        with calling("sns", "take a notice"):
            self._sns.publish(
                TopicArn=self._topic,
                Subject=" ".join(subject.split())[:_SUBJECT_LENGTH],
                Message=notice.text,
                MessageAttributes={
                    "model": {"DataType": "String", "StringValue": model},
                    "page": {"DataType": "String", "StringValue": str(notice.is_page).lower()},
                    "generation": {"DataType": "Number", "StringValue": str(notice.generation)},
                },
            )
