"""The recorder: what model functions log of experiments reaches the bucket."""

from dataclasses import dataclass
from typing import Any, Final

from constructs import Construct

from falaj.contract import (
    ENV_EXPERIMENTS_BUCKET,
    EXPOSURES_PREFIX,
    RECORDER_ARN_PARAMETER,
    experiments_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.log_recorder import LogRecorder
from infra.constructs.service_function import FunctionCode

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
        recorder = LogRecorder.under(
            self,
            code=code,
            environment={ENV_EXPERIMENTS_BUCKET: reach.bucket_name},
            description="Experiment recorder: exposures from logs to S3",
            deployment=deployment,
            access=FunctionAccess(key_arn=reach.data_key_arn, statements=_rights(reach)),
            data_key_arn=reach.data_key_arn,
            parameter=RECORDER_ARN_PARAMETER,
        )
        self.function, self.dead_letters = recorder.function, recorder.dead_letters


def _rights(reach: RecorderReach) -> tuple[dict[str, Any], ...]:
    running = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter{experiments_parameter('*')}"
    exposures = sub(f"${{Bucket}}/{EXPOSURES_PREFIX}*", Bucket=reach.bucket_arn)
    return (
        allow("WriteExposures", ["s3:PutObject"], [exposures]),
        allow("ReadWhatRuns", ["ssm:GetParameter"], [sub(running)]),
    )
