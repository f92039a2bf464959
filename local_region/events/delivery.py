"""Hands events to functions, queues and topics, as EventBridge and Lambda do.

Source:
    docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (Lambda targets need
    a permission for events.amazonaws.com) and eb-rule-dlq.html (what could not be delivered goes
    to the target's dead-letter queue with ERROR_CODE, ERROR_MESSAGE, RULE_ARN and TARGET_ARN).
"""

import json
from collections.abc import Callable
from typing import Final

from botocore.exceptions import ClientError

from local_region.backends.moto_backends import MotoBackends
from local_region.events.rules import Target
from local_region.lambda_service import LambdaApiError, LambdaService
from local_region.resources.permissions import Permissions

EVENTS: Final = "events.amazonaws.com"
_ARN_PARTS: Final = 6


class UndeliverableError(Exception):
    """A target did not take an event."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Delivery:
    """Delivers to targets by ARN.

    Args:
        functions: Invoked asynchronously, with Lambda's own retries.
        permissions: Say which rule may invoke which function.
        aws: Queues and topics.
        on_failure: Told, in a sentence, of what a target did not take.
    """

    def __init__(
        self,
        *,
        functions: LambdaService,
        permissions: Permissions,
        aws: MotoBackends,
        on_failure: Callable[[str, str], None],
    ) -> None:
        self._functions, self._permissions, self._aws = functions, permissions, aws
        self._on_failure = on_failure

    async def to_target(self, target: Target, payload: bytes) -> None:
        """Deliver a rule's event; what is not taken goes to the target's dead-letter queue."""
        try:
            if _service(target.arn) == "lambda":
                self._check(target)
            await self.to_arn(target.arn, payload)
        except UndeliverableError as error:
            self._on_failure(target.arn, error.reason)
            if target.dead_letter_arn is not None:
                self._keep(target, payload, error)

    async def to_arn(self, arn: str, payload: bytes) -> None:
        """Deliver to a function, queue or topic.

        Raises:
            UndeliverableError: It is not there, or is of a kind that is not carried out here.
        """
        try:
            match _service(arn):
                case "lambda":
                    await self._functions.invoke(arn, None, payload, invocation_type="Event")
                case "sqs":
                    self.send(arn, payload.decode(), {})
                case "sns":
                    self._aws.client("sns").publish(TopicArn=arn, Message=payload.decode())
                case other:
                    raise UndeliverableError(
                        "UNSUPPORTED", f"targets of {other or arn!r} are not carried out here"
                    )
        except LambdaApiError as error:
            raise UndeliverableError(error.aws_code, error.message) from error
        except ClientError as error:
            details = error.response["Error"]
            raise UndeliverableError(details["Code"], details["Message"]) from error

    def notify(self, arn: str, message: str) -> None:
        """Carry out an alarm's action.

        Raises:
            UndeliverableError: It is no topic, or the topic is not there.
        """
        if _service(arn) == "autoscaling":
            return  # a policy looks at its alarm by itself
        if _service(arn) != "sns":
            raise UndeliverableError(
                "UNSUPPORTED", "alarm actions other than topics and scaling policies do nothing"
            )
        try:
            self._aws.client("sns").publish(TopicArn=arn, Message=message)
        except ClientError as error:
            details = error.response["Error"]
            raise UndeliverableError(details["Code"], details["Message"]) from error

    def send(self, queue_arn: str, body: str, attributes: dict[str, tuple[str, str]]) -> None:
        """Put a message, with attributes by name as type and value, on a queue."""
        client = self._aws.client("sqs")
        url = client.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
        client.send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": kind, "StringValue": value}
                for name, (kind, value) in attributes.items()
            },
        )

    def _check(self, target: Target) -> None:
        if not self._permissions.allows(
            function_arn=target.arn, principal=EVENTS, source_arn=target.rule_arn
        ):
            raise UndeliverableError(
                "NO_PERMISSIONS",
                f"no AWS::Lambda::Permission lets {EVENTS} invoke {target.arn} "
                f"for the rule {target.rule_arn}",
            )

    def _keep(self, target: Target, payload: bytes, error: UndeliverableError) -> None:
        try:
            self.send(
                target.dead_letter_arn or "",
                payload.decode(),
                {
                    "ERROR_CODE": ("String", error.code),
                    "ERROR_MESSAGE": ("String", error.reason),
                    "RULE_ARN": ("String", target.rule_arn),
                    "TARGET_ARN": ("String", target.arn),
                },
            )
        except ClientError as refused:
            self._on_failure(target.dead_letter_arn or "", json.dumps(refused.response["Error"]))


def _service(arn: str) -> str:
    parts = arn.split(":", _ARN_PARTS)
    return parts[2] if len(parts) >= _ARN_PARTS else ""
