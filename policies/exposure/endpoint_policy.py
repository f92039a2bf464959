"""VPC endpoints let through what is named, not every principal to every bucket of the world."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import RESOURCE, statements

_BOUNDS: Final = (
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not resource.properties.get("PolicyDocument"):
        yield "without PolicyDocument it lets anyone's credentials through to anyone's resources"
        return
    for statement in statements(resource, RESOURCE):
        keys = {key for test in statement.conditions.values() for key in test}
        is_narrow = statement.resources and "*" not in statement.resources
        if statement.is_allow and statement.is_open and not is_narrow and not keys & {*_BOUNDS}:
            yield (
                f"statement {statement.sid or statement.actions} binds neither callers nor "
                "resources to an account"
            )


RULE = Rule(
    id="exposure.endpoint-policy",
    title="VPC endpoints have policies of their own",
    reason=(
        "Through an endpoint with the default policy, code with smuggled credentials writes into "
        "a bucket of another account, and no route to the internet is needed for it."
    ),
    source="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
    controls=("PDPL-22", "ISO-8.12", "IAR-T4"),
    types=("AWS::EC2::VPCEndpoint",),
    check=_check,
)
