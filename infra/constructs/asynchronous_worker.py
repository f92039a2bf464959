"""The function that asks models what waits."""

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import aws_lambda as lambda_, aws_sqs as sqs
from constructs import Construct

from falaj.contract import (
    ENV_ABANDONED_QUEUE,
    ENV_ASYNCHRONOUS_BUCKET,
    ENV_ASYNCHRONOUS_QUEUE,
    ENV_PROFILE,
    REQUESTS_PREFIX,
    RESULTS_PREFIX,
    alias_arn_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction
from infra.constructs.waiting_room import WORKER_TIMEOUT_S, WaitingRoom

WORKER_SIZE: Final = FunctionSize(memory_mib=512, timeout_s=WORKER_TIMEOUT_S)
BATCH: Final = 5
"""Messages of one event, worked on side by side: their requests and answers are in memory at once,
of 6 MB each at most."""
CONCURRENCY: Final = 10
"""Batches at a time; more than these would take the room of callers who wait for their answers."""
MOST_ASYNCHRONOUS: Final = 40
"""Models whose aliases, and the parameters that name them, fit the policy of one role.

Source:
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (10,240 characters of a
    role's own policies), read 2026-11-22; an alias's ARN has up to 127, a parameter's 105.
"""


class AsynchronousWorker(Construct):
    """The function, and the two queues that feed it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        room: WaitingRoom,
        aliases: Mapping[str, str],
        deployment: Deployment,
    ) -> None:
        """Make the function.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler; boto3 comes with Lambda's own Python.
            room: Where requests wait.
            aliases: ARN of each model's alias.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        worker = ServiceFunction(
            self,
            "Function",
            code=code,
            size=WORKER_SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                ENV_ASYNCHRONOUS_BUCKET: room.bucket.ref,
                ENV_ASYNCHRONOUS_QUEUE: room.queue.ref,
                ENV_ABANDONED_QUEUE: room.abandoned.attr_arn,
            },
            description="Asks models what waits, and keeps their answers",
            deployment=deployment,
            access=FunctionAccess(key_arn=room.key_arn, statements=_rights(room, aliases)),
        )
        self._feed("Waiting", room.queue, worker)
        self._feed("Abandoned", room.abandoned, worker)

    def _feed(self, id_: str, queue: sqs.CfnQueue, worker: ServiceFunction) -> None:
        """Let a queue feed the function.

        Lambda tries the role when the mapping is made, so it comes after its policy, a part of it.
        """
        mapping = lambda_.CfnEventSourceMapping(
            self,
            id_,
            event_source_arn=queue.attr_arn,
            function_name=worker.function.ref,
            batch_size=BATCH,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
                maximum_concurrency=CONCURRENCY
            ),
        )
        mapping.add_resource_dependency(worker.role)


def _rights(room: WaitingRoom, aliases: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    here = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    named = [sub(here + alias_arn_parameter(model)) for model in aliases]
    return (
        allow("AskModels", ["lambda:InvokeFunction"], list(aliases.values())),
        allow("FindModels", ["ssm:GetParameter"], named),
        allow(
            "KeepAnswers",
            ["s3:GetObject", "s3:PutObject"],
            room.objects(REQUESTS_PREFIX, RESULTS_PREFIX),
        ),
        room.may_miss(),
        allow(
            "TakeMessages",
            [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ],
            [room.queue.attr_arn, room.abandoned.attr_arn],
        ),
        room.may_use_key(),
    )
