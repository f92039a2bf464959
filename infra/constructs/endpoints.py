"""The ways from an isolated network to AWS, and what each of them may be used for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falaj.contract import REGION

_OWN_CALLERS: Final = {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}
_OWN_RESOURCES: Final = {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One interface endpoint and its policy.

    Only callers of this account get through it, and only to resources of this account: somebody
    who smuggles in foreign credentials, or names a foreign bucket, is refused by the network.

    Attributes:
        service: As in `com.amazonaws.me-central-1.<service>`.
        actions: What may be called through it.
        names_resources: Whether every one of these actions speaks of a resource; AWS documents no
            `aws:ResourceAccount` for those that do not.
        statements: Further statements, for what belongs to AWS (image layers of ECR).

    Source:
        docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html (endpoint policies) and
        docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        (aws:PrincipalAccount, aws:ResourceAccount), read 2026-11-22.
    """

    service: str
    actions: tuple[str, ...]
    names_resources: bool = True
    statements: tuple[Mapping[str, Any], ...] = ()

    def policy(self) -> dict[str, Any]:
        """Write the endpoint's policy."""
        bound = _OWN_CALLERS | (_OWN_RESOURCES if self.names_resources else {})
        own = {
            "Sid": "OwnCallersAndResources",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": list(self.actions),
            "Resource": "*",
            "Condition": {"StringEquals": bound},
        }
        return {"Version": "2012-10-17", "Statement": [own, *map(dict, self.statements)]}


_KNOWN: Final = (
    Endpoint(
        service="dynamodb",
        actions=(
            "dynamodb:DeleteItem",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        ),
    ),
    Endpoint(service="events", actions=("events:PutEvents",)),
    Endpoint(
        service="kms",
        actions=(
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateMac",
            "kms:GetPublicKey",
            "kms:Sign",
        ),
    ),
    Endpoint(service="lambda", actions=("lambda:*",)),
    Endpoint(
        service="logs",
        actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    ),
    Endpoint(
        service="monitoring",
        actions=(
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
            "cloudwatch:PutMetricData",
        ),
        names_resources=False,
    ),
    Endpoint(
        service="s3",
        actions=(
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:ListBucket",
            "s3:PutObject",
            "s3:PutObjectRetention",
        ),
    ),
    Endpoint(service="sns", actions=("sns:Publish",)),
    Endpoint(
        service="sqs",
        actions=(
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ),
    ),
    Endpoint(
        service="ssm",
        actions=(
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:GetParametersByPath",
            "ssm:PutParameter",
        ),
    ),
    Endpoint(service="sts", actions=("sts:AssumeRole", "sts:GetCallerIdentity")),
    Endpoint(
        service="xray",
        actions=(
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ),
        names_resources=False,
    ),
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = {known.service: known for known in _KNOWN}
"""What our functions call, by service; a stack adds endpoints of its own for what else it needs."""


def endpoints(*services: str) -> tuple[Endpoint, ...]:
    """Return known endpoints by their services' names."""
    return tuple(ENDPOINTS[service] for service in services)


def own_callers_only(service: str) -> dict[str, Any]:
    """Write the policy of an endpoint for machines: this account's callers, whatever they call.

    Image layers lie in a bucket of ECR's own, and ECR signs the requests for them.

    Source:
        docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html ("Minimum Amazon S3 Bucket
        Permissions for Amazon ECR"), read 2026-11-22.
    """
    own = {
        "Sid": "OwnCallers",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": _OWN_CALLERS},
    }
    layers = {
        "Sid": "ImageLayers",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*",
    }
    more = [layers] if service == "s3" else []
    return {"Version": "2012-10-17", "Statement": [own, *more]}
