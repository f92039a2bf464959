"""Who waits while a model is short of capacity: the load shedder, and who is told."""

from aws_cdk import Stack
from constructs import Construct

from falaj.contract import key_arn_parameter
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.dead_letter_alarm import DeadLetterAlarm
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.load_shedder import LoadShedder
from infra.constructs.plan_alarm import PlanAlarm
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties


class SheddingStack(Stack):
    """Where tenants have priorities; apart from models, whose alarms it finds by their names."""

    def __init__(
        self, scope: Construct, id_: str, *, deployment: Deployment, shedder: FunctionCode
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            shedder: What decides who waits.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "load shedding"))
        leave_bootstrap_check_to_cli(self)
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        topic = AlertTopic(
            self, "Notices", key_arn=key_arn, display_name="Falaj load shedding"
        ).topic
        dead = DeadLetters(self, "DeadLetters", key_arn=key_arn).queue
        LoadShedder(
            self,
            "Shedder",
            code=shedder,
            deployment=deployment,
            key_arn=key_arn,
            dead_letters=dead,
            topic_arn=topic.ref,
        )
        DeadLetterAlarm(
            self,
            "Failed",
            queue_name=dead.attr_queue_name,
            topic_arn=topic.ref,
            says="The load shedder failed on an event three times; it lies in the dead-letter "
            "queue. Every level of shedding stays as it is: `falaj shed` overrules them",
        )
        if deployment.has_authorizer:
            PlanAlarm(self, "Plans", topic_arn=topic.ref)
