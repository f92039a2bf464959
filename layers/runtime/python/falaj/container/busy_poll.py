"""Staying awake for a moment after an answer, while whoever asks comes back within it.

A process that waits for its next request sleeps, and a sleeping process is slow twice: it has to be
woken, and it finds the processor's caches cold. For a model of a few microseconds that is most of
what a caller who asks one request after the other waits for (decision record 0033). So the loop
looks again at once instead, as drivers of network cards and hypervisors do.

Source:
    docs.kernel.org/virt/kvm/halt-polling.html (polling for a bounded time before sleeping, given up
    where it does not pay) and docs.kernel.org/networking/napi.html ("Busy polling").
"""

import asyncio
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

REACH_NS: Final = 100_000
"""For how long the loop stays awake: about twice what a neighbour needs to ask again."""

MOST_CREDIT: Final = 8
MISS: Final = 4
PAUSE: Final = 64
"""Answers after which it is tried again where it did not pay."""


class BusyPoll:
    """Keeps an event loop awake after answers that were given at once.

    It goes on only where at least four of five callers come back in time, so that requests which
    come at random cost next to nothing more; and never while a run is under way on a thread, which
    would have to wait for the interpreter's lock.

    Args:
        loop: The event loop.
        is_elsewhere: Whether a thread works on something.
        clock_ns: A clock that does not go back.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        is_elsewhere: Callable[[], bool],
        clock_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._loop, self._is_elsewhere, self._clock_ns = loop, is_elsewhere, clock_ns
        self._is_awake = False
        self._until_ns = 0
        self._credit = self._paused = 0

    def answered(self) -> None:
        """Note that a request was answered as soon as it had been read."""
        if self._paused:
            self._paused -= 1
            return
        self._until_ns = self._clock_ns() + REACH_NS
        if self._is_awake:
            self._credit = min(self._credit + 1, MOST_CREDIT)
            return
        self._is_awake = True
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        if self._clock_ns() < self._until_ns and not self._is_elsewhere():
            self._loop.call_soon(self._look)
            return
        self._is_awake = False
        self._credit -= MISS
        if self._credit < 0:
            self._credit, self._paused = 0, PAUSE
