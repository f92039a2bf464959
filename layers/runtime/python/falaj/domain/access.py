"""Who asks, and what may be asked: callers, models' scopes and tenants, and one decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from falaj.domain.routes import MODEL, ROUTES, Route
from falaj.errors import ForbiddenError

_INVOKE: Final = "invoke"
_READ: Final = "read"


class AccessMode(StrEnum):
    """What an API asks of a caller."""

    IAM = "iam"
    """A request signed with AWS credentials (SigV4); IAM policies decide."""
    JWT = "jwt"
    """A bearer token of the configured issuer; its scopes decide."""
    OPEN = "open"
    """Nothing: for one's own machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        tenant: On whose behalf; from the token, or the account that signed.
        subject: Whom the token was issued to.
        scopes: What the token was issued for; None where IAM has decided.
        expires_at: Seconds since 1970 after which the token is void; None where there is none.
    """

    tenant: str
    subject: str = ""
    scopes: frozenset[str] | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccess:
    """Who may call a model.

    Attributes:
        model: Its name.
        invoke: Scopes of which any one lets a caller run it; and read about it.
        tenants: Who may; empty for every tenant.
    """

    model: str
    invoke: tuple[str, ...]
    tenants: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            model=value["model"],
            invoke=tuple(value["invoke"]),
            tenants=tuple(value.get("tenants", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {"model": self.model, "invoke": list(self.invoke), "tenants": list(self.tenants)}

    def admits(self, tenant: str) -> bool:
        """Whether a tenant's callers may use the model at all."""
        return not self.tenants or tenant in self.tenants

    def scopes(self, action: str) -> tuple[str, ...]:
        """Return the scopes of which any one allows an action; who may run may also read.

        Example:
            >>> ModelAccess(model="churn", invoke=("model:churn:invoke",)).scopes("read")
            ('model:churn:read', 'model:churn:invoke')
        """
        if action == _INVOKE:
            return self.invoke
        own = (f"model:{self.model}:{action}",)
        return (*own, *self.invoke) if action == _READ else own

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope that allows some action."""
        actions = dict.fromkeys(_action(route) for route in ROUTES if route.of_model)
        return tuple(dict.fromkeys(s for action in actions for s in self.scopes(action)))


class Asked(NamedTuple):
    """What a request asks for: a route of the table, and the model it names."""

    route: Route
    model: str


def scopes_of(route: Route, model: ModelAccess | None) -> tuple[str, ...]:
    """Return the scopes of which any one allows a route; none where anyone known may."""
    if route.of_model and model is not None:
        return model.scopes(_action(route))
    return (route.scope,) if route.scope else ()


def allows(caller: Caller, route: Route, model: ModelAccess | None) -> bool:
    """Whether a caller may use a route, of a model where it belongs to one."""
    if model is not None and not model.admits(caller.tenant):
        return False
    needed = scopes_of(route, model)
    return caller.scopes is None or not needed or not caller.scopes.isdisjoint(needed)


def refuse_unless_allowed(caller: Caller, route: Route, model: ModelAccess | None) -> None:
    """Let pass who may.

    Raises:
        ForbiddenError: It is another tenant's model, or the token has none of the scopes.
    """
    if allows(caller, route, model):
        return
    if model is not None and not model.admits(caller.tenant):
        raise ForbiddenError(f"model {model.model!r} is not for tenant {caller.tenant!r}")
    raise ForbiddenError(f"this takes one of the scopes {', '.join(scopes_of(route, model))}")


@lru_cache(maxsize=512)
def asked_for(method: str, path: str) -> Asked | None:
    """Find what a method and path ask for; None if the table has no such route.

    Example:
        >>> asked_for("POST", "/v2/models/tashkeel/versions/3/infer").model
        'tashkeel'
    """
    wanted = "GET" if method == "HEAD" else method
    parts = path.strip("/").split("/")
    for route in ROUTES:
        if route.method == wanted and (found := _fits(route.path.strip("/").split("/"), parts)):
            return Asked(route, found.get(MODEL, ""))
    return None


def _fits(template: list[str], parts: list[str]) -> dict[str, str] | None:
    """Return the variables' values, with one that is always there; None if it does not fit."""
    if len(template) != len(parts):
        return None
    found = {"": "/".join(parts)}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{") and part:
            found[wanted] = part
        elif wanted != part:
            return None
    return found


def _action(route: Route) -> str:
    return route.scope.rpartition(":")[2]
