"""What a route asks of a caller, read from the OpenAPI body as API Gateway imports it.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/
    api-gateway-swagger-extensions-authorizer.html, …-auth.html and …-api-key-source.html, read
    2026-11-22.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from local_region.errors import OpenApiError, UnenforceableSecurityError
from local_region.gateway.messages import ApiKind

AUTHORIZER: Final = "x-amazon-apigateway-authorizer"
_FUNCTION_ARN: Final = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")
_USUAL_TTL_S: Final = 300
_HEADER_SOURCE: Final = "$request.header."
_SECURITY: Final = "security"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedGuard:
    """The request must be signed with AWS credentials (AWS_IAM)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtGuard:
    """A JSON Web Token, which an HTTP API checks itself.

    Attributes:
        header: Where the token is.
        issuer: Whose it must be.
        audience: One of these must be in it.
        scopes: One of these, too; none asks for no scope.
    """

    header: str
    issuer: str
    audience: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGuard:
    """A token that a REST API has a function check (TOKEN authorizer).

    Attributes:
        name: The authorizer's name in the document; answers are kept by it.
        header: Where the token is.
        function_arn: What checks it.
        pattern: What the token must look like to be checked at all.
        ttl_s: How long an answer is kept.
        has_credentials: Whether a role is named with which the gateway invokes it.
    """

    name: str
    header: str
    function_arn: str
    pattern: re.Pattern[str] | None
    ttl_s: int
    has_credentials: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Everything that a route asks.

    Attributes:
        check: Who is asked for; None lets anyone in.
        needs_key: Whether a usage plan counts the caller.
        key_from_authorizer: Whether the authorizer names the caller's key, or a header does.
    """

    check: "Check | None" = None
    needs_key: bool = False
    key_from_authorizer: bool = False


Check: TypeAlias = SignedGuard | JwtGuard | FunctionGuard

OPEN: Final = Guard()


def read_guard(
    kind: ApiKind, name: str, where: str, body: Mapping[str, Any], operation: Mapping[str, Any]
) -> Guard:
    """Read what a route asks.

    Raises:
        UnenforceableSecurityError: A check that nobody here makes, and AWS would.
        OpenApiError: A check that is not complete.
    """
    asked = operation.get("x-amazon-apigateway-auth", {}).get("type", "NONE").upper()
    if asked not in {"NONE", "AWS_IAM", "AWSIAM"}:
        raise UnenforceableSecurityError(api=name, where=where, scheme=asked)
    check: Check | None = None if asked == "NONE" else SignedGuard()
    needs_key = False
    requirements = operation.get(_SECURITY, body.get(_SECURITY, ()))
    if len(requirements) > 1:
        raise UnenforceableSecurityError(api=name, where=where, scheme="one of several")
    for scheme, scopes in (requirements[0] if requirements else {}).items():
        declared = _scheme(name, where, body, scheme)
        if _is_api_key(declared):
            needs_key = True
        elif check is not None:
            raise UnenforceableSecurityError(api=name, where=where, scheme=f"{scheme} and another")
        else:
            check = _read_check(kind, name, where, scheme, declared, tuple(scopes))
    source = body.get("x-amazon-apigateway-api-key-source", "HEADER")
    if needs_key and kind is ApiKind.HTTP:
        raise OpenApiError(api=name, where=where, reason="an HTTP API knows no API keys")
    return Guard(check=check, needs_key=needs_key, key_from_authorizer=source == "AUTHORIZER")


def _scheme(name: str, where: str, body: Mapping[str, Any], scheme: str) -> Mapping[str, Any]:
    found = body.get("components", {}).get("securitySchemes", {}).get(scheme)
    if not isinstance(found, Mapping):
        raise UnenforceableSecurityError(api=name, where=where, scheme=scheme)
    return found


def _is_api_key(declared: Mapping[str, Any]) -> bool:
    return (
        declared.get("type") == "apiKey"
        and AUTHORIZER not in declared
        and str(declared.get("name", "")).lower() == "x-api-key"
    )


def _read_check(
    kind: ApiKind,
    name: str,
    where: str,
    scheme: str,
    declared: Mapping[str, Any],
    scopes: tuple[str, ...],
) -> Check:
    value = declared.get(AUTHORIZER)
    if not isinstance(value, Mapping):
        raise UnenforceableSecurityError(api=name, where=where, scheme=scheme)
    type_ = str(value.get("type", "")).lower()
    if kind is ApiKind.HTTP and type_ == "jwt":
        return _jwt(name, where, value, scopes)
    if kind is ApiKind.REST and type_ == "token" and not scopes:
        return _by_function(name, where, scheme, declared, value)
    raise UnenforceableSecurityError(api=name, where=where, scheme=scheme)


def _jwt(name: str, where: str, value: Mapping[str, Any], scopes: tuple[str, ...]) -> JwtGuard:
    source = str(value.get("identitySource", ""))
    configuration = value.get("jwtConfiguration", {})
    issuer, audience = configuration.get("issuer"), tuple(configuration.get("audience", ()))
    if not source.startswith(_HEADER_SOURCE) or not issuer or not audience:
        reason = "a JWT authorizer takes a header as identitySource, an issuer and an audience"
        raise OpenApiError(api=name, where=where, reason=reason)
    header = source.removeprefix(_HEADER_SOURCE).lower()
    return JwtGuard(header=header, issuer=issuer, audience=audience, scopes=scopes)


def _by_function(
    name: str, where: str, scheme: str, declared: Mapping[str, Any], value: Mapping[str, Any]
) -> FunctionGuard:
    arn = _FUNCTION_ARN.search(str(value.get("authorizerUri", "")))
    if arn is None or declared.get("in") != "header":
        reason = "a TOKEN authorizer takes a function as authorizerUri and a header"
        raise OpenApiError(api=name, where=where, reason=reason)
    pattern = value.get("identityValidationExpression")
    return FunctionGuard(
        name=scheme,
        header=str(declared.get("name", "")).lower(),
        function_arn=arn.group(),
        pattern=re.compile(pattern) if pattern else None,
        ttl_s=int(value.get("authorizerResultTtlInSeconds", _USUAL_TTL_S)),
        has_credentials="authorizerCredentials" in value,
    )
