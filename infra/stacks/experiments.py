"""Experiments: where exposures, outcomes and states are kept, and who puts them there."""

from aws_cdk import CfnOutput, Stack, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    DECISIONS_PURPOSE,
    EXPERIMENTS_PURPOSE,
    EXPERIMENTS_TABLE_PARAMETER,
    EXPIRY_ATTRIBUTE,
    FEEDBACK_TABLE_PARAMETER,
    ROLLOUTS_TABLE_PARAMETER,
    key_arn_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.dead_letter_alarm import DeadLetterAlarm
from infra.constructs.experiment_analyst import AnalystStores, ExperimentAnalyst
from infra.constructs.exposure_recorder import ExposureRecorder, RecorderReach
from infra.constructs.model_store import ModelStore
from infra.constructs.pseudonym_key import PseudonymKey
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import ssm_value
from infra.constructs.status_table import StatusTable
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties


class ExperimentsStack(Stack):
    """What all experiments share; deployed before the models on which they run."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        recorder: FunctionCode,
        analyst: FunctionCode,
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            recorder: What keeps exposures.
            analyst: What looks after experiments, the statistics in it.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "experiments"))
        leave_bootstrap_check_to_cli(self)
        settings = deployment.settings
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        # Not under Object Lock: what is about people can be erased.
        bucket = ModelStore(
            self, "Log", purpose=EXPERIMENTS_PURPOSE, key_arn=key_arn, object_lock=False
        ).bucket
        states = StatusTable(self, "States", key_arn=key_arn, settings=settings).table
        feedback = StatusTable(
            self, "Feedback", key_arn=key_arn, settings=settings, expiry=EXPIRY_ATTRIBUTE
        ).table
        pseudonyms = PseudonymKey(self, "Pseudonyms").key
        recording = ExposureRecorder(
            self,
            "Recorder",
            code=recorder,
            reach=RecorderReach(
                bucket_name=bucket.ref, bucket_arn=bucket.attr_arn, data_key_arn=key_arn
            ),
            deployment=deployment,
        )
        looking = ExperimentAnalyst(
            self,
            "Analyst",
            code=analyst,
            stores=AnalystStores(
                table_name=states.ref,
                table_arn=states.attr_arn,
                bucket_name=bucket.ref,
                bucket_arn=bucket.attr_arn,
                rollouts_table=ssm_value(self, "RolloutsTable", ROLLOUTS_TABLE_PARAMETER),
                signing_key_arn=ssm_value(
                    self, "SigningKeyArn", key_arn_parameter(DECISIONS_PURPOSE)
                ),
                data_key_arn=key_arn,
            ),
            deployment=deployment,
        )
        DeadLetterAlarm(
            self,
            "LostExposures",
            queue_name=recording.dead_letters.attr_queue_name,
            topic_arn=looking.topic.ref,
            says="Exposures could not be kept after three attempts; they lie in the recorder's "
            "dead-letter queue. Mend what its log names, then invoke it with each message's body",
        )
        CfnOutput(
            self,
            "NoticesTopic",
            value=looking.topic.ref,
            description="Subscribe whoever wants to hear of verdicts",
        )
        for id_of_parameter, name, value in (
            ("StatesName", EXPERIMENTS_TABLE_PARAMETER, states.ref),
            ("FeedbackName", FEEDBACK_TABLE_PARAMETER, feedback.ref),
            ("PseudonymKeyArn", key_arn_parameter(EXPERIMENTS_PURPOSE), pseudonyms.attr_arn),
        ):
            ssm.CfnParameter(self, id_of_parameter, type="String", name=name, value=value)
