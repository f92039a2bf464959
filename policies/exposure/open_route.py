"""Every route asks who is calling."""

from collections.abc import Iterator
from typing import Any, Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at

_ANY: Final = "x-amazon-apigateway-any-method"
_AUTHORIZER: Final = "x-amazon-apigateway-authorizer"
_METHODS: Final = frozenset({_ANY, "get", "put", "post", "delete", "head", "patch", "trace"})


def _is_open(method: str, operation: dict[str, Any], body: dict[str, Any]) -> bool:
    if method not in _METHODS:
        return False
    asked = operation.get("security", body.get("security"))
    is_signed = at(operation, "x-amazon-apigateway-auth.type") in {"AWS_IAM", "awsIam"}
    return not is_signed and not (asked and all(_checks(each, body) for each in asked))


def _checks(requirement: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether one way in asks who is calling: an API key counts callers and knows none."""
    return any(
        at(body, f"components.securitySchemes.{scheme}.{_AUTHORIZER}") for scheme in requirement
    )


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type in {"AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Route"}:
        is_preflight = resource.properties.get("HttpMethod") == "OPTIONS"
        if resource.properties.get("AuthorizationType", "NONE") == "NONE" and not is_preflight:
            yield "AuthorizationType is NONE"
        return
    body = resource.properties.get("Body") or {}
    for path, methods in (at(body, "paths") or {}).items():
        for method, operation in methods.items():
            if _is_open(method, operation, body):
                yield f"{method} {path} asks for no authorization"


RULE = Rule(
    id="exposure.open-route",
    title="No API route without authorization",
    reason=(
        "An inference API that answers anyone gives away the model, and the account's quota "
        "with it."
    ),
    source="https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/",
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5"),
    types=(
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGateway::Method",
        "AWS::ApiGatewayV2::Route",
    ),
    check=_check,
)
