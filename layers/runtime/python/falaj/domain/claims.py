"""What a token's claims must say, and whom they name.

Sources:
    RFC 7519, section 4.1 (iss, sub, aud, exp, nbf, iat); RFC 9068 (access tokens); RFC 8693,
    section 4.2 (`scope`: one string, separated by spaces); `scp`, a list, is Okta's and Entra's.
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html: API Gateway
    looks at the same claims, at `client_id` only where there is no `aud`, and hands a function
    every claim as a string, a list as `[a b]`; read 2026-11-22.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from falaj.domain.access import Caller
from falaj.errors import ForbiddenError, UnauthenticatedError

TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""How a tenant may be called: it names items, metrics and log entries."""

DEFAULT_TENANT_CLAIM: Final = "tenant"
DEFAULT_SKEW_S: Final = 60
LONGEST_SKEW_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token must say.

    Attributes:
        issuer: `iss`, letter for letter.
        audiences: One of them must be in `aud`.
        tenant_claim: Which claim names the tenant.
        skew_s: How far the issuer's clock may be from ours.
    """

    issuer: str
    audiences: tuple[str, ...]
    tenant_claim: str = DEFAULT_TENANT_CLAIM
    skew_s: int = DEFAULT_SKEW_S

    def __post_init__(self) -> None:
        if not self.issuer or not self.audiences or not self.tenant_claim:
            raise ValueError("issuer, audiences and tenant_claim must not be empty")
        if not 0 <= self.skew_s <= LONGEST_SKEW_S:
            raise ValueError(f"skew_s is {self.skew_s}, not within 0–{LONGEST_SKEW_S}")


def checked_caller(claims: Mapping[str, Any], rules: TokenRules, now: float) -> Caller:
    """Return whom a token names, if it is meant for us and valid now.

    Args:
        claims: The claims of a token whose signature holds.
        rules: What they must say.
        now: Seconds since 1970.

    Raises:
        UnauthenticatedError: Another issuer or audience, or not valid at this time.
        ForbiddenError: It names no tenant.
    """
    if claims.get("iss") != rules.issuer:
        raise UnauthenticatedError("the token is another issuer's")
    if not set(_audience(claims)) & set(rules.audiences):
        raise UnauthenticatedError("the token is for another audience")
    expires_at = _seconds(claims, "exp")
    if expires_at is None:
        raise UnauthenticatedError("the token has no exp")
    if expires_at + rules.skew_s <= now:
        raise UnauthenticatedError("the token has expired")
    for claim in ("nbf", "iat"):
        begins = _seconds(claims, claim)
        if begins is not None and begins - rules.skew_s > now:
            raise UnauthenticatedError("the token is not valid yet")
    return caller_of(claims, rules.tenant_claim)


def caller_of(claims: Mapping[str, Any], tenant_claim: str) -> Caller:
    """Return whom claims name that somebody has checked.

    Raises:
        ForbiddenError: They name no tenant.
        UnauthenticatedError: They name somebody by what no header may hold.
    """
    tenant = claims.get(tenant_claim)
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise ForbiddenError(f"the token names no tenant in its claim {tenant_claim!r}")
    subject = str(claims.get("sub") or claims.get("client_id") or "")
    if not subject.isprintable():
        # It goes into headers and records: a line break there would begin another.
        raise UnauthenticatedError("the token's sub holds control characters")
    return Caller(
        tenant=tenant,
        subject=subject,
        scopes=frozenset(scopes_in(claims)),
        expires_at=_seconds(claims, "exp"),
    )


def scopes_in(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return a token's scopes.

    Example:
        >>> scopes_in({"scope": "a b"}), scopes_in({"scp": ["a"]}), scopes_in({"scp": "[a b]"})
        (['a', 'b'], ['a'], ['a', 'b'])
    """
    value = claims.get("scope") or claims.get("scp") or ""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    text = str(value)
    is_list = text.startswith("[") and text.endswith("]")
    return (text[1:-1] if is_list else text).split()


def _audience(claims: Mapping[str, Any]) -> Sequence[str]:
    value = claims.get("aud")
    if value is None:
        value = claims.get("client_id")
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return [value] if isinstance(value, str) else []


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time; None if it is not there.

    Raises:
        UnauthenticatedError: It is no time.
    """
    value = claims.get(name)
    if value is None:
        return None
    try:
        seconds = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        seconds = float("nan")
    if not 0 <= seconds < _END_OF_TIME:
        raise UnauthenticatedError(f"the token's {name} is no time")
    return seconds


_END_OF_TIME: Final = 253_402_300_800.0
"""The year 10000."""
