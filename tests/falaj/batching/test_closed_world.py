"""Promise: callers who ask again when answered run together, and the device is rarely idle.

A small world in virtual time: one loop that reads and writes, one device, callers on a core of
their own. Nothing here is measured, so nothing here depends on the machine.
"""

import heapq
from itertools import count

import pytest

from falaj.batching.policy import BatchPolicy
from falaj.batching.scheduler import Dispatch, Scheduler, Wait
from tests.falaj.batching.named import Named

US = 1_000
DEVICE, HAND_OVER = 4_060 * US, 60 * US
READ, WRITE, SEND, CALLER = 20 * US, 8 * US, 5 * US, 16 * US
END = 1_000_000 * US


class World:
    """Callers, a loop and a device.

    Args:
        callers: How many ask again as soon as they are answered.
        gather_share: The policy's.
    """

    def __init__(self, callers, gather_share=0.3):
        self.scheduler = Scheduler(BatchPolicy(max_batch_size=64, gather_share=gather_share))
        self.scheduler.expect(DEVICE)
        self.now = self.callers_now = 0
        self.answered, self.batches = 0, []
        self._coming, self._order, self._look_at = [], count(), None
        for _ in range(callers):
            self._ask()

    def _ask(self):
        self.callers_now = max(self.callers_now, self.now) + CALLER
        self._later(self.callers_now, None)

    def _later(self, at, ended):
        heapq.heappush(self._coming, (at, next(self._order), ended))

    def play(self):
        """Live for a second."""
        while self.now < END:
            times = [self._coming[0][0]] if self._coming else []
            times += [self._look_at] if self._look_at is not None else []
            self.now = max(self.now, min(times))
            arrived = []
            while self._coming and self._coming[0][0] <= self.now:
                arrived.append(heapq.heappop(self._coming)[2])
            for ended in arrived:
                if ended is None:
                    self.now += READ
                    self.scheduler.admit(Named(arrived_ns=self.now))
                else:
                    self._end(ended)
            self._look()
        return self

    def _end(self, entries):
        self.scheduler.completed(entries, took_ns=DEVICE, now_ns=self.now)
        self._look()
        self.now += WRITE * len(entries)
        for _ in entries:
            self.now += SEND
            self.answered += 1
            self._ask()
        self.scheduler.answered(self.now)

    def _look(self):
        self._look_at = None
        match self.scheduler.decide(self.now):
            case Dispatch(entries):
                self.batches.append(len(entries))
                self._later(self.now + DEVICE + 2 * HAND_OVER, entries)
            case Wait(until):
                self._look_at = until


def share(world, callers):
    """What was answered, of what one batch for all without a server would have."""
    return world.answered / (END / DEVICE * callers)


@pytest.mark.parametrize(("callers", "goal"), [(1, 0.9), (8, 0.8), (32, 0.7), (64, 0.6)])
def test_callers_settle_into_one_batch(callers, goal):
    """The shares of one batch for all that issue 5's benchmark asks for."""
    world = World(callers).play()
    assert set(world.batches[2:]) == {callers}
    assert share(world, callers) >= goal


def test_running_whatever_waits_settles_into_parts():
    """Why there is any gathering: without it, late comers stay late for ever."""
    eager = World(32, gather_share=0.0).play()
    assert max(eager.batches[2:]) < 32
    assert share(eager, 32) < share(World(32).play(), 32) * 0.8


def test_a_batch_that_is_complete_does_not_wait_for_answers_to_be_written():
    """Twice as many callers as fit: one half runs while the other half's answers are written."""
    world = World(128).play()
    assert set(world.batches[4:]) == {64}
    assert share(world, 64) >= 0.9
