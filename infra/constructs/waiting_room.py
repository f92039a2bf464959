"""Where asynchronous requests wait: a bucket, a queue, and the queue of what came too often."""

from collections.abc import Mapping
from typing import Any, Final

from constructs import Construct

from falaj.contract import (
    ASYNCHRONOUS_KEY_ALIAS,
    ASYNCHRONOUS_PURPOSE,
    REQUESTS_PREFIX,
    RESULTS_PREFIX,
    SENT_PREFIX,
)
from falaj.domain.asynchronous import ATTEMPTS
from infra.constructs.alarm_at_once import MINUTE_S, Counted, alarm_at_once
from infra.constructs.dead_letters import KEPT_S, DeadLetters, GivenUp
from infra.constructs.function_role import allow, sub
from infra.constructs.model_store import ModelStore
from infra.constructs.pseudonym_key import PseudonymKey

WORKER_TIMEOUT_S: Final = 60
"""A model's 29 s, the start of an environment, and S3 before and after."""
HIDDEN_S: Final = 6 * WORKER_TIMEOUT_S
"""Source: docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html ("at least six times the
configuration timeout on your function"), read 2026-11-22."""
REQUEST_DAYS: Final = KEPT_S // 86_400 + 1
"""A request outlives its message."""
OLD_S: Final = 15 * 60


class WaitingRoom(Construct):
    """All of it encrypted by the customer's key, and answering over TLS only.

    Attributes:
        bucket: Requests and results.
        queue: Which are to be done.
        abandoned: Which came too often.
        pseudonyms: The key from which tenants' folders are named.
        key_arn: The customer's key.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key_arn: str,
        result_days: Mapping[str, int],
        topic_arn: str,
    ) -> None:
        """Make it, and the alarms on it.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            key_arn: The customer's key.
            result_days: For how many days results are kept, by model.
            topic_arn: Who is told.
        """
        super().__init__(scope, id_)
        self.key_arn = key_arn
        results = {f"{RESULTS_PREFIX}{model}/": days for model, days in result_days.items()}
        # Not under Object Lock: what is about people goes when it is old.
        self.bucket = ModelStore(
            self,
            "Bucket",
            purpose=ASYNCHRONOUS_PURPOSE,
            key_arn=key_arn,
            object_lock=False,
            expiries={REQUESTS_PREFIX: REQUEST_DAYS, SENT_PREFIX: REQUEST_DAYS, **results},
        ).bucket
        self.pseudonyms = PseudonymKey(
            self, "Folders", alias=ASYNCHRONOUS_KEY_ALIAS, names="tenants whose requests wait"
        ).key
        self.abandoned = DeadLetters(self, "Abandoned", key_arn=key_arn, hidden_s=HIDDEN_S).queue
        self.queue = DeadLetters(
            self,
            "Queue",
            key_arn=key_arn,
            hidden_s=HIDDEN_S,
            given_up=GivenUp(queue_arn=self.abandoned.attr_arn, after=ATTEMPTS),
        ).queue
        self._tell_people(topic_arn)

    def objects(self, *prefixes: str) -> list[dict[str, Any]]:
        """Name the objects below some prefixes, for a policy."""
        return [sub(f"${{Bucket}}/{prefix}*", Bucket=self.bucket.attr_arn) for prefix in prefixes]

    def may_miss(self) -> dict[str, Any]:
        """Let a function learn that an object is not there, instead of that it is forbidden.

        Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html ("Permissions").
        """
        return allow("LearnWhatIsMissing", ["s3:ListBucket"], [self.bucket.attr_arn])

    def may_use_key(self) -> dict[str, Any]:
        """Let a function encrypt and decrypt what lies here, and its own settings."""
        return allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [self.key_arn])

    def _tell_people(self, topic_arn: str) -> None:
        # The worker takes messages from there at once: they are seen by being received.
        alarm_at_once(
            self,
            "GivenUp",
            counted=Counted(
                metric="NumberOfMessagesReceived",
                namespace="AWS/SQS",
                dimension=("QueueName", self.abandoned.attr_queue_name),
            ),
            says=f"Asynchronous requests came {ATTEMPTS} times and were not finished; each has a "
            "result that says so. See what the worker's log says of the services it asks",
            topic_arn=topic_arn,
        )
        alarm_at_once(
            self,
            "Old",
            counted=Counted(
                metric="ApproximateAgeOfOldestMessage",
                statistic="Maximum",
                period_s=5 * MINUTE_S,
                namespace="AWS/SQS",
                dimension=("QueueName", self.queue.attr_queue_name),
                threshold=OLD_S,
            ),
            says=f"An asynchronous request has waited for {OLD_S // 60} minutes: its model has no "
            "room, its tenant is over its quota, or more is asked than is answered",
            topic_arn=topic_arn,
        )
