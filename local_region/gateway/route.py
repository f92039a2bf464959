"""Routes as values: a method, a path template, what is behind it, and who may pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from local_region.gateway.guards import OPEN, Guard

ANY: Final = "ANY"
DEFAULT_ROUTE: Final = "$default"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """What becomes of one header on its way in.

    Attributes:
        action: `append`, `overwrite` or `remove`.
        name: The header's, in lower case.
        value: Where its value comes from: `$context.…` or a literal.
    """

    action: str
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateTarget:
    """What a private integration leads to.

    Attributes:
        arn: A listener's, or a load balancer's for a REST API.
        url: Path, with its variables, and host for a REST API; empty for the request's own.
        headers: What becomes of headers.
    """

    arn: str
    url: str = ""
    headers: tuple[HeaderRule, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What is behind a route: a function, or a load balancer in a network.

    Attributes:
        function_arn: Function, version or alias; empty where a load balancer answers.
        payload_format: `1.0` or `2.0`.
        timeout_ms: How long the gateway waits.
        has_credentials: Whether a role is named with which the gateway invokes; otherwise the
            function's own policy must allow it.
        private: The load balancer, if one answers.
    """

    function_arn: str
    payload_format: str
    timeout_ms: int
    has_credentials: bool
    private: PrivateTarget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method, a path template, and what is behind it."""

    method: str
    template: str
    integration: Integration
    guard: Guard = OPEN

    @property
    def key(self) -> str:
        """The route key, as events carry it."""
        return self.template if self.template == DEFAULT_ROUTE else f"{self.method} {self.template}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A route and the values of its path variables."""

    route: Route
    parameters: Mapping[str, str]
