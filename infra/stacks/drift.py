"""Drift: where counts are kept, who judges them, and who is told."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from falaj.contract import DRIFT_PURPOSE, key_arn_parameter
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.dead_letter_alarm import DeadLetterAlarm
from infra.constructs.drift_watch import DriftWatch, alarm_on_drift
from infra.constructs.model_store import ModelStore
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties


class DriftStack(Stack):
    """What all watched models share; deployed before them, and unknown to the controller."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        watch: FunctionCode,
        models: Sequence[str],
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            watch: What keeps counts and judges windows, with every reference.
            models: Names of the watched models.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "drift"))
        leave_bootstrap_check_to_cli(self)
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        bucket = ModelStore(
            self, "Counts", purpose=DRIFT_PURPOSE, key_arn=key_arn, object_lock=False
        ).bucket
        topic = AlertTopic(self, "Notices", key_arn=key_arn, display_name="Falaj drift").topic
        watching = DriftWatch(
            self,
            "Watch",
            code=watch,
            bucket_name=bucket.ref,
            bucket_arn=bucket.attr_arn,
            data_key_arn=key_arn,
            deployment=deployment,
        )
        for model in models:
            alarm_on_drift(self, model=model, topic_arn=topic.ref)
        DeadLetterAlarm(
            self,
            "Failed",
            queue_name=watching.dead_letters.attr_queue_name,
            topic_arn=topic.ref,
            says="Counts could not be kept, or windows not judged, after three attempts; the "
            "events lie in the drift watch's dead-letter queue. Mend what its log names, then "
            "invoke it with each message's body",
        )
        CfnOutput(
            self,
            "NoticesTopic",
            value=topic.ref,
            description="Subscribe whoever wants to hear of drift",
        )
