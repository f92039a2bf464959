"""The audit recorder: model functions' lines become a signed chain in a bucket of its own."""

import json
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import (
    aws_events as events,
    aws_lambda as lambda_,
    aws_logs as logs,
)
from constructs import Construct

from falaj.capture.chain import CHECKPOINTS, TRAIL
from falaj.contract import (
    CAPTURE_KEYS_ROOT,
    ENV_AUDIT_BUCKET,
    ENV_SIGNING_KEY,
    RECORDER_PARAMETER,
)
from infra.config.deployment import Deployment
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.dead_letter_alarm import DeadLetterAlarm
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.log_recorder import LogRecorder
from infra.constructs.service_function import FunctionCode

CHECKPOINT: Final = {"falaj": "checkpoint"}
AGAIN: Final = {"falaj": "again"}
AUDITED_LINES: Final = '{ $.audit.stream = "*" }'
"""Lines of requests; others lack the key.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
"""
_HERE: Final = "${AWS::Region}:${AWS::AccountId}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReach:
    """The resources that the recorder works on; tokens."""

    bucket_name: str
    bucket_arn: str
    signing_key_arn: str
    data_key_arn: str


class AuditRecorder(Construct):
    """A function that CloudWatch Logs feeds, and a schedule that asks it for checkpoints.

    Attributes:
        function: The function.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        reach: TrailReach,
        deployment: Deployment,
    ) -> None:
        """Make the function with all that belongs to it.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler; boto3 comes with Lambda's own Python.
            reach: What it works on.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        key_arn = reach.data_key_arn if deployment.settings.logs_use_customer_key else None
        recorder = LogRecorder.under(
            self,
            code=code,
            environment={
                ENV_AUDIT_BUCKET: reach.bucket_name,
                ENV_SIGNING_KEY: reach.signing_key_arn,
            },
            description="Audit recorder: requests' records into a signed chain",
            deployment=deployment,
            access=FunctionAccess(key_arn=key_arn, statements=_rights(reach)),
            data_key_arn=reach.data_key_arn,
            parameter=RECORDER_PARAMETER,
            takes_again=True,
        )
        self.function = recorder.function
        self._tell_of(recorder.dead_letters.attr_queue_name, reach.data_key_arn)
        self._ask(
            "Hourly",
            "rate(1 hour)",
            CHECKPOINT,
            does="Writes down how far every chain of the audit trail reaches",
        )
        self._ask(
            "Again", "rate(5 minutes)", AGAIN, does="Takes in again what could not be recorded"
        )

    def _tell_of(self, queue_name: str, key_arn: str) -> None:
        """Tell people of records that could not be written while CloudWatch still has the lines."""
        topic = AlertTopic(self, "Notices", key_arn=key_arn, display_name="Falaj audit trail").topic
        DeadLetterAlarm(
            self,
            "Lost",
            queue_name=queue_name,
            topic_arn=topic.ref,
            says="The audit recorder failed on a delivery three times; it lies in the dead-letter "
            "queue, and is taken in again every five minutes: see what S3 and KMS answer it",
        )

    def _ask(self, id_: str, rate: str, event: dict[str, str], *, does: str) -> None:
        rule = events.CfnRule(
            self,
            id_,
            description=does,
            schedule_expression=rate,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Recorder", arn=self.function.attr_arn, input=json.dumps(event)
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            f"{id_}MayInvoke",
            action="lambda:InvokeFunction",
            function_name=self.function.attr_arn,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )


class AuditSubscription(Construct):
    """Sends the records of a model function's requests to the recorder."""

    def __init__(self, scope: Construct, id_: str, *, log_group: str, recorder_arn: str) -> None:
        """Make the subscription filter.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            log_group: Name of the function's log group.
            recorder_arn: The recorder, which already lets CloudWatch Logs invoke it.
        """
        super().__init__(scope, id_)
        logs.CfnSubscriptionFilter(
            self,
            "Resource",
            log_group_name=log_group,
            destination_arn=recorder_arn,
            filter_pattern=AUDITED_LINES,
        )


def capture_rights(key_arn: str) -> tuple[dict[str, Any], ...]:
    """Let a model function read tenants' keys, with which it names nobody, and nothing else so.

    Args:
        key_arn: The customer's key, under which tenants' keys are.

    Source:
        docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html (the encryption
        context is the parameter's ARN); conditions-kms.html (kms:ViaService).
    """
    keys = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter{CAPTURE_KEYS_ROOT}"
    return (
        allow("ReadTenantKeys", ["ssm:GetParametersByPath"], [sub(keys)]),
        {
            **allow("DecryptTenantKeys", ["kms:Decrypt"], [key_arn]),
            "Condition": {
                "StringEquals": {"kms:ViaService": sub("ssm.${AWS::Region}.amazonaws.com")},
                "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": sub(f"{keys}/*")},
            },
        },
    )


def _rights(reach: TrailReach) -> tuple[dict[str, Any], ...]:
    prefixes = [f"{TRAIL}/*", f"{CHECKPOINTS}/*"]
    objects = [sub(f"${{Bucket}}/{prefix}", Bucket=reach.bucket_arn) for prefix in prefixes]
    return (
        allow("WriteTrail", ["s3:PutObject", "s3:GetObject"], objects),
        {
            **allow("FindEnds", ["s3:ListBucket"], [reach.bucket_arn]),
            "Condition": {"StringLike": {"s3:prefix": prefixes}},
        },
        allow("SignTrail", ["kms:Sign"], [reach.signing_key_arn]),
    )
