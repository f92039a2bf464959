"""What the rollout controller may do, statement by statement, and nothing besides.

Source:
    docs.aws.amazon.com/service-authorization/latest/reference/ (list_awslambda,
    list_amazoncloudwatch, list_awssystemsmanager, list_awskeymanagementservice): resources and
    condition keys by action;
    docs.aws.amazon.com/lambda/latest/dg/attribute-based-access-control.html: access by tags.
"""

from dataclasses import dataclass
from typing import Any, Final

from falaj.contract import (
    DECISIONS_PREFIX,
    METRIC_NAMESPACE,
    MODEL_TAG,
    MODELS_PARAMETER_ROOT,
    SHADOWS_PARAMETER_ROOT,
    WEBHOOK_KEY_PARAMETER,
)
from infra.constructs.function_role import allow, sub

_HERE: Final = "${AWS::Region}:${AWS::AccountId}"

FUNCTION_ACTIONS: Final = (
    "lambda:DeleteFunction",
    "lambda:DeleteProvisionedConcurrencyConfig",
    "lambda:GetAlias",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:InvokeFunction",
    "lambda:ListProvisionedConcurrencyConfigs",
    "lambda:ListVersionsByFunction",
    "lambda:PutProvisionedConcurrencyConfig",
    "lambda:UpdateAlias",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerReach:
    """The resources that the controller works on; ARNs, most of them tokens."""

    table_arn: str
    bucket_arn: str
    signing_key_arn: str
    data_key_arn: str
    topic_arn: str
    dead_letters_arn: str


def controller_rights(reach: ControllerReach) -> tuple[dict[str, Any], ...]:
    """Write the controller's statements."""
    return (
        *_reading(),
        *_records(reach),
        *_functions(),
        allow("CallPeople", ["sns:Publish"], [reach.topic_arn]),
        allow("KeepDeadLetters", ["sqs:SendMessage"], [reach.dead_letters_arn]),
        allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [reach.data_key_arn]),
    )


def _reading() -> tuple[dict[str, Any], ...]:
    parameters = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter"
    models = f"{parameters}{MODELS_PARAMETER_ROOT}"
    return (
        allow(
            "ReadDesiredReleases",
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            [sub(models), sub(f"{models}/*")],
        ),
        allow(
            "OrderShadows", ["ssm:PutParameter"], [sub(f"{parameters}{SHADOWS_PARAMETER_ROOT}/*")]
        ),
        allow(
            "ReadWebhookKey", ["ssm:GetParameter"], [sub(f"{parameters}{WEBHOOK_KEY_PARAMETER}")]
        ),
        # GetMetricData takes no resource; DescribeAlarms by a prefix of names asks for all alarms.
        allow("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"]),
        allow(
            "ReadAlarms",
            ["cloudwatch:DescribeAlarms"],
            [sub(f"arn:${{AWS::Partition}}:cloudwatch:{_HERE}:alarm:*")],
        ),
        {
            **allow("WriteOwnMetrics", ["cloudwatch:PutMetricData"], ["*"]),
            "Condition": {"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACE}},
        },
    )


def _records(reach: ControllerReach) -> tuple[dict[str, Any], ...]:
    return (
        allow(
            "KeepStatus",
            [
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ],
            [reach.table_arn],
        ),
        allow(
            "WriteDecisions",
            ["s3:GetObject", "s3:PutObject"],
            [sub(f"${{Bucket}}/{DECISIONS_PREFIX}*", Bucket=reach.bucket_arn)],
        ),
        {
            # Without it S3 answers 403 instead of 404 for a record that is not written yet.
            **allow("FindDecisions", ["s3:ListBucket"], [reach.bucket_arn]),
            "Condition": {"StringLike": {"s3:prefix": f"{DECISIONS_PREFIX}*"}},
        },
        allow("SignDecisions", ["kms:GetPublicKey", "kms:Sign"], [reach.signing_key_arn]),
    )


def _functions() -> tuple[dict[str, Any], ...]:
    functions = sub(f"arn:${{AWS::Partition}}:lambda:{_HERE}:function:*")
    return (
        {
            **allow("SteerModels", FUNCTION_ACTIONS, [functions]),
            "Condition": {"Null": {f"aws:ResourceTag/{MODEL_TAG}": "false"}},
        },
    )
