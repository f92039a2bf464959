"""The state machine of batches: plan, a distributed map over the shards, add up."""

import json
from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import aws_iam as iam, aws_stepfunctions as states
from constructs import Construct

from falaj.contract import BATCH_SHARDS
from infra.config.batch import BatchBucket
from infra.config.deployment import Deployment
from infra.constructs.batch_function import key_arns
from infra.constructs.bounded_role import bounded_role, trust
from infra.constructs.function_role import allow, sub
from infra.constructs.kept_logs import KeptLogs

INVOKE: Final = "arn:aws:states:::lambda:invoke"
TASK_TIMEOUT_S: Final = 960
"""A minute longer than the function may run, so that its own timeout is what gets reported."""
TRANSIENT: Final = (
    "DependencyError",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
)
"""What another attempt may mend: S3 or Lambda out of sorts, a process that was lost.

Source: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html and
bp-lambda-serviceexception.html; a function's own errors have the name of their class.
"""
_RETRY: Final = (
    {
        "ErrorEquals": list(TRANSIENT),
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
)
_RUN: Final = ("source", "target", "model_version", "shard_bytes")
"""What every step is told of the run."""
_DELIVERY: Final = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
"""Source: docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html; none takes a resource."""


def definition() -> dict[str, Any]:
    """Write the machine in Amazon's States Language.

    The shards lie in one object, since a state's payload holds 256 KiB; the map's own results are
    thrown away, since the receipts hold them.

    Source: docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html and
    input-output-itemreader.html, read 2026-11-22.
    """
    item = {
        "shard.$": "$$.Map.Item.Value",
        "function.$": "$.function",
        **{f"{name}.$": f"$.{name}" for name in _RUN},
    }
    return {
        "Comment": "Falaj: answers a prefix of records, each exactly once",
        "StartAt": "Plan",
        "States": {
            "Plan": {
                **_task("plan"),
                "ResultSelector": {"bucket.$": "$.Payload.bucket", "key.$": "$.Payload.key"},
                "ResultPath": "$.plan",
                "Next": "Shards",
            },
            "Shards": {
                "Type": "Map",
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket.$": "$.plan.bucket", "Key.$": "$.plan.key"},
                },
                "ItemSelector": item,
                "MaxConcurrencyPath": "$.concurrency",
                "ToleratedFailureCountPath": "$.tolerated",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Answer",
                    "States": {
                        "Answer": {
                            **_task("shard", {"shard.$": "$.shard"}),
                            "OutputPath": None,
                            "End": True,
                        }
                    },
                },
                "ResultPath": None,
                "Next": "Finish",
            },
            "Finish": {**_task("finish"), "OutputPath": "$.Payload", "End": True},
        },
    }


def _task(step: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    run = {f"{name}.$": f"$.{name}" for name in _RUN}
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {
            "FunctionName.$": "$.function",
            "Payload": {"step": step, **run, **(more or {})},
        },
        "TimeoutSeconds": TASK_TIMEOUT_S,
        "Retry": list(_RETRY),
    }


class BatchMachine(Construct):
    """The state machine, its role and its log.

    Attributes:
        machine: The state machine.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function_arns: Sequence[str],
        deployment: Deployment,
        key_arn: str,
    ) -> None:
        """Make the state machine.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            function_arns: The functions of which it may invoke any version.
            deployment: The profile, and the buckets where plans lie.
            key_arn: The customer's key.
        """
        super().__init__(scope, id_)
        group = KeptLogs(self, "Logs", settings=deployment.settings, key_arn=key_arn).group
        role = bounded_role(
            self,
            "Role",
            trusted=trust("states.amazonaws.com"),
            statements=[
                allow(
                    "InvokeVersions",
                    ["lambda:InvokeFunction"],
                    [sub("${Arn}:*", Arn=arn) for arn in function_arns],
                ),
                *_plan_rights(deployment.batch.buckets),
                allow("UseBatchKey", ["kms:Decrypt", "kms:GenerateDataKey"], [key_arn]),
                allow("DeliverLogs", _DELIVERY, ["*"]),
                # X-Ray's actions take no resource; AWS documents `*` for them.
                allow(
                    "WriteTraces",
                    [
                        "xray:GetSamplingRules",
                        "xray:GetSamplingTargets",
                        "xray:PutTelemetryRecords",
                        "xray:PutTraceSegments",
                    ],
                    ["*"],
                ),
            ],
        )
        self.machine = states.CfnStateMachine(
            self,
            "Resource",
            role_arn=role.attr_arn,
            state_machine_type="STANDARD",
            # As text: the CDK drops null from objects, and null is what throws results away.
            definition_string=json.dumps(definition(), separators=(",", ":")),
            encryption_configuration=states.CfnStateMachine.EncryptionConfigurationProperty(
                type="CUSTOMER_MANAGED_KMS_KEY",
                kms_key_id=key_arn,
                kms_data_key_reuse_period_seconds=300,
            ),
            logging_configuration=states.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                # Payloads are addresses and counts; they stay in the machine, under its key.
                include_execution_data=False,
                destinations=[
                    states.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=(
                            states.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                                log_group_arn=group.attr_arn
                            )
                        )
                    )
                ],
            ),
            tracing_configuration=states.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )
        self._run_children(role)

    def _run_children(self, role: iam.CfnRole) -> None:
        """Let the map start and watch its children; apart, since the role comes before the machine.

        Source: docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html.
        """
        children = sub(
            "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Name}/*",
            Name=self.machine.attr_name,
        )
        iam.CfnPolicy(
            self,
            "Children",
            policy_name="RunChildren",
            roles=[role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    allow("StartChildren", ["states:StartExecution"], [self.machine.ref]),
                    allow(
                        "WatchChildren",
                        ["states:DescribeExecution", "states:StopExecution"],
                        [children],
                    ),
                ],
            },
        )


def _plan_rights(buckets: Sequence[BatchBucket]) -> list[dict[str, Any]]:
    """Let the map read what lists the shards, and nothing else of any bucket."""
    plans = [
        sub(f"arn:${{AWS::Partition}}:s3:::{bucket.name}/*/{BATCH_SHARDS}") for bucket in buckets
    ]
    keys = key_arns(buckets)
    return [
        allow("ReadShards", ["s3:GetObject"], plans),
        *([allow("UseBucketKeys", ["kms:Decrypt"], keys)] if keys else []),
    ]
