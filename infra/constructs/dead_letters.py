"""Where events go that a function could not handle, so that none is lost unseen."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_lambda as lambda_, aws_sqs as sqs
from constructs import Construct

KEPT_S = 14 * 86_400
"""The longest that SQS keeps a message.

Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Where a queue's messages go that were received too often.

    Attributes:
        queue_arn: The queue for them.
        after: After how many times.
    """

    queue_arn: str
    after: int

    def policy(self) -> dict[str, Any]:
        """Write CloudFormation's `RedrivePolicy`."""
        return {"deadLetterTargetArn": self.queue_arn, "maxReceiveCount": self.after}


class DeadLetters(Construct):
    """An encrypted queue that answers over TLS only.

    Attributes:
        queue: The queue.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key_arn: str,
        hidden_s: int | None = None,
        given_up: GivenUp | None = None,
    ) -> None:
        """Make the queue and its policy.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            key_arn: The customer's key.
            hidden_s: How long a message that somebody has received comes to nobody else; 30 s by
                default.
            given_up: Where messages go that come too often; nowhere by default.
        """
        super().__init__(scope, id_)
        self.queue = sqs.CfnQueue(
            self,
            "Resource",
            kms_master_key_id=key_arn,
            message_retention_period=KEPT_S,
            visibility_timeout=hidden_s,
            redrive_policy=given_up.policy() if given_up else None,
        )
        sqs.CfnQueuePolicy(
            self,
            "Policy",
            queues=[self.queue.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sqs:*",
                        "Resource": self.queue.attr_arn,
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        )


def keep_failed_events(
    scope: Construct,
    *,
    function: lambda_.CfnFunction,
    queue: sqs.CfnQueue,
    age_s: int,
    retries: int = 2,
) -> None:
    """Send a function's failed asynchronous events to a queue; its role must let it.

    Args:
        scope: Where the setting belongs.
        function: Whose events.
        queue: Where they go.
        age_s: How long an event is tried.
        retries: How often it is tried again.
    """
    lambda_.CfnEventInvokeConfig(
        scope,
        "OnFailure",
        function_name=function.ref,
        qualifier="$LATEST",
        maximum_event_age_in_seconds=age_s,
        maximum_retry_attempts=retries,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.attr_arn)
        ),
    )
