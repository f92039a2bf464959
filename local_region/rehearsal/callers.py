"""On whose behalf a rehearsal's requests are: one tenant of each priority, with real tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from falaj.domain.clock import Clock
from falaj.domain.quota import FIRST, LAST
from local_region.issuer import LIFETIME_S, LocalIssuer

_RENEWED_AFTER: Final = timedelta(seconds=LIFETIME_S / 2)
_UNBOUNDED: Final = {"rate_per_s": 1_000_000, "burst": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A tenant and its priority."""

    tenant: str
    priority: int


CALLERS: Final = tuple(
    Caller(tenant=f"priority-{number}", priority=number) for number in range(FIRST, LAST + 1)
)


def tenants_document() -> dict[str, Any]:
    """Return what `falaj:tenants` names: each may ask as often as it likes.

    Example:
        >>> tenants_document()["tenants"]["priority-1"]["priority"]
        1
    """
    named = {caller.tenant: _UNBOUNDED | {"priority": caller.priority} for caller in CALLERS}
    return {"default": _UNBOUNDED, "tenants": named}


class Tokens:
    """Each caller's token, minted anew before it expires in virtual time.

    Args:
        issuer: Whom the stacks believe.
        clock: The virtual one.
        scopes: What tokens open.
    """

    def __init__(self, issuer: LocalIssuer, clock: Clock, scopes: Sequence[str]) -> None:
        self._issuer, self._clock, self._scopes = issuer, clock, scopes
        self._minted: dict[str, tuple[datetime, str]] = {}

    def header(self, caller: Caller) -> tuple[str, str]:
        """Return what a caller shows."""
        now = self._clock.now()
        known = self._minted.get(caller.tenant)
        if known is None or now - known[0] >= _RENEWED_AFTER:
            token = self._issuer.token(
                clock=self._clock, tenant=caller.tenant, scopes=self._scopes, subject=caller.tenant
            )
            known = self._minted[caller.tenant] = (now, token)
        return ("authorization", f"Bearer {known[1]}")
