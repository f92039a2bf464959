"""No resource is open to anyone."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import RESOURCE, narrowed_by, statements
from policies.values import is_off, items

_ELSEWHERE: Final = ("AWS::ApiGateway::RestApi", "AWS::EC2::VPCEndpoint")
"""Of the first exposure.open-route speaks, of the second exposure.endpoint-policy."""
_WHO: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "elasticfilesystem:accessedviamounttarget",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
"""Conditions that say who may come; any other one leaves the door open to all who meet it."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, RESOURCE):
        is_bound = narrowed_by(statement) & _WHO
        if statement.is_allow and statement.is_open and not is_bound:
            yield (
                f"statement {statement.sid or statement.actions} allows anyone; name the principal"
            )
    if resource.properties.get("Principal") == "*":
        yield "Principal is *; name who may use it"
    if "*" in items(resource.properties.get("AllowedPrincipals")):
        yield "AllowedPrincipals is *; name who may connect"
    if not is_off(resource.properties.get("AllowUnauthenticatedIdentities")):
        yield "AllowUnauthenticatedIdentities gives credentials to whoever asks"


RULE = Rule(
    id="exposure.open-resource-policy",
    title="No resource policy lets everyone in",
    reason="A policy that allows any principal without a condition lets every AWS account in.",
    source=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "reference_policies_elements_principal.html"
    ),
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5"),
    types=(
        *(type_ for type_ in RESOURCE if type_ not in _ELSEWHERE),
        "AWS::Cognito::IdentityPool",
        "AWS::EC2::VPCEndpointServicePermissions",
        "AWS::Lambda::Permission",
        "AWS::Lambda::LayerVersionPermission",
    ),
    check=_check,
)
