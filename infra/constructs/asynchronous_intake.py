"""The function that takes requests that wait, and gives their results."""

from typing import Any, Final

from aws_cdk import Stack, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    ACCESS_FILE,
    ASYNCHRONOUS_KEY_ALIAS,
    ENV_ACCESS,
    ENV_ASYNCHRONOUS_BUCKET,
    ENV_ASYNCHRONOUS_QUEUE,
    ENV_PROFILE,
    ENV_PSEUDONYM_KEY,
    INTAKE_ARN_PARAMETER,
    REQUESTS_PREFIX,
    RESULTS_PREFIX,
    SENT_PREFIX,
)
from infra.config.deployment import Access, Deployment
from infra.constructs.function_role import FunctionAccess, allow
from infra.constructs.quota_access import QuotaAccess
from infra.constructs.replica_records import ReplicaRecords
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction
from infra.constructs.waiting_room import WaitingRoom

INTAKE_SIZE: Final = FunctionSize(memory_mib=512, timeout_s=20)
"""A request of 6 MB is in memory some four times."""


class AsynchronousIntake(Construct):
    """The function, behind the same check of callers, quotas and records as every other."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        room: WaitingRoom,
        deployment: Deployment,
    ) -> None:
        """Make the function, and tell the API's stack where it is.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler, and for how long each model's results are kept.
            room: Where requests wait.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        stack = Stack.of(self)
        quotas = QuotaAccess.of(stack, deployment)
        records = ReplicaRecords.of(stack, deployment)
        function = ServiceFunction(
            self,
            "Function",
            code=code,
            size=INTAKE_SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                ENV_ASYNCHRONOUS_BUCKET: room.bucket.ref,
                ENV_ASYNCHRONOUS_QUEUE: room.queue.ref,
                ENV_PSEUDONYM_KEY: ASYNCHRONOUS_KEY_ALIAS,
                **({} if deployment.access is Access.OPEN else {ENV_ACCESS: ACCESS_FILE}),
                **quotas.environment,
                **records.environment,
            },
            description="Takes requests whose answers are fetched later, and gives the answers",
            deployment=deployment,
            access=FunctionAccess(
                key_arn=room.key_arn,
                statements=(*_rights(room), *quotas.rights, *records.rights),
            ),
        )
        records.feed_refusals(stack, function.log_group)
        ssm.CfnParameter(
            self,
            "Arn",
            type="String",
            name=INTAKE_ARN_PARAMETER,
            value=function.function.attr_arn,
        )


def _rights(room: WaitingRoom) -> tuple[dict[str, Any], ...]:
    return (
        allow("KeepRequests", ["s3:PutObject"], room.objects(REQUESTS_PREFIX, SENT_PREFIX)),
        allow(
            "GiveResults",
            ["s3:GetObject"],
            room.objects(REQUESTS_PREFIX, RESULTS_PREFIX, SENT_PREFIX),
        ),
        room.may_miss(),
        allow("SendMessages", ["sqs:SendMessage"], [room.queue.attr_arn]),
        allow("NameFolders", ["kms:GenerateMac"], [room.pseudonyms.attr_arn]),
        room.may_use_key(),
    )
