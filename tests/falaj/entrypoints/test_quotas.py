"""Promise: a quota refuses surplus with 429 and Retry-After, and is never why all are refused."""

import pytest

from falaj.config.access import AccessSettings
from falaj.config.quotas import QuotaSettings
from falaj.domain.access import AccessMode, ModelAccess
from falaj.domain.quota import LAST, Limits
from falaj.entrypoints.guarded import GuardedHandler
from falaj.entrypoints.quotas import DARK_S, Quotas
from falaj.errors import DependencyError, QuotaExceededError
from tests.falaj.clocks import NOON, StandingClock

SETTINGS = AccessSettings(
    mode=AccessMode.JWT, models={"m": ModelAccess(model="m", invoke=("model:m:invoke",))}
)
EVENT = {
    "rawPath": "/v2/models/m/infer",
    "headers": {},
    "requestContext": {
        "http": {"method": "POST"},
        "authorizer": {
            "jwt": {
                "claims": {
                    "tenant": "acme",
                    "scope": "model:m:invoke",
                    "exp": str(int(NOON.timestamp()) + 600),
                }
            }
        },
    },
}


class Allowed:
    """Limits that are known."""

    def __init__(self, limits):
        self.limits, self.asked, self.admitted = limits, 0, LAST

    def of(self, tenant):
        """Return them."""
        del tenant
        self.asked += 1
        if isinstance(self.limits, Exception):
            raise self.limits
        return self.limits


class Counter:
    """A table that does as it is told, and remembers."""

    def __init__(self, refuse=None):
        self.refuse, self.said = refuse, []

    def _do(self, what):
        self.said.append(what)
        if self.refuse and what == self.refuse[0]:
            raise self.refuse[1]

    def take(self, tenant, limits):
        """Count."""
        del tenant, limits
        self._do("take")

    def hold(self, tenant, limits):
        """Count."""
        del tenant, limits
        self._do("hold")
        return "place"

    def release(self, key):
        """Count."""
        self._do(f"release {key}")


OVER = QuotaExceededError(tenant="acme", limit="rate", retry_after_s=7)
DARK = DependencyError(service="dynamodb", doing="answer", reason="dark")
BOTH = Limits(rate_per_s=1, burst=1, concurrency=1)


def answered(table, *, limits=BOTH, has_rate=True, handler=lambda *_: {"statusCode": 200}):
    """Ask once."""
    clock = StandingClock()
    quotas = Quotas(Allowed(limits), table, has_rate=has_rate, clock=clock, write=lambda _: None)
    guard = GuardedHandler(handler, SETTINGS, admit=quotas.admit, clock=clock, write=lambda _: None)
    return guard(EVENT)


def test_surplus_is_429_with_retry_after():
    """In the one error body."""
    answer = answered(Counter(refuse=("take", OVER)))

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "7")
    assert '"code":"quota_exceeded"' in answer["body"]


def test_the_place_is_given_back_after_the_answer():
    """And not before."""
    table = Counter()
    answered(table, handler=lambda *_: table.said.append("answer") or {"statusCode": 200})

    assert table.said == ["hold", "take", "answer", "release place"]


def test_the_place_is_given_back_when_the_rate_refuses():
    """A refusal holds nothing."""
    table = Counter(refuse=("take", OVER))
    answered(table)

    assert table.said == ["hold", "take", "release place"]


def test_the_place_is_given_back_when_the_handler_fails():
    """Whatever it raises."""

    def broken(*_):
        raise RuntimeError("as asked")

    table = Counter()
    with pytest.raises(RuntimeError):
        answered(table, handler=broken)

    assert table.said[-1] == "release place"


def test_behind_a_usage_plan_only_concurrency_is_counted():
    """The plan has counted the rest."""
    table = Counter()
    answered(table, has_rate=False)

    assert table.said == ["hold", "release place"]


def test_who_is_not_bounded_costs_nothing():
    """No write."""
    table = Counter()
    answered(table, limits=None)

    assert table.said == []


@pytest.mark.parametrize("dark", ["limits", "table"])
def test_an_outage_lets_everyone_pass_and_is_not_asked_again(dark):
    """Inference goes on, and no request waits for what is dark."""
    clock, lines = StandingClock(), []
    limits = Allowed(DARK if dark == "limits" else BOTH)
    table = Counter(refuse=("hold", DARK))
    quotas = Quotas(limits, table, has_rate=True, clock=clock, write=lines.append)

    for _ in range(5):
        with quotas.admit("acme"):
            pass
    asked = limits.asked
    clock.advance(DARK_S)
    with quotas.admit("acme"):
        pass

    assert (asked, limits.asked, len(lines)) == (1, 2, 2)


@pytest.mark.parametrize(
    ("given", "expected"), [("", None), ("rate", True), ("concurrency", False)]
)
def test_the_environment_says_what_is_counted(given, expected):
    """One word."""
    settings = QuotaSettings.from_env({"FALAJ_QUOTAS": given})

    assert (settings and settings.has_rate) == expected


@pytest.mark.parametrize(
    ("priority", "admitted", "status"),
    [(1, 1, 200), (3, 5, 200), (3, 3, 200), (3, 2, 429), (5, 1, 429), (2, 1, 429)],
)
def test_with_too_little_room_the_first_priorities_are_answered(priority, admitted, status):
    """The others are told when to ask again, and nothing is counted for them."""
    limits = Limits(rate_per_s=1, burst=1, concurrency=1, priority=priority)
    known, table, clock = Allowed(limits), Counter(), StandingClock()
    known.admitted = admitted
    quotas = Quotas(known, table, has_rate=True, clock=clock, write=lambda _: None)
    guard = GuardedHandler(
        lambda *_: {"statusCode": 200}, SETTINGS, admit=quotas.admit, clock=clock
    )
    answer = guard(EVENT)

    assert answer["statusCode"] == status
    if status == 429:
        assert (answer["headers"]["retry-after"], table.said) == ("60", [])
        assert '"code":"shed"' in answer["body"]


@pytest.mark.parametrize("priority", [0, 6, 1.5, True, "1"])
def test_a_priority_that_is_none_is_refused(priority):
    """From 1 to 5."""
    with pytest.raises(ValueError, match="from 1 to 5"):
        Limits(rate_per_s=1, burst=1, priority=priority)
