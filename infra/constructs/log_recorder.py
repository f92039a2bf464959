"""A function that CloudWatch Logs feeds with model functions' lines, and that drops none unseen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from aws_cdk import aws_lambda as lambda_, aws_sqs as sqs
from constructs import Construct

from falaj.contract import ENV_DEAD_LETTERS, ENV_PROFILE
from infra.config.deployment import Deployment
from infra.constructs.dead_letters import DeadLetters, keep_failed_events
from infra.constructs.function_role import FunctionAccess, allow
from infra.constructs.log_feed import take_model_logs
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction

SIZE: Final = FunctionSize(memory_mib=256, timeout_s=60)
_TAKING: Final = ("sqs:DeleteMessage", "sqs:ReceiveMessage")
EVENT_AGE_S: Final = 6 * 3600
"""How long a delivery waits for a free environment: as long as Lambda keeps events. One that the
function fails on, S3 or KMS being dark, is tried three times within some minutes and then lies in
the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecorder:
    """A recorder's function, and the deliveries that it could not keep.

    Attributes:
        function: The function.
        dead_letters: The queue of deliveries that failed three times.
    """

    function: lambda_.CfnFunction
    dead_letters: sqs.CfnQueue

    @classmethod
    def under(
        cls,
        scope: Construct,
        *,
        code: FunctionCode,
        environment: Mapping[str, str],
        description: str,
        deployment: Deployment,
        access: FunctionAccess,
        data_key_arn: str,
        parameter: str,
        takes_again: bool = False,
    ) -> Self:
        """Make function, queue and feed.

        Args:
            scope: The recorder's construct.
            code: Its handler; boto3 comes with Lambda's own Python.
            environment: Settings beside the profile.
            description: What the console shows.
            deployment: Profile, platform and Python.
            access: The key of its settings and logs, and what it may write.
            data_key_arn: The customer's key of queue and bucket.
            parameter: SSM parameter by which the models' stacks find it.
            takes_again: Whether it takes in by itself what lies in the queue.
        """
        dead = DeadLetters(scope, "DeadLetters", key_arn=data_key_arn).queue
        rights = (
            *access.statements,
            allow("KeepDeadLetters", ["sqs:SendMessage"], [dead.attr_arn]),
            *((allow("TakeDeadLetters", list(_TAKING), [dead.attr_arn]),) if takes_again else ()),
            allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [data_key_arn]),
        )
        function = ServiceFunction(
            scope,
            "Function",
            code=code,
            size=SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                **({ENV_DEAD_LETTERS: dead.ref} if takes_again else {}),
                **environment,
            },
            description=description,
            deployment=deployment,
            access=replace(access, statements=rights),
        ).function
        keep_failed_events(scope, function=function, queue=dead, age_s=EVENT_AGE_S)
        take_model_logs(scope, function=function, parameter=parameter)
        return cls(function=function, dead_letters=dead)
