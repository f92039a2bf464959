"""What the platform function needs to keep feedback."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Stack

from falaj.contract import (
    ENV_EXPERIMENTS_BUCKET,
    ENV_FEEDBACK_TABLE,
    EXPERIMENTS_PURPOSE,
    FEEDBACK_TABLE_PARAMETER,
    OUTCOMES_PREFIX,
    bucket_name_parameter,
    key_arn_parameter,
)
from infra.constructs.function_role import allow, sub
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackAccess:
    """Settings and rights; none of either where nobody takes feedback.

    Attributes:
        environment: Where outcomes go.
        rights: What may be done there: outcomes are added and marked, never read back or removed.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack, key_arn: str | None) -> Self:
        """Find table, bucket and key through SSM.

        Args:
            stack: The platform function's.
            key_arn: The customer's key, if the stack has found it already.
        """
        table = ssm_value(stack, "FeedbackTable", FEEDBACK_TABLE_PARAMETER)
        bucket = ssm_value(stack, "ExperimentsBucket", bucket_name_parameter(EXPERIMENTS_PURPOSE))
        key = key_arn or ssm_value(stack, "DataKeyArn", key_arn_parameter(DATA_KEY))
        items = sub(
            "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Table}",
            Table=table,
        )
        outcomes = sub(
            f"arn:${{AWS::Partition}}:s3:::${{Bucket}}/{OUTCOMES_PREFIX}*", Bucket=bucket
        )
        return cls(
            environment={ENV_FEEDBACK_TABLE: table, ENV_EXPERIMENTS_BUCKET: bucket},
            rights=(
                allow(
                    "KeepFeedback",
                    ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                    [items],
                ),
                allow("WriteOutcomes", ["s3:PutObject"], [outcomes]),
                allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [key]),
            ),
        )
