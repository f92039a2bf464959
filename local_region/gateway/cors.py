"""Cross-origin requests, as an HTTP API answers them itself.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html ("API Gateway
    automatically sends a response to preflight OPTIONS requests, even if there isn't an OPTIONS
    route", "API Gateway ignores CORS headers returned from your backend integration") and
    …/api-gateway-swagger-extensions-cors-configuration.html, read 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from local_region.gateway.messages import Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Which other origins may call, and how."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age_s: int | None
    allows_credentials: bool

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read `x-amazon-apigateway-cors`."""
        return cls(
            origins=tuple(value.get("allowOrigins", ())),
            methods=tuple(value.get("allowMethods", ())),
            headers=tuple(name.lower() for name in value.get("allowHeaders", ())),
            exposed=tuple(name.lower() for name in value.get("exposeHeaders", ())),
            max_age_s=value.get("maxAge"),
            allows_credentials=bool(value.get("allowCredentials", False)),
        )

    def preflight(self, request: Request) -> Response | None:
        """Answer a browser's question before the request; None if this is no such question."""
        wanted = request.header("access-control-request-method")
        if request.method != "OPTIONS" or not wanted:
            return None
        headers = tuple(self._origin(request))
        if headers:
            headers = (*headers, *self._permissions())
        return Response(status=204, headers=headers, body=b"")

    def applied(self, response: Response, request: Request) -> Response:
        """Put the API's own headers in place of the function's."""
        kept = (p for p in response.headers if not p[0].startswith("access-control-"))
        own = tuple(self._origin(request))
        exposed = (("access-control-expose-headers", ",".join(self.exposed)),)
        return Response(
            status=response.status,
            headers=(*kept, *own, *(exposed if own and self.exposed else ())),
            body=response.body,
        )

    def _origin(self, request: Request) -> Iterator[tuple[str, str]]:
        origin = request.header("origin")
        if "*" in self.origins and origin:
            yield "access-control-allow-origin", "*"
        elif origin in self.origins:
            yield "access-control-allow-origin", origin
        else:
            return
        if self.allows_credentials:
            yield "access-control-allow-credentials", "true"

    def _permissions(self) -> Iterator[tuple[str, str]]:
        if self.methods:
            yield "access-control-allow-methods", ",".join(self.methods)
        if self.headers:
            yield "access-control-allow-headers", ",".join(self.headers)
        if self.max_age_s is not None:
            yield "access-control-max-age", str(self.max_age_s)
