"""What a GPU service's replica needs to leave auditors a record of every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Stack

from falaj.contract import CAPTURE_KEYS_ROOT, ENV_CAPTURE, RECORDER_PARAMETER, key_arn_parameter
from infra.config.deployment import Deployment
from infra.constructs.audit_recorder import AuditSubscription, capture_rights
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRecords:
    """Settings and rights; none of either where nobody records.

    Attributes:
        environment: Where tenants' keys are.
        rights: To read them.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack, deployment: Deployment) -> Self:
        """Find the keys' own key through SSM.

        Args:
            stack: The service's.
            deployment: Whether requests are recorded.
        """
        if not deployment.settings.audit_trail:
            return cls()
        key = ssm_value(stack, "TenantKeysKeyArn", key_arn_parameter(DATA_KEY))
        return cls(environment={ENV_CAPTURE: CAPTURE_KEYS_ROOT}, rights=capture_rights(key))

    def feed(self, stack: Stack, log_group: str) -> None:
        """Send the records that stand in the replicas' log to the recorder.

        Args:
            stack: The service's.
            log_group: Name of their log group.
        """
        if self.environment:
            recorder = ssm_value(stack, "AuditRecorderArn", RECORDER_PARAMETER)
            AuditSubscription(stack, "Audit", log_group=log_group, recorder_arn=recorder)
