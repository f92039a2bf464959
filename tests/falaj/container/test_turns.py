"""Promise: what waits for a tenant's count is counted together, and nobody waits for ever."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from falaj.container.turns import Turns
from falaj.domain.quota import Places
from falaj.errors import QuotaExceededError, ServiceError, ShedError

OVER = QuotaExceededError(tenant="acme", limit="rate", retry_after_s=7)


class Counts:
    """Counts when it may, and remembers what it was asked."""

    def __init__(self, room=1000, failure=None):
        self.room, self.failure = room, failure
        self.asked, self.given, self.known = [], [], {}
        self.may_answer = threading.Event()
        self.may_answer.set()

    def refusal(self, tenant):
        """Say what is known without asking."""
        return self.known.get(tenant)

    def take(self, tenant, wanted=1):
        """Let in as many as there is room for."""
        self.asked.append((tenant, wanted))
        assert self.may_answer.wait(30)
        if self.failure is not None:
            raise self.failure
        let_in = min(wanted, self.room)
        self.room -= let_in
        return Places(("place",) * let_in, None if let_in == wanted else OVER)

    async def was_asked(self, times):
        """Wait until it was."""
        while len(self.asked) < times:  # noqa: ASYNC110 - a thread appends
            await asyncio.sleep(0)

    def give_back(self, held, count=1):
        """Note it."""
        self.given.append((held, count))


def played(counts, story):
    """Run a story with turns."""

    async def run():
        with ThreadPoolExecutor(4) as pool:
            turns = Turns(counts, pool)
            told = await story(turns)
            await turns.settled()
            return told

    return asyncio.run(run())


def test_those_who_come_while_one_is_counted_are_counted_together():
    """A hundred requests at once: two calls."""
    counts = Counts()

    async def story(turns):
        return await asyncio.gather(*(turns.take("acme") for _ in range(100)))

    assert played(counts, story) == ["place"] * 100
    assert sum(count for _, count in counts.asked) == 100
    assert len(counts.asked) <= 2


def test_tenants_do_not_wait_for_each_other():
    """One tenant's call hangs; another's is made and answered."""
    counts = Counts()

    async def story(turns):
        counts.may_answer.clear()
        waiting = asyncio.ensure_future(turns.take("acme"))
        await counts.was_asked(1)
        other = asyncio.ensure_future(turns.take("globex"))
        await counts.was_asked(2)
        counts.may_answer.set()
        return await asyncio.gather(waiting, other)

    assert played(counts, story) == ["place", "place"]
    assert counts.asked == [("acme", 1), ("globex", 1)]


def test_for_whom_there_is_no_room_is_refused_and_the_first_come_go_on():
    """In their order."""

    async def story(turns):
        asked = [turns.take("acme") for _ in range(10)]
        return await asyncio.gather(*asked, return_exceptions=True)

    told = played(Counts(room=4), story)
    assert told[:4] == ["place"] * 4
    assert told[4:] == [OVER] * 6


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ShedError(tenant="acme", priority=5, retry_after_s=60), ShedError),
        (RuntimeError("as asked"), ServiceError),
    ],
)
def test_nobody_waits_for_ever(failure, told):
    """Whatever the count comes to, everybody is told; and the next is counted again."""
    counts = Counts(failure=failure)

    async def story(turns):
        first = await asyncio.gather(
            *(turns.take("acme") for _ in range(5)), return_exceptions=True
        )
        counts.failure = None
        return first, await turns.take("acme")

    first, after = played(counts, story)
    assert [type(each) for each in first] == [told] * 5
    assert after == "place"


def test_the_place_of_whoever_has_left_is_given_back():
    """Counted for nobody, it is free again."""
    counts = Counts()

    async def story(turns):
        counts.may_answer.clear()
        left = asyncio.ensure_future(turns.take("acme"))
        await counts.was_asked(1)
        left.cancel()
        await asyncio.wait([left])
        counts.may_answer.set()
        await turns.settled()
        for _ in range(3):
            turns.give_back("place")
        turns.give_back("")

    played(counts, story)
    assert sum(count for _, count in counts.given) == 1 + 3
    assert {held for held, _ in counts.given} == {"place"}


def test_whoever_is_known_to_be_over_its_quota_is_refused_without_a_thread():
    """A thousand requests of a flood ask nobody, and another tenant is counted meanwhile."""
    counts = Counts()
    counts.known["acme"] = OVER

    async def story(turns):
        told = await asyncio.gather(
            *(turns.take("acme") for _ in range(1000)), turns.take("globex"), return_exceptions=True
        )
        return told[:-1], told[-1]

    flood, other = played(counts, story)

    assert (set(flood), other) == ({OVER}, "place")
    assert counts.asked == [("globex", 1)]
