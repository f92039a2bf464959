"""The OpenAPI body of an API, read as API Gateway imports it.

Anything that would change how requests are served and is not known here is an error that names it.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html and
    …/api-gateway-swagger-extensions-integration.html, read 2026-11-22.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local_region.errors import OpenApiError
from local_region.gateway.cors import CorsPolicy
from local_region.gateway.failures import CustomAnswer, read_custom_answers
from local_region.gateway.guards import read_guard
from local_region.gateway.messages import ApiKind
from local_region.gateway.private_integration import read_private
from local_region.gateway.route import ANY, DEFAULT_ROUTE, Integration, Route
from local_region.gateway.routing import RouteTable

_METHODS: Final = {
    **{name: name.upper() for name in ("get", "put", "post", "delete", "options", "head", "patch")},
    "x-amazon-apigateway-any-method": ANY,
}
_KNOWN_EXTENSIONS: Final = frozenset(
    {
        "x-amazon-apigateway-any-method",
        "x-amazon-apigateway-api-key-source",
        "x-amazon-apigateway-auth",
        "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-cors",
        "x-amazon-apigateway-endpoint-configuration",
        "x-amazon-apigateway-gateway-responses",
        "x-amazon-apigateway-importexport-version",
        "x-amazon-apigateway-integration",
        "x-amazon-apigateway-tag-value",
    }
)
_TIMEOUT_MS: Final = {ApiKind.HTTP: 30_000, ApiKind.REST: 29_000}
_SHORTEST_TIMEOUT_MS: Final = 50
_FUNCTION_ARN: Final = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")
_PARAMETER: Final = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What an API serves once it is deployed."""

    kind: ApiKind
    name: str
    table: RouteTable
    binary_media_types: tuple[str, ...] = ()
    answers: Mapping[str, CustomAnswer] = field(default_factory=dict)
    cors: CorsPolicy | None = None


def read_definition(
    kind: ApiKind,
    name: str,
    body: Mapping[str, Any],
    *,
    binary_media_types: tuple[str, ...] = (),
) -> Definition:
    """Read an API's body.

    Args:
        kind: HTTP API or REST API.
        name: How errors call it.
        body: The OpenAPI document, with every intrinsic resolved.
        binary_media_types: Those set beside the body, on the resource.

    Raises:
        OpenApiError: The body says something that is not known here.
        UnenforceableSecurityError: A route asks for a check that nobody here makes.
    """
    _refuse_unknown_extensions(name, "root", body)
    routes = tuple(_routes(kind, name, body))
    if not routes:
        raise OpenApiError(api=name, where="paths", reason="no route has an integration")
    try:
        answers = read_custom_answers(body.get("x-amazon-apigateway-gateway-responses", {}))
    except ValueError as error:
        raise OpenApiError(api=name, where="gateway responses", reason=str(error)) from error
    return Definition(
        kind=kind,
        name=name,
        table=RouteTable(kind, routes),
        binary_media_types=(
            *binary_media_types,
            *body.get("x-amazon-apigateway-binary-media-types", ()),
        ),
        answers=answers,
        cors=_cors(kind, name, body),
    )


def _cors(kind: ApiKind, name: str, body: Mapping[str, Any]) -> CorsPolicy | None:
    value = body.get("x-amazon-apigateway-cors")
    if value is None:
        return None
    if kind is ApiKind.REST:
        raise OpenApiError(api=name, where="cors", reason="only HTTP APIs answer CORS themselves")
    return CorsPolicy.read(value)


def _routes(kind: ApiKind, name: str, body: Mapping[str, Any]) -> Iterator[Route]:
    for path, item in body.get("paths", {}).items():
        _refuse_unknown_extensions(name, path, item)
        for key, operation in item.items():
            if key not in _METHODS:
                continue
            where = f"{_METHODS[key]} {path}"
            _refuse_unknown_extensions(name, where, operation)
            yield Route(
                method=_METHODS[key],
                template=_template(kind, name, path, operation),
                integration=_integration(kind, name, where, body, operation),
                guard=read_guard(kind, name, where, body, operation),
            )


def _refuse_unknown_extensions(name: str, where: str, value: Mapping[str, Any]) -> None:
    for key in value:
        if key.startswith("x-amazon-apigateway-") and key not in _KNOWN_EXTENSIONS:
            raise OpenApiError(api=name, where=where, reason=f"{key} is not known here")


def _template(kind: ApiKind, name: str, path: str, operation: Mapping[str, Any]) -> str:
    is_default = operation.get("isDefaultRoute") or path.lstrip("/") == DEFAULT_ROUTE
    if is_default:
        if kind is ApiKind.REST:
            raise OpenApiError(api=name, where=path, reason="a REST API has no $default route")
        return DEFAULT_ROUTE
    if "+}" in path and not path.endswith("+}"):
        raise OpenApiError(
            api=name, where=path, reason="a greedy path variable must be the last segment"
        )
    if any(not _PARAMETER.fullmatch(part) for part in path.split("/") if "{" in part):
        raise OpenApiError(api=name, where=path, reason="a path variable must be a whole segment")
    return path


def _integration(
    kind: ApiKind, name: str, where: str, body: Mapping[str, Any], operation: Mapping[str, Any]
) -> Integration:
    value = operation.get("x-amazon-apigateway-integration")
    if value is None:
        raise OpenApiError(api=name, where=where, reason="has no x-amazon-apigateway-integration")
    value = _dereference(name, where, body, value)
    match str(value.get("type", "")).lower():
        case "http_proxy":
            return _private(kind, name, where, value)
        case other if other != "aws_proxy":
            raise OpenApiError(
                api=name,
                where=where,
                reason=f"integration type {value.get('type')!r} is not known here, "
                "only aws_proxy and http_proxy",
            )
    arn = _FUNCTION_ARN.search(str(value.get("uri", "")))
    if arn is None:
        raise OpenApiError(
            api=name, where=where, reason=f"{value.get('uri')!r} names no Lambda function"
        )
    return Integration(
        function_arn=arn.group(),
        payload_format=_payload_format(kind, name, where, value),
        timeout_ms=_timeout_ms(kind, name, where, value),
        has_credentials="credentials" in value,
    )


def _private(kind: ApiKind, name: str, where: str, value: Mapping[str, Any]) -> Integration:
    try:
        target = read_private(kind, value)
    except ValueError as error:
        raise OpenApiError(api=name, where=where, reason=str(error)) from error
    return Integration(
        function_arn="",
        payload_format="1.0",
        timeout_ms=_timeout_ms(kind, name, where, value),
        has_credentials=True,
        private=target,
    )


def _dereference(
    name: str, where: str, body: Mapping[str, Any], value: Mapping[str, Any]
) -> Mapping[str, Any]:
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = body
    for part in str(reference).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise OpenApiError(api=name, where=where, reason=f"{reference} is not in the document")
    return found


def _payload_format(kind: ApiKind, name: str, where: str, value: Mapping[str, Any]) -> str:
    if kind is ApiKind.REST:
        return "1.0"
    version = str(value.get("payloadFormatVersion"))
    if version not in {"1.0", "2.0"}:
        raise OpenApiError(
            api=name, where=where, reason=f"payloadFormatVersion is {version}, not 1.0 or 2.0"
        )
    return version


def _timeout_ms(kind: ApiKind, name: str, where: str, value: Mapping[str, Any]) -> int:
    longest = _TIMEOUT_MS[kind]
    timeout = int(value.get("timeoutInMillis", longest))
    if not _SHORTEST_TIMEOUT_MS <= timeout <= longest:
        raise OpenApiError(
            api=name,
            where=where,
            reason=f"timeoutInMillis {timeout} is not within {_SHORTEST_TIMEOUT_MS}–{longest}",
        )
    return timeout
