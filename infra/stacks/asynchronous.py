"""Requests whose answers are fetched later: one stack for all models that take them."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from catalogue.spec import ModelSpec
from falaj.contract import alias_arn_parameter, key_arn_parameter
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.asynchronous_intake import AsynchronousIntake
from infra.constructs.asynchronous_worker import AsynchronousWorker
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import ssm_value
from infra.constructs.waiting_room import WaitingRoom
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties


class AsynchronousStack(Stack):
    """Deployed after the models, whose aliases it finds, and before the API."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        models: Sequence[ModelSpec],
        intake: FunctionCode,
        worker: FunctionCode,
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            models: The models that may be asked now and answer later.
            intake: What takes requests and gives results.
            worker: What asks models.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "asynchronous inference"))
        leave_bootstrap_check_to_cli(self)
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        topic = AlertTopic(
            self, "Notices", key_arn=key_arn, display_name="Falaj asynchronous inference"
        ).topic
        room = WaitingRoom(
            self,
            "Room",
            key_arn=key_arn,
            result_days={
                spec.name: spec.asynchronous.result_days for spec in models if spec.asynchronous
            },
            topic_arn=topic.ref,
        )
        AsynchronousIntake(self, "Intake", code=intake, room=room, deployment=deployment)
        AsynchronousWorker(
            self,
            "Worker",
            code=worker,
            room=room,
            aliases={
                spec.name: ssm_value(self, _id(spec.name), alias_arn_parameter(spec.name))
                for spec in models
            },
            deployment=deployment,
        )
        CfnOutput(
            self,
            "NoticesTopic",
            value=topic.ref,
            description="Subscribe whoever wants to hear of requests that wait too long",
        )


def _id(model: str) -> str:
    """Spell a model's name (a-z, 0-9, -) as a template parameter may be spelt, told apart."""
    return f"Alias{model.replace('-', 'Dash')}"
