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
        self.asked += 1
        if isinstance(self.limits, Exception):
            raise self.limits
        return self.known(tenant)

    @property
    def are_known(self):
        """Whether they are."""
        return not isinstance(self.limits, Exception)

    def known(self, tenant):
        """Return them without asking."""
        del tenant
        return self.limits if self.are_known else None

    def read(self, post):
        """Ask now."""
        post("/", b"")
        self.of("")


class Counter:
    """A table that does as it is told, and remembers."""

    def __init__(self, refuse=None):
        self.refuse, self.said = refuse, []

    def _do(self, what):
        self.said.append(what)
        if self.refuse and what == self.refuse[0]:
            raise self.refuse[1]

    def take(self, tenant, limits, count):
        """Count."""
        del tenant, limits, count
        self._do("take")

    def take_alone(self, tenant, limits, count):
        """Count here."""
        del tenant, limits, count
        self._do("alone")

    def hold(self, tenant, limits, count):
        """Count."""
        del tenant, limits, count
        self._do("hold")
        return "place"

    def release(self, key, count):
        """Count."""
        del count
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

    assert table.said == ["take", "hold", "answer", "release place"]


def test_whom_the_rate_refuses_holds_nothing():
    """The rate comes first: a flood is refused by it from memory, and costs no write."""
    table = Counter(refuse=("take", OVER))
    answered(table)

    assert table.said == ["take"]


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


def test_a_dark_table_lets_each_environment_count_alone():
    """Nobody is asked for ten seconds, no request waits, and a flood is refused all the same."""
    clock, lines, limits = StandingClock(), [], Allowed(BOTH)
    table = Counter(refuse=("hold", DARK))
    quotas = Quotas(limits, table, has_rate=True, clock=clock, write=lines.append)

    for _ in range(5):
        with quotas.admit("acme"):
            pass
    said = list(table.said)
    clock.advance(DARK_S)
    with quotas.admit("acme"):
        pass

    assert said == ["take", "hold", *["alone"] * 5]
    assert table.said[len(said) :] == ["take", "hold", "alone"]
    assert len(lines) == 2
    assert "by each environment alone" in lines[0]


def test_alone_an_environment_refuses_too():
    """What it has seen of a tenant is enough to refuse a flood with 429."""
    table = Counter(refuse=("take", DARK))
    clock = StandingClock()
    quotas = Quotas(Allowed(BOTH), table, has_rate=True, clock=clock, write=lambda _: None)
    with quotas.admit("acme"):
        table.refuse = ("alone", OVER)

    with pytest.raises(QuotaExceededError):
        quotas.admit("acme").__enter__()


def test_before_a_usage_plan_nothing_is_counted_alone():
    """The plan has counted the rate, and each environment answers one request at a time."""
    table, clock = Counter(refuse=("hold", DARK)), StandingClock()
    quotas = Quotas(Allowed(BOTH), table, has_rate=False, clock=clock, write=lambda _: None)
    for _ in range(3):
        with quotas.admit("acme"):
            pass

    assert table.said == ["hold"]


def test_limits_that_were_never_read_bound_nobody_and_are_asked_for_soon():
    """After one second, then two, four, eight and ten: never with every request."""
    clock, lines, limits = StandingClock(), [], Allowed(DARK)
    table, asked_at = Counter(), []
    quotas = Quotas(limits, table, has_rate=True, clock=clock, write=lines.append)
    for second in range(40):
        before = limits.asked
        for _ in range(3):
            with quotas.admit("acme"):
                pass
        asked_at += [second] if limits.asked > before else []
        clock.advance(1)

    assert asked_at == [0, 1, 3, 7, 15, 25, 35]
    assert limits.asked == len(lines) == len(asked_at)
    assert table.said == []


def test_limits_are_read_while_the_function_starts():
    """The first request does not wait for them; who cannot read them starts all the same."""
    clock, lines, asked = StandingClock(), [], []

    def post(path, body):
        asked.append((path, body))

    for limits in (Allowed(BOTH), Allowed(DARK)):
        quotas = Quotas(limits, Counter(), has_rate=True, clock=clock, write=lines.append)
        quotas.prepare(post)

    assert len(asked) == 2
    assert len(lines) == 1


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


class Bucket(Counter):
    """A table with room for so many."""

    def __init__(self, room, places=100):
        super().__init__()
        self.room, self.places = room, places

    def take(self, tenant, limits, count):
        """Count, if there is room for all."""
        del tenant, limits
        self.said.append(f"take {count}")
        if count > self.room:
            raise OVER
        self.room -= count

    def hold(self, tenant, limits, count):
        """Count, if there are places for all."""
        del tenant, limits
        if count > self.places:
            raise OVER
        self.places -= count
        return "place"


@pytest.mark.parametrize(
    ("wanted", "room", "places", "let_in"),
    [(8, 8, 8, 8), (8, 5, 8, 5), (8, 0, 8, 0), (8, 8, 3, 3), (7, 6, 5, 5), (1, 1, 1, 1)],
)
def test_of_those_that_come_together_as_many_pass_as_there_is_room_for(
    wanted, room, places, let_in
):
    """Neither one more nor one fewer; and a batch with room for all costs one write."""
    table = Bucket(room, places)
    quotas = Quotas(Allowed(BOTH), table, has_rate=True, clock=StandingClock())
    taken = quotas.take("acme", wanted)

    assert taken.held == ("place",) * let_in
    assert (taken.refusal is None) == (let_in == wanted)
    assert len(table.said) == 1 or room < wanted


class Full:
    """A table that remembers a full bucket."""

    def refusal(self, tenant, limits):
        """Say so."""
        del limits
        return QuotaExceededError(tenant=tenant, limit="rate", retry_after_s=1)


@pytest.mark.parametrize(
    ("has_rate", "are_due", "priority", "known", "is_refused"),
    [
        (True, False, 3, True, True),
        (False, False, 3, True, False),
        (True, True, 3, True, False),
        (True, False, 4, True, False),
        (True, False, 3, False, False),
    ],
    ids=["at once", "a plan counts", "limits are due", "shed", "not bounded"],
)
def test_memory_refuses_only_whom_nothing_else_concerns(
    has_rate, are_due, priority, known, is_refused
):
    """Who is to be looked at takes his turn: another limit counts within a minute, as ever."""
    limits = Allowed(Limits(rate_per_s=1, burst=1, priority=priority) if known else None)
    limits.are_due, limits.admitted = are_due, 3
    quotas = Quotas(limits, Full(), has_rate=has_rate, clock=StandingClock(), write=len)

    assert (quotas.refusal("acme") is not None) is is_refused
