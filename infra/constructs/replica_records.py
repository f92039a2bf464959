"""What a service needs to leave auditors records: of every request, or of those it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Fn, Stack, aws_lambda as lambda_, aws_logs as logs

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

    def feed(self, stack: Stack, **log_groups: str) -> None:
        """Send the records that stand in logs of a model's stack to the recorder.

        Args:
            stack: The service's.
            log_groups: Names of log groups, by the subscription's id.
        """
        if self.environment:
            recorder = ssm_value(stack, "AuditRecorderArn", RECORDER_PARAMETER)
            for id_, group in log_groups.items():
                AuditSubscription(stack, id_, log_group=group, recorder_arn=recorder)

    def feed_refusals(self, stack: Stack, log_group: logs.CfnLogGroup) -> None:
        """Send the records of a function that belongs to no model, which the recorder must allow.

        Args:
            stack: The function's.
            log_group: Its log group.
        """
        if not self.environment:
            return
        recorder = ssm_value(stack, "AuditRecorderArn", RECORDER_PARAMETER)
        permission = lambda_.CfnPermission(
            stack,
            "LogsMayInvokeRecorder",
            action="lambda:InvokeFunction",
            function_name=recorder,
            principal="logs.amazonaws.com",
            source_account=Fn.sub("${AWS::AccountId}"),
            source_arn=log_group.attr_arn,
        )
        feed = AuditSubscription(stack, "Audit", log_group=log_group.ref, recorder_arn=recorder)
        feed.node.add_dependency(permission)
