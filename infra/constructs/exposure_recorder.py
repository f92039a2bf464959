"""The recorder: what model functions log of experiments reaches the bucket."""

from dataclasses import dataclass
from typing import Any, Final

from constructs import Construct

from falaj.contract import (
    ENV_EXPERIMENTS_BUCKET,
    ENV_PROFILE,
    EXPOSURES_PREFIX,
    RECORDER_ARN_PARAMETER,
    experiments_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.dead_letters import DeadLetters, keep_failed_events
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.log_feed import take_model_logs
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction

RECORDER_SIZE: Final = FunctionSize(memory_mib=256, timeout_s=60)
EVENT_AGE_S: Final = 6 * 3600
"""How long a delivery is tried, S3 being dark: as long as Lambda keeps events."""

_HERE: Final = "${AWS::Region}:${AWS::AccountId}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderReach:
    """The resources that the recorder works on; tokens.

    Attributes:
        bucket_name: The bucket of exposures.
        bucket_arn: Its ARN.
        data_key_arn: The customer's key.
    """

    bucket_name: str
    bucket_arn: str
    data_key_arn: str


class ExposureRecorder(Construct):
    """A function that CloudWatch Logs may invoke for this account's log groups.

    Attributes:
        function: The function.
        dead_letters: The queue of deliveries that it could not keep.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        reach: RecorderReach,
        deployment: Deployment,
    ) -> None:
        """Make the function with all that belongs to it.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler; boto3 comes with Lambda's own Python.
            reach: What it works on.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        self.dead_letters = DeadLetters(self, "DeadLetters", key_arn=reach.data_key_arn).queue
        dead = self.dead_letters
        self.function = ServiceFunction(
            self,
            "Function",
            code=code,
            size=RECORDER_SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                ENV_EXPERIMENTS_BUCKET: reach.bucket_name,
            },
            description="Experiment recorder: exposures from logs to S3",
            deployment=deployment,
            access=FunctionAccess(
                key_arn=reach.data_key_arn,
                statements=_rights(reach, dead_letters_arn=dead.attr_arn),
            ),
        ).function
        keep_failed_events(self, function=self.function, queue=dead, age_s=EVENT_AGE_S)
        take_model_logs(self, function=self.function, parameter=RECORDER_ARN_PARAMETER)


def _rights(reach: RecorderReach, *, dead_letters_arn: str) -> tuple[dict[str, Any], ...]:
    running = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter{experiments_parameter('*')}"
    exposures = sub(f"${{Bucket}}/{EXPOSURES_PREFIX}*", Bucket=reach.bucket_arn)
    return (
        allow("WriteExposures", ["s3:PutObject"], [exposures]),
        allow("ReadWhatRuns", ["ssm:GetParameter"], [sub(running)]),
        allow("KeepDeadLetters", ["sqs:SendMessage"], [dead_letters_arn]),
        allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [reach.data_key_arn]),
    )
