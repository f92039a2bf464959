"""Threads that run batches and tell an event loop.

An executor's futures cost a run some 0.2 ms of two hand-overs; these cost 0.1 ms
(`benchmarks/hand_over.py`), in which an accelerator has nothing to do.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple


class _Job(NamedTuple):
    work: Callable[[], Any]
    told: Callable[[Any], None]


class Lane:
    """Jobs in the order they came, so many at once. Made by `Threads`, used on the loop.

    Args:
        loop: Where results are told.
        most: Threads, each started when first needed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._loop, self._most = loop, most
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self.under_way = 0

    def start(self, work: Callable[[], Any], told: Callable[[Any], None]) -> None:
        """Work on a thread, then tell its result on the loop; an exception is raised there."""
        self.under_way += 1
        if self.under_way > len(self._threads) < self._most:
            thread = Thread(target=self._work, name="falaj-run", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(_Job(work, told))

    def close(self, *, wait: bool) -> None:
        """End the threads when they have done what they were given.

        Args:
            wait: Whether to wait for that; else the process may end without.
        """
        for _ in self._threads:
            self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result = job.work()
            except Exception as error:  # noqa: BLE001 - the loop's to deal with, as of any callback
                result = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._tell, job.told, result)

    def _tell(self, told: Callable[[Any], None], result: Any) -> None:  # noqa: ANN401 - the work's
        self.under_way -= 1
        if isinstance(result, Exception):
            raise result
        told(result)


class Threads:
    """Every lane of a process.

    Args:
        loop: Where results are told.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lanes: list[Lane] = []

    def lane(self, most: int) -> Lane:
        """Open a lane on which at most so many jobs run at once."""
        lane = Lane(self._loop, most)
        self._lanes.append(lane)
        return lane

    def is_busy(self) -> bool:
        """Whether anything is under way."""
        return any(lane.under_way for lane in self._lanes)

    def close(self, *, wait: bool) -> None:
        """Close every lane; `wait` as there."""
        for lane in self._lanes:
            lane.close(wait=wait)
