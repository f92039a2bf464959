"""The one OpenAPI body from which API Gateway makes every route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.config.deployment import Access
from infra.config.profile import ApiKind
from infra.constructs.function_role import sub

OPENAPI: Final = "3.0.1"
"""What API Gateway imports.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html.
"""

PLATFORM_PATHS: Final = (
    "/v2",
    "/v2/{proxy+}",
    "/v2/models/{proxy+}",
    "/openapi.json",
    "/docs",
)
"""Answered by the platform function, beside whatever no other route takes."""

TIMEOUT_MS: Final = {ApiKind.HTTP: 30_000, ApiKind.REST: 29_000}
"""Longest wait for a function.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html (30 seconds) and
    api-gateway-execution-service-limits-table.html (29 seconds), read 2026-11-22.
"""

ROUTES_PER_API: Final = 300
"""Routes of an HTTP API, resources of a REST API, integrations of either; by default.

Source: the same pages.
"""
ROUTES_PER_MODEL: Final = 2
MOST_MODELS: Final = (ROUTES_PER_API - len(PLATFORM_PATHS) - 5) // ROUTES_PER_MODEL
"""Models that one API can hold; five resources of a REST API are paths that only lead on."""

_ANY: Final = "x-amazon-apigateway-any-method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What routes lead to.

    Attributes:
        arn: ARN of a function or alias.
        timeout_s: After how long the function itself gives up.
    """

    arn: str
    timeout_s: int

    @property
    def uri(self) -> dict[str, Any]:
        """API Gateway's name of the invocation, as CloudFormation fills it in."""
        return sub(
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            "${Function}/invocations",
            Function=self.arn,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoutes:
    """Which function answers which path.

    Attributes:
        kind: HTTP API or REST API.
        access: What is asked of a caller.
        credentials: ARN of the role that invokes the functions.
        models: Each model's alias, by name.
        platform: The platform function.
        cors_origins: Origins whose browsers may call.
    """

    kind: ApiKind
    access: Access
    credentials: str
    models: Mapping[str, Backend]
    platform: Backend
    cors_origins: Sequence[str] = ()

    def body(self, title: str) -> dict[str, Any]:
        """Write the OpenAPI document that API Gateway imports."""
        paths: dict[str, Any] = {}
        for path in PLATFORM_PATHS:
            paths[path] = self._path(path, self.platform)
        for name, backend in self.models.items():
            for path in (f"/v2/models/{name}", f"/v2/models/{name}/{{proxy+}}"):
                paths[path] = self._path(path, backend)
        paths.update(self._everything_else())
        document: dict[str, Any] = {
            "openapi": OPENAPI,
            "info": {"title": title, "version": "2"},
            "paths": paths,
        }
        if self.kind is ApiKind.REST:
            document |= _rest_extensions()
        elif self.cors_origins:
            document["x-amazon-apigateway-cors"] = _cors(self.cors_origins)
        return document

    def _everything_else(self) -> dict[str, Any]:
        """Let the platform function refuse unknown paths, so that there is one error body.

        Source:
            docs.aws.amazon.com/apigateway/latest/developerguide/
            api-gateway-swagger-extensions-any-method.html (isDefaultRoute).
        """
        if self.kind is ApiKind.HTTP:
            route = self._path("/$default", self.platform)
            route[_ANY]["isDefaultRoute"] = True
            return {"/$default": route}
        return {path: self._path(path, self.platform) for path in ("/", "/{proxy+}")}

    def _path(self, path: str, backend: Backend) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "responses": {},
            "x-amazon-apigateway-auth": {
                "type": "AWS_IAM" if self.access is Access.IAM else "NONE"
            },
            "x-amazon-apigateway-integration": self._integration(backend),
        }
        if "{proxy+}" in path:
            operation["parameters"] = [
                {"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        return {_ANY: operation}

    def _integration(self, backend: Backend) -> dict[str, Any]:
        integration = {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": backend.uri,
            "credentials": self.credentials,
            "timeoutInMillis": min(TIMEOUT_MS[self.kind], backend.timeout_s * 1000 + 1000),
            "payloadFormatVersion": "2.0" if self.kind is ApiKind.HTTP else "1.0",
        }
        if self.kind is ApiKind.REST:
            integration["passthroughBehavior"] = "when_no_match"
        return integration


def _cors(origins: Sequence[str]) -> dict[str, Any]:
    return {
        "allowOrigins": list(origins),
        "allowMethods": ["GET", "POST", "OPTIONS"],
        "allowHeaders": ["*"],
        "exposeHeaders": ["*"],
        "maxAge": 600,
    }


def _rest_extensions() -> dict[str, Any]:
    """Take every body as bytes, and refuse in the same words as the functions do."""
    sentence = (
        '{"error":$context.error.messageString,"code":"%s","request_id":"$context.requestId"}'
    )
    return {
        "x-amazon-apigateway-binary-media-types": ["*/*"],
        "x-amazon-apigateway-gateway-responses": {
            name: {"responseTemplates": {"application/json": sentence % code}}
            for name, code in (("DEFAULT_4XX", "refused"), ("DEFAULT_5XX", "gateway"))
        },
    }
