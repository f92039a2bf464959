"""The experiment analyst: its function, its clock, whom it tells, and where its failures go."""

from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_events as events, aws_lambda as lambda_, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    ANALYST_PARAMETER,
    ENV_EXPERIMENTS_BUCKET,
    ENV_EXPERIMENTS_TABLE,
    ENV_NOTICES_TOPIC,
    ENV_PROFILE,
    ENV_ROLLOUTS_TABLE,
    ENV_SIGNING_KEY,
)
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.analyst_rights import AnalystReach, analyst_rights
from infra.constructs.dead_letter_alarm import DeadLetterAlarm
from infra.constructs.dead_letters import DeadLetters, keep_failed_events
from infra.constructs.function_role import FunctionAccess
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction

ANALYST_SIZE: Final = FunctionSize(memory_mib=1769, timeout_s=600, reserved_concurrency=2)
"""A whole processor; a round at most beside a person's order.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html (1,769 MB is one vCPU).
"""
SCRATCH_MIB: Final = 4096
"""For the join's temporary file, about 400 bytes a record: five million exposures and outcomes."""

EVERY: Final = "rate(5 minutes)"
EVENT_AGE_S: Final = 300
"""After five minutes the next round has looked; an older event has nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystStores:
    """What the analyst reads and writes; names and ARNs, most of them tokens.

    Attributes:
        table_name: The table of experiments.
        table_arn: Its ARN.
        bucket_name: The bucket of exposures, outcomes, reports and decisions.
        bucket_arn: Its ARN.
        rollouts_table: Name of the table of rollouts.
        signing_key_arn: The key that signs decisions.
        data_key_arn: The customer's key.
    """

    table_name: str
    table_arn: str
    bucket_name: str
    bucket_arn: str
    rollouts_table: str
    signing_key_arn: str
    data_key_arn: str


class ExperimentAnalyst(Construct):
    """Looks after every experiment, each five minutes and whenever somebody asks.

    Attributes:
        function: The function.
        topic: Subscribe to it to hear of verdicts.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        stores: AnalystStores,
        deployment: Deployment,
    ) -> None:
        """Make the function with all that belongs to it.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler with the statistics, and the layers they need.
            stores: What it reads and writes.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        key_arn = stores.data_key_arn
        self.topic = AlertTopic(
            self, "Notices", key_arn=key_arn, display_name="Falaj experiments"
        ).topic
        dead = DeadLetters(self, "DeadLetters", key_arn=key_arn).queue
        rights = analyst_rights(
            AnalystReach(
                table_arn=stores.table_arn,
                bucket_arn=stores.bucket_arn,
                rollouts_table=stores.rollouts_table,
                signing_key_arn=stores.signing_key_arn,
                data_key_arn=key_arn,
                topic_arn=self.topic.ref,
                dead_letters_arn=dead.attr_arn,
            )
        )
        self.function = ServiceFunction(
            self,
            "Function",
            code=code,
            size=ANALYST_SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                ENV_EXPERIMENTS_TABLE: stores.table_name,
                ENV_EXPERIMENTS_BUCKET: stores.bucket_name,
                ENV_ROLLOUTS_TABLE: stores.rollouts_table,
                ENV_SIGNING_KEY: stores.signing_key_arn,
                ENV_NOTICES_TOPIC: self.topic.ref,
            },
            description="Experiment analyst: joins, looks, decides, reports",
            deployment=deployment,
            access=FunctionAccess(key_arn=key_arn, statements=rights),
        ).function
        self.function.ephemeral_storage = lambda_.CfnFunction.EphemeralStorageProperty(
            size=SCRATCH_MIB
        )
        self._wake()
        keep_failed_events(self, function=self.function, queue=dead, age_s=EVENT_AGE_S, retries=1)
        self._tell_of_failures(dead.attr_queue_name)
        ssm.CfnParameter(
            self, "Name", type="String", name=ANALYST_PARAMETER, value=self.function.ref
        )

    def _tell_of_failures(self, queue_name: str) -> None:
        DeadLetterAlarm(
            self,
            "Failures",
            queue_name=queue_name,
            topic_arn=self.topic.ref,
            says="The experiment analyst could not finish a round twice; "
            "the event lies in its dead-letter queue, and the reason in its log",
        )

    def _wake(self) -> None:
        rule = events.CfnRule(
            self,
            "Round",
            description="Five minutes have passed: every running experiment is looked at",
            schedule_expression=EVERY,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Analyst",
                    arn=self.function.attr_arn,
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=EVENT_AGE_S
                    ),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            "RoundMayInvoke",
            action="lambda:InvokeFunction",
            function_name=self.function.attr_arn,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )
