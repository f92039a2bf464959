"""Promise: the loop stays awake for those who come back at once, and sleeps for all others."""

import asyncio

import pytest

from falaj.container.busy_poll import PAUSE, REACH_NS, BusyPoll

TURN_NS = REACH_NS // 10


class World:
    """A loop whose turns take a tenth of the reach, and a thread that may work."""

    def __init__(self):
        self.now, self.turns, self.is_elsewhere = 0, 0, False
        self._due = []
        self.poll = BusyPoll(
            self, is_elsewhere=lambda: self.is_elsewhere, clock_ns=lambda: self.now
        )

    def call_soon(self, callback):
        """As an event loop's."""
        self._due.append(callback)

    @property
    def is_awake(self):
        """Whether it would look again instead of sleeping."""
        return bool(self._due)

    def live(self, ns):
        """Let time go by."""
        until = self.now + ns
        while self.now < until:
            self.now += TURN_NS
            due, self._due = self._due, []
            self.turns += len(due)
            for callback in due:
                callback()

    def ask(self, *, gap_ns, times):
        """Requests that come alone, each so long after the last answer; count the turns."""
        before = self.turns
        for _ in range(times):
            self.poll.answered()
            self.live(gap_ns)
        return self.turns - before


def test_whoever_comes_back_at_once_finds_it_awake():
    """From the first answer on, without a pause."""
    world = World()
    for _ in range(3 * PAUSE):
        world.poll.answered()
        world.live(REACH_NS // 2)
        assert world.is_awake


def test_it_sleeps_when_nobody_comes():
    """After the reach, and for good."""
    world = World()
    world.poll.answered()
    world.live(REACH_NS + TURN_NS)
    assert not world.is_awake
    assert world.ask(gap_ns=50 * REACH_NS, times=1) <= 1  # no credit yet: one miss ends it


@pytest.mark.parametrize("gap", [2, 20, 1000])
def test_those_who_come_later_cost_next_to_nothing(gap):
    """One look in `PAUSE` answers is all that is tried."""
    world = World()
    answers = 10 * PAUSE
    turns = world.ask(gap_ns=gap * REACH_NS, times=answers)
    assert turns <= (answers // PAUSE + 1) * (REACH_NS // TURN_NS + 1)


def test_one_late_request_does_not_end_it():
    """A caller who pauses now and then finds it awake again."""
    world = World()
    world.ask(gap_ns=REACH_NS // 2, times=PAUSE)
    world.live(5 * REACH_NS)
    assert not world.is_awake
    world.poll.answered()
    assert world.is_awake


def test_a_run_on_a_thread_is_not_made_to_wait_for_the_lock():
    """It stops in the next turn, whoever comes."""
    world = World()
    world.ask(gap_ns=REACH_NS // 2, times=PAUSE)
    world.poll.answered()
    world.is_elsewhere = True
    world.live(TURN_NS)
    assert not world.is_awake


def test_others_have_their_turn_meanwhile():
    """It takes turns with all else that a real loop has to do."""

    async def go():
        loop = asyncio.get_running_loop()
        poll = BusyPoll(loop, is_elsewhere=lambda: False)
        poll.answered()
        done = loop.create_future()
        loop.call_soon(loop.call_soon, done.set_result, "done")
        return await done

    assert asyncio.run(go()) == "done"
