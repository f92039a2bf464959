"""What a function may do, and is told, that counts its tenants' requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Stack

from falaj.contract import (
    ENV_QUOTAS,
    QUOTA_CONCURRENCY,
    QUOTA_RATE,
    QUOTA_TABLE_PARAMETER,
    QUOTAS_PARAMETER,
    SHED_PARAMETER,
    key_arn_parameter,
    shed_level_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.function_role import allow, sub
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaAccess:
    """Settings and rights; none of either where no tenant is bounded.

    Attributes:
        environment: What is counted: all, or what a usage plan has not counted before.
        rights: To count, and to read everybody's limits.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack, deployment: Deployment, *, model: str = "") -> Self:
        """Find the table and its key through SSM.

        Args:
            stack: The function's.
            deployment: Whether tenants are bounded, and whether a usage plan counts them.
            model: Whose function it is; empty where it is no model's.
        """
        if not deployment.tenants:
            return cls()
        table = ssm_value(stack, "QuotaTableArn", QUOTA_TABLE_PARAMETER)
        key = ssm_value(stack, "TableKeyArn", key_arn_parameter(DATA_KEY))
        levels = (shed_level_parameter(model),) if model else ()
        limits = [
            sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + name)
            for name in (QUOTAS_PARAMETER, SHED_PARAMETER, *levels)
        ]
        return cls(
            environment={
                ENV_QUOTAS: QUOTA_CONCURRENCY if deployment.has_authorizer else QUOTA_RATE
            },
            rights=(
                allow("CountRequests", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [table]),
                allow("ReadLimits", ["ssm:GetParameters"], limits),
                allow("UseTableKey", ["kms:Decrypt", "kms:GenerateDataKey"], [key]),
            ),
        )
