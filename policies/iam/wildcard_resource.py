"""Rights are for named resources."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import IDENTITY, Statement, is_boundary, narrowed_by, statements

UNSCOPED: Final = frozenset(
    {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "cloudwatch:ListMetrics",
        "cloudwatch:PutMetricData",
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "ecr:GetAuthorizationToken",
        "ecs:DiscoverPollEndpoint",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "kms:GenerateRandom",
        "lambda:ListFunctions",
        "ssm:DescribeParameters",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)
"""Actions that take no resource (or, for network interfaces, none known before they exist).

Source: the service authorization reference, pages of the services, read 2026-11-22.
"""

_ALL: Final = re.compile(r"[*?]+|arn:[*?]+(?::.*)?|arn:(?:[^:]*:){4}[*?/:]*[*?]")
"""A star by itself, or an ARN whose resource is one: `arn:aws:s3:::*`."""


def _is_narrowed(statement: Statement) -> bool:
    """Whether a condition says which resources after all: by their tag, or by their account."""
    return any(
        key.startswith(("aws:resourcetag/", "aws:resourceaccount"))
        for key in narrowed_by(statement)
    )


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, IDENTITY):
        if not statement.is_allow or is_boundary(resource):
            continue
        if not any(map(_ALL.fullmatch, statement.resources)) and not statement.but_resources:
            continue
        for action in sorted(set(statement.actions) - UNSCOPED):
            if not _is_narrowed(statement):
                yield f"{action} is allowed on every resource; name the resources"


RULE = Rule(
    id="iam.wildcard-resource",
    title="No wildcard resource but where AWS knows no other",
    reason="A right on every resource is a right on the next team's, too.",
    source=(
        "https://docs.aws.amazon.com/service-authorization/latest/reference/"
        "reference_policies_actions-resources-contextkeys.html"
    ),
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5"),
    types=tuple(IDENTITY),
    check=_check,
)
