"""The seam where authorization enters the gateway; no scheme is enforced yet.

A route whose OpenAPI operation names a security scheme must find it in the registry, or the API is
refused: a local region that serves openly what AWS refuses would rehearse the wrong thing.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from local_region.gateway.messages import Request


class Authorizer(Protocol):
    """Checks one request against one security scheme."""

    async def authorize(self, request: Request, scheme: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the event's `authorizer` context.

        Raises:
            RequestError: The caller is refused.
        """
        ...


AUTHORIZERS: Final[dict[str, Authorizer]] = {}
"""Enforced security schemes by OpenAPI type."""
