"""Promise: a token counts if it is the issuer's, for us, valid now, and names a tenant."""

import pytest

from falaj.domain.claims import TokenRules, caller_of, checked_caller
from falaj.errors import ForbiddenError, UnauthenticatedError

NOW = 1_700_000_000.0
RULES = TokenRules(issuer="https://issuer", audiences=("falaj", "other"), skew_s=60)
RIGHT = {
    "iss": "https://issuer",
    "aud": "falaj",
    "sub": "someone",
    "tenant": "acme",
    "scope": "a b",
    "iat": NOW - 10,
    "nbf": NOW - 10,
    "exp": NOW + 10,
}


def test_a_right_token_names_its_caller():
    """Tenant, subject and scopes."""
    caller = checked_caller(RIGHT, RULES, NOW)

    assert (caller.tenant, caller.subject, caller.scopes) == ("acme", "someone", {"a", "b"})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://issuer/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": ["https://issuer"]}, "another issuer"),
        ({"aud": "falaj2"}, "another audience"),
        ({"aud": ["x", 7]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": None, "client_id": "x"}, "another audience"),
        ({"aud": "x", "client_id": "falaj"}, "another audience"),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "no exp"),
        ({"exp": True}, "exp is no time"),
        ({"exp": float("inf")}, "exp is no time"),
        ({"exp": float("nan")}, "exp is no time"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": 10**400}, "exp is no time"),
        ({"exp": {}}, "exp is no time"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"iat": NOW + 61}, "not valid yet"),
        ({"nbf": -1}, "nbf is no time"),
        ({"sub": "a\r\nx-falaj-tenant: globex"}, "control characters"),
        ({"sub": None, "client_id": "a\0"}, "control characters"),
    ],
)
def test_a_wrong_claim_is_nobody(changed, why):
    """Each alone is enough."""
    with pytest.raises(UnauthenticatedError, match=why):
        checked_caller(RIGHT | changed, RULES, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 59},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"aud": ["x", "other"]},
        {"aud": None, "client_id": "falaj"},
        {"nbf": None, "iat": None},
    ],
)
def test_clocks_may_differ_by_the_skew_and_audiences_may_be_many(changed):
    """Up to the bound, not beyond."""
    assert checked_caller(RIGHT | changed, RULES, NOW).tenant == "acme"


@pytest.mark.parametrize("tenant", [None, "", 7, ["acme"], "a b", "-x", "x" * 64, "a/b", "a\nb"])
def test_a_token_without_a_tenant_may_do_nothing(tenant):
    """Known, but on nobody's behalf; and a tenant's name can end no line and name no path."""
    with pytest.raises(ForbiddenError, match="names no tenant"):
        checked_caller(RIGHT | {"tenant": tenant}, RULES, NOW)


def test_strings_do_as_the_gateway_hands_them_on():
    """An HTTP API makes a string of every claim."""
    caller = caller_of({"tenant": "acme", "scp": "[a b]", "exp": "1700000000"}, "tenant")

    assert (caller.scopes, caller.expires_at) == ({"a", "b"}, NOW)


def test_the_skew_is_bounded():
    """Nobody can configure tokens that never expire."""
    with pytest.raises(ValueError, match="0–300"):
        TokenRules(issuer="i", audiences=("a",), skew_s=301)
