"""What a GPU service's replica is told of who may ask, and may call to look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Stack

from catalogue.spec import ModelSpec
from falaj.contract import (
    CERTIFICATES_VERIFIED,
    ENV_ACCESS,
    ENV_CLIENT_CERTIFICATES,
    ENV_RANKS,
    KEYS_PARAMETER,
    gpu_parameter,
)
from infra.access import replica_access, written
from infra.config.deployment import Access, Deployment
from infra.constructs.function_role import allow, sub
from infra.constructs.quota_access import QuotaAccess
from infra.constructs.shared_layer import ssm_value

_DYNAMODB: str = "AWS_ENDPOINT_URL_DYNAMODB"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaAccess:
    """Settings and rights; none of either where nobody is asked.

    Attributes:
        environment: What is asked of callers, and what is counted: another is another release.
        addresses: Where AWS answers, known only when stacks are deployed.
        rights: To read the issuer's keys, everybody's limits, and to count.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack, deployment: Deployment, spec: ModelSpec) -> Self:
        """Find keys, limits and the table through SSM.

        Args:
            stack: The service's.
            deployment: What is asked, and whether tenants are bounded.
            spec: The model.
        """
        if deployment.access is Access.OPEN:
            return cls()
        environment = {ENV_ACCESS: written(replica_access(deployment, [spec]))}
        if deployment.gpu.verifies_clients:
            environment[ENV_CLIENT_CERTIFICATES] = CERTIFICATES_VERIFIED
        rights: tuple[dict[str, Any], ...] = ()
        if deployment.access is Access.JWT:
            place = sub(
                "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
                + KEYS_PARAMETER
            )
            rights = (allow("ReadIssuerKeys", ["ssm:GetParameter"], [place]),)
        quotas = QuotaAccess.of(stack, deployment, model=spec.name)
        addresses = (
            {_DYNAMODB: ssm_value(stack, "SharedDynamodbUrl", gpu_parameter("dynamodb-url"))}
            if deployment.tenants
            else {}
        )
        ranks = {ENV_RANKS: "tenants"} if deployment.tenants else {}
        return cls(
            environment={**environment, **quotas.environment, **ranks},
            addresses=addresses,
            rights=(*rights, *quotas.rights),
        )
