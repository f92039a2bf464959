"""Rollouts: the controller, what wakes it, what it remembers, and who is told when it fails."""

from typing import Final

from aws_cdk import CfnOutput, Stack, aws_lambda as lambda_, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    CONTROLLER_PARAMETER,
    DECISIONS_PURPOSE,
    ENV_DECISIONS_BUCKET,
    ENV_NOTICES_TOPIC,
    ENV_PROFILE,
    ENV_SIGNING_KEY,
    ENV_TABLE,
    ENV_WEBHOOK_KEY_PARAMETER,
    ENV_WEBHOOK_URL,
    ROLLOUTS_TABLE_PARAMETER,
    WEBHOOK_KEY_PARAMETER,
    key_arn_parameter,
)
from infra.bundling.functions import StagedCode
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.artefact_alarm import ArtefactAlarm
from infra.constructs.controller_alarms import ControllerAlarms
from infra.constructs.controller_rights import ControllerReach, controller_rights
from infra.constructs.controller_size import CONTROLLER_SIZE
from infra.constructs.dead_letters import DeadLetters, keep_failed_events
from infra.constructs.event_rules import CONTROLLER_RULES, EventRules
from infra.constructs.function_role import FunctionAccess
from infra.constructs.model_store import ModelStore
from infra.constructs.service_function import FunctionCode, ServiceFunction
from infra.constructs.shared_layer import LayerReference, ssm_value
from infra.constructs.signing_key import SigningKey
from infra.constructs.status_table import StatusTable
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties

EVENT_AGE_S: Final = 300
"""After five minutes four ticks have looked; an older event has nothing to tell."""


class RolloutsStack(Stack):
    """The controller with everything it needs; deployed after the foundation, apart from models."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        code: StagedCode,
        layers: tuple[LayerReference, ...],
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            code: The controller's handler.
            layers: What it imports; boto3 comes with Lambda's own Python.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "rollout controller"))
        leave_bootstrap_check_to_cli(self)
        settings = deployment.settings
        self._deployment = deployment
        self._key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        self._table = StatusTable(self, "Status", key_arn=self._key_arn, settings=settings).table
        self._bucket = ModelStore(
            self,
            "Decisions",
            purpose=DECISIONS_PURPOSE,
            key_arn=self._key_arn,
            object_lock=settings.object_lock,
        ).bucket
        self._signing = SigningKey(self, "Signing", purpose="signs rollout decisions").key
        self._topic = AlertTopic(
            self, "Notices", key_arn=self._key_arn, display_name="Falaj rollouts"
        ).topic
        self._dead = DeadLetters(self, "DeadLetters", key_arn=self._key_arn).queue
        controller = self._controller(code, layers)
        keep_failed_events(self, function=controller, queue=self._dead, age_s=EVENT_AGE_S)
        EventRules(self, "Wake", function=controller, rules=CONTROLLER_RULES, target="Controller")
        ControllerAlarms(
            self, "Alarms", queue_name=self._dead.attr_queue_name, topic_arn=self._topic.ref
        )
        ArtefactAlarm(self, "Artefacts", topic_arn=self._topic.ref)
        ssm.CfnParameter(
            self,
            "ControllerName",
            type="String",
            name=CONTROLLER_PARAMETER,
            value=controller.ref,
        )
        ssm.CfnParameter(
            self,
            "TableName",
            type="String",
            name=ROLLOUTS_TABLE_PARAMETER,
            value=self._table.ref,
        )
        ssm.CfnParameter(
            self,
            "SigningKeyArn",
            type="String",
            name=key_arn_parameter(DECISIONS_PURPOSE),
            value=self._signing.attr_arn,
        )
        CfnOutput(
            self,
            "NoticesTopic",
            value=self._topic.ref,
            description="Subscribe whoever is on call",
        )

    def _controller(
        self, code: StagedCode, layers: tuple[LayerReference, ...]
    ) -> lambda_.CfnFunction:
        deployment = self._deployment
        private_arn = self._key_arn if deployment.settings.logs_use_customer_key else None
        rights = controller_rights(
            ControllerReach(
                table_arn=self._table.attr_arn,
                bucket_arn=self._bucket.attr_arn,
                signing_key_arn=self._signing.attr_arn,
                data_key_arn=self._key_arn,
                topic_arn=self._topic.ref,
                dead_letters_arn=self._dead.attr_arn,
            )
        )
        return ServiceFunction(
            self,
            "Controller",
            code=FunctionCode(asset=code, layers=layers),
            size=CONTROLLER_SIZE,
            environment=self._environment(),
            description="Rollout controller: the only writer of every alias",
            deployment=deployment,
            access=FunctionAccess(key_arn=private_arn, statements=rights),
        ).function

    def _environment(self) -> dict[str, str]:
        webhook = self._deployment.webhook_url
        return {
            ENV_PROFILE: self._deployment.profile.value,
            ENV_TABLE: self._table.ref,
            ENV_DECISIONS_BUCKET: self._bucket.ref,
            ENV_SIGNING_KEY: self._signing.attr_arn,
            ENV_NOTICES_TOPIC: self._topic.ref,
            **(
                {ENV_WEBHOOK_URL: webhook, ENV_WEBHOOK_KEY_PARAMETER: WEBHOOK_KEY_PARAMETER}
                if webhook
                else {}
            ),
        }
