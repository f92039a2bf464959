"""A web ACL stands before every REST API."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    name = f"/stages/${{{resource.id}}}"
    written = f"/stages/{resource.properties.get('StageName')}"
    guarded = (
        str(association.properties.get("ResourceArn", ""))
        for association in view.of_type("AWS::WAFv2::WebACLAssociation")
    )
    if not any(arn.endswith((name, written)) for arn in guarded):
        yield "no web ACL is associated with it"


RULE = Rule(
    id="exposure.web-acl",
    title="A web ACL stands before every REST API",
    reason=(
        "Known bad inputs, oversized requests and floods from one address are refused before they "
        "cost an authorizer or a model anything."
    ),
    source=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
        "apigateway-control-access-aws-waf.html"
    ),
    controls=("ISO-8.20", "IAR-T4", "ISO-8.6"),
    types=("AWS::ApiGateway::Stage",),
    check=_check,
)
