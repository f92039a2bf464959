"""The audit trail: a bucket under Object Lock, a key that signs, and who writes."""

from aws_cdk import Stack, aws_ssm as ssm
from constructs import Construct

from falaj.contract import AUDIT_PURPOSE, key_arn_parameter
from infra.config.deployment import Deployment
from infra.constructs.audit_recorder import AuditRecorder, TrailReach
from infra.constructs.model_store import ModelStore
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import ssm_value
from infra.constructs.signing_key import SigningKey
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties


class AuditStack(Stack):
    """Deployed before the models, whose functions' lines it records."""

    def __init__(
        self, scope: Construct, id_: str, *, deployment: Deployment, recorder: FunctionCode
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            recorder: What writes the trail.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "audit trail"))
        leave_bootstrap_check_to_cli(self)
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        bucket = ModelStore(
            self,
            "Trail",
            purpose=AUDIT_PURPOSE,
            key_arn=key_arn,
            object_lock=deployment.settings.object_lock,
            is_for_ever=True,
        ).bucket
        signing = SigningKey(self, "Signing", purpose="signs the audit trail").key
        AuditRecorder(
            self,
            "Recorder",
            code=recorder,
            reach=TrailReach(
                bucket_name=bucket.ref,
                bucket_arn=bucket.attr_arn,
                signing_key_arn=signing.attr_arn,
                data_key_arn=key_arn,
            ),
            deployment=deployment,
        )
        ssm.CfnParameter(
            self,
            "SigningKeyArn",
            type="String",
            name=key_arn_parameter(AUDIT_PURPOSE),
            value=signing.attr_arn,
        )
