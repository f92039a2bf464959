"""The one OpenAPI body from which API Gateway makes every route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from falaj.contract import HEADER_SUBJECT, HEADER_TENANT
from infra.config.profile import ApiKind
from infra.constructs.api_access import ApiAccess
from infra.constructs.function_role import sub
from infra.constructs.gateway_answers import gateway_answers

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

INIT_PHASE_MS: Final = 10_000
"""How long an environment may start before the function's own timeout begins to count.

A gateway that waited for the timeout alone would give up on answers that are on their way from
environments that are still cold, and a shift sends requests to nothing but those.

Source:
    docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html ("Init phase": "limited to
    10 seconds"; past it, it is run again within the function's timeout), read 2026-11-22.
"""

ROUTES_PER_API: Final = 300
"""Routes of an HTTP API, resources of a REST API, integrations of either; by default.

Source: the same pages.
"""
ROUTES_PER_MODEL: Final = 2
RESOURCES_OF_WAITING: Final = 3
"""`infer_async`, `results` and what lies below it."""
MOST_MODELS: Final = (ROUTES_PER_API - len(PLATFORM_PATHS) - 5) // ROUTES_PER_MODEL
"""Models that one API can hold; five resources of a REST API are paths that only lead on."""


def most_models(with_feedback: int, asynchronous: int = 0) -> int:
    """Say how many models one API can hold when some of them take feedback, or answer later.

    Each of those has a route of its own for it, or three resources of a REST API. One route with a
    variable for all would do on an HTTP API, which matches whole paths before greedy ones; a REST
    API chooses the resource of the model's name before it looks further, and would never come to
    it.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html ("Routing
        API requests") and api-gateway-set-up-simple-proxy.html ("sibling resources are excluded
        from the representation of the proxy resource"), read 2026-11-22.

    Example:
        >>> most_models(0), most_models(90)
        (145, 100)
    """
    more = with_feedback + RESOURCES_OF_WAITING * asynchronous
    return MOST_MODELS - -(-more // ROUTES_PER_MODEL)


_ANY: Final = "x-amazon-apigateway-any-method"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateBackend:
    """A service behind the load balancer, to which routes lead without a function between.

    Attributes:
        link: API Gateway's VPC link.
        target: ARN of the balancer's listener for an HTTP API, of the balancer for a REST API.
        server_name: Name in its certificate; empty where there is none.
        timeout_s: After how long the service itself gives up.
    """

    link: str
    target: str
    server_name: str
    timeout_s: int

    def integration(self, kind: ApiKind, path: str, access: ApiAccess) -> dict[str, Any]:
        """Write the private integration of either API.

        Args:
            kind: HTTP API or REST API.
            path: The route's path.
            access: Where the API knows the caller from; whatever a caller says is overwritten.

        Source:
            docs.aws.amazon.com/apigateway/latest/developerguide/
            http-api-develop-integrations-private.html (the listener's ARN, tlsConfig) and
            set-up-private-integration.html (VPC link V2 with the balancer's ARN as target, `uri`
            for the Host header and the certificate), http-api-parameter-mapping.html.
        """
        told = {HEADER_TENANT: access.tenant, HEADER_SUBJECT: access.subject}
        common = {"connectionType": "VPC_LINK", "connectionId": self.link, "httpMethod": "ANY"}
        if kind is ApiKind.HTTP:
            secured = {"tlsConfig": {"serverNameToVerify": self.server_name}}
            return common | {
                "type": "http_proxy",
                "uri": self.target,
                "payloadFormatVersion": "1.0",
                "requestParameters": {
                    f"overwrite:header.{name}": f"$context.{place}" for name, place in told.items()
                },
                **(secured if self.server_name else {}),
            }
        scheme, host = ("https", self.server_name) if self.server_name else ("http", "localhost")
        parameters = {
            f"integration.request.header.{name}": f"context.{place}" for name, place in told.items()
        }
        if "{proxy+}" in path:
            parameters["integration.request.path.proxy"] = "method.request.path.proxy"
        return common | {
            "type": "http_proxy",
            "integrationTarget": self.target,
            "uri": f"{scheme}://{host}{path.replace('{proxy+}', '{proxy}')}",
            "passthroughBehavior": "when_no_match",
            "requestParameters": parameters,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A function that routes lead to.

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
class Waiting:
    """Who takes requests that wait, and for which models.

    Attributes:
        intake: The function.
        models: Their names.
    """

    intake: Backend
    models: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoutes:
    """Which function answers which path.

    Attributes:
        kind: HTTP API or REST API.
        access: What is asked of a caller.
        credentials: ARN of the role that invokes the functions.
        models: Each model's alias or service, by name.
        platform: The platform function.
        with_feedback: Names of the models that take feedback.
        waiting: Where models are asked that answer later; None where none does.
        cors_origins: Origins whose browsers may call.
    """

    kind: ApiKind
    access: ApiAccess
    credentials: str
    models: Mapping[str, Backend | PrivateBackend]
    platform: Backend
    with_feedback: Sequence[str] = ()
    waiting: Waiting | None = None
    cors_origins: Sequence[str] = ()

    def body(self, title: str) -> dict[str, Any]:
        """Write the OpenAPI document that API Gateway imports."""
        paths: dict[str, Any] = {}
        for path in PLATFORM_PATHS:
            paths[path] = self._path(path, self.platform)
        for name, backend in self.models.items():
            for path in (f"/v2/models/{name}", f"/v2/models/{name}/{{proxy+}}"):
                paths[path] = self._path(path, backend, name)
        for name in self.with_feedback:
            path = f"/v2/models/{name}/feedback"
            paths[path] = self._path(path, self.platform, name)
        paths.update(self._waiting())
        paths.update(self._everything_else())
        document: dict[str, Any] = {
            "openapi": OPENAPI,
            "info": {"title": title, "version": "2"},
            "paths": paths,
            **self.access.document(),
        }
        if self.kind is ApiKind.REST:
            document |= _rest_extensions()
        elif self.cors_origins:
            document["x-amazon-apigateway-cors"] = _cors(self.cors_origins)
        return document

    def _waiting(self) -> dict[str, Any]:
        """Let the intake take requests that wait, and give their results."""
        if self.waiting is None:
            return {}
        return {
            path: self._path(path, self.waiting.intake, model)
            for model in self.waiting.models
            for path in (
                f"/v2/models/{model}/infer_async",
                f"/v2/models/{model}/results/{{proxy+}}",
            )
        }

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

    def _path(
        self, path: str, backend: Backend | PrivateBackend, model: str = ""
    ) -> dict[str, Any]:
        asked = self.access.of_model(model) if model else self.access.of_platform(path)
        operation: dict[str, Any] = {
            "responses": {},
            **asked,
            "x-amazon-apigateway-integration": self._integration(backend, path),
        }
        if "{proxy+}" in path:
            operation["parameters"] = [
                {"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        return {_ANY: operation}

    def _integration(self, backend: Backend | PrivateBackend, path: str) -> dict[str, Any]:
        longest_ms = backend.timeout_s * 1000 + 1000
        if isinstance(backend, PrivateBackend):
            timeout_ms = min(TIMEOUT_MS[self.kind], longest_ms)
            integration = backend.integration(self.kind, path, self.access)
            return integration | {"timeoutInMillis": timeout_ms}
        integration = {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": backend.uri,
            "credentials": self.credentials,
            "timeoutInMillis": min(TIMEOUT_MS[self.kind], INIT_PHASE_MS + longest_ms),
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
    return {
        "x-amazon-apigateway-binary-media-types": ["*/*"],
        "x-amazon-apigateway-gateway-responses": gateway_answers(),
    }
