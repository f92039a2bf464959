"""What the experiment analyst may do, statement by statement, and nothing besides.

Source:
    docs.aws.amazon.com/service-authorization/latest/reference/ (list_amazondynamodb,
    list_amazons3, list_awssystemsmanager, list_awskeymanagementservice): resources and condition
    keys by action.
"""

from dataclasses import dataclass
from typing import Any, Final

from falaj.contract import (
    CHECKPOINTS_PREFIX,
    DECISIONS_PREFIX,
    EXPOSURES_PREFIX,
    OUTCOMES_PREFIX,
    REPORTS_PREFIX,
    declared_experiments_parameter,
    desired_release_parameter,
    experiments_parameter,
)
from infra.constructs.function_role import allow, sub

_HERE: Final = "${AWS::Region}:${AWS::AccountId}"
_WRITTEN: Final = (REPORTS_PREFIX, DECISIONS_PREFIX, CHECKPOINTS_PREFIX)
_READ: Final = (EXPOSURES_PREFIX, OUTCOMES_PREFIX, *_WRITTEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystReach:
    """The resources that the analyst works on; ARNs, most of them tokens, and one name.

    Attributes:
        table_arn: The table of experiments.
        bucket_arn: The bucket of exposures, outcomes, reports and decisions.
        rollouts_table: Name of the table of rollouts.
        signing_key_arn: The key that signs decisions.
        data_key_arn: The customer's key.
        topic_arn: Whom people listen to.
        dead_letters_arn: Where events go that it could not handle.
    """

    table_arn: str
    bucket_arn: str
    rollouts_table: str
    signing_key_arn: str
    data_key_arn: str
    topic_arn: str
    dead_letters_arn: str


def analyst_rights(reach: AnalystReach) -> tuple[dict[str, Any], ...]:
    """Write the analyst's statements."""
    rollouts = sub(
        f"arn:${{AWS::Partition}}:dynamodb:{_HERE}:table/${{Table}}", Table=reach.rollouts_table
    )
    return (
        allow(
            "KeepExperiments",
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"],
            [reach.table_arn],
        ),
        # The controller obeys what it finds there; the analyst touches no alias itself.
        allow("TellRollouts", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [rollouts]),
        *_objects(reach),
        *_parameters(),
        allow("SignDecisions", ["kms:Sign"], [reach.signing_key_arn]),
        allow("CallPeople", ["sns:Publish"], [reach.topic_arn]),
        allow("KeepDeadLetters", ["sqs:SendMessage"], [reach.dead_letters_arn]),
        allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [reach.data_key_arn]),
    )


def _objects(reach: AnalystReach) -> tuple[dict[str, Any], ...]:
    def below(prefix: str) -> dict[str, Any]:
        return sub(f"${{Bucket}}/{prefix}*", Bucket=reach.bucket_arn)

    return (
        allow("ReadLogs", ["s3:GetObject"], [below(prefix) for prefix in _READ]),
        allow("WriteReports", ["s3:PutObject"], [below(prefix) for prefix in _WRITTEN]),
        {
            # Without it S3 answers 403 instead of 404 for what is not written yet.
            **allow("FindLogs", ["s3:ListBucket"], [reach.bucket_arn]),
            "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in _READ]}},
        },
    )


def _parameters() -> tuple[dict[str, Any], ...]:
    def named(parameter: str) -> dict[str, Any]:
        return sub(f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter{parameter}")

    return (
        allow(
            "ReadReleases",
            ["ssm:GetParameter"],
            [
                named(parameter("*"))
                for parameter in (
                    declared_experiments_parameter,
                    desired_release_parameter,
                    experiments_parameter,
                )
            ],
        ),
        allow("SayWhatRuns", ["ssm:PutParameter"], [named(experiments_parameter("*"))]),
    )
