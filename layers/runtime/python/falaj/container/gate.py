"""A container's own look at who asks: known, allowed and within its tenant's quota, or refused.

What the API before it has decided is decided again here, and decided at all where no API stands
before: gRPC, and whatever reaches a replica inside the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from falaj.container.certified_callers import named
from falaj.container.token_callers import TokenCallers
from falaj.container.turns import Turns
from falaj.contract import HEADER_CLIENT_SUBJECT, HEADER_TENANT
from falaj.domain.access import (
    AccessMode,
    Asked,
    Caller,
    ModelAccess,
    refuse_unless_allowed,
)
from falaj.domain.claims import TENANT
from falaj.domain.routes import ROUTES, Route
from falaj.errors import ForbiddenError, UnauthenticatedError

AUTHORIZATION: Final = "authorization"
_ARN: Final = "arn:"
_BY_OPERATION: Final[Mapping[str, Route]] = {route.operation: route for route in ROUTES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One way in: REST's or gRPC's.

    Attributes:
        mode: What callers show.
        models: Who may call each model of the container.
        callers: Whose a token is; None where none is asked for.
        turns: Who counts requests by tenant; None where nobody does.
        has_api: Whether an API stands before that names who has signed, as before REST.
        has_certificates: Whether the balancer before has verified a client certificate.
    """

    mode: AccessMode
    models: Mapping[str, ModelAccess]
    callers: TokenCallers | None = None
    turns: Turns | None = None
    has_api: bool = False
    has_certificates: bool = False

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Say who asks.

        Args:
            headers: Of the request, or metadata of the call; names in lower case.

        Raises:
            AccessError: Nobody that is known.
            DependencyError: There are no keys to look with.
        """
        if self.callers is not None:
            return await self.callers.caller(headers.get(AUTHORIZATION, ""))
        if self.has_api:
            return Caller(tenant=_account(headers.get(HEADER_TENANT, "")))
        subject = headers.get(HEADER_CLIENT_SUBJECT, "") if self.has_certificates else ""
        if not subject:
            raise UnauthenticatedError("there is no token, and no client certificate was verified")
        return Caller(tenant=named(subject).tenant, subject=subject)

    async def let_in(self, caller: Caller, asked: Asked | None) -> str:
        """Let somebody in; return what `leave` is to be told when the answer is out.

        Args:
            caller: Who asks.
            asked: What for; None for what the table of routes does not know.

        Raises:
            AccessError: He may not, or asks too often.
        """
        self._refuse_unless_allowed(caller, asked)
        return await self.turns.take(caller.tenant) if self.turns is not None else ""

    def leave(self, held: str) -> None:
        """Note that an answer is out."""
        if self.turns is not None:
            self.turns.give_back(held)

    def _refuse_unless_allowed(self, caller: Caller, asked: Asked | None) -> None:
        if asked is None:
            if caller.scopes is not None:
                raise ForbiddenError("no scope opens this")
            return
        if asked.route.of_model and asked.model not in self.models:
            raise ForbiddenError("nothing is known of access to a model of that name")
        refuse_unless_allowed(caller, asked.route, self.models.get(asked.model))


def asked_by_name(operation: str, model: str) -> Asked | None:
    """Name what is asked for, of the table's operations; None if it is none of them."""
    route = _BY_OPERATION.get(operation)
    return None if route is None else Asked(route, model)


def _account(told: str) -> str:
    """Return the account that has signed, as the API names it.

    Raises:
        UnauthenticatedError: The API names nobody: it was left open, or is not what asks.
    """
    account = told.split(":")[4] if told.startswith(_ARN) else told
    if not TENANT.fullmatch(account):
        raise UnauthenticatedError("the API before this names nobody")
    return account
