"""Threads that run batches and tell an event loop.

An executor's futures cost a run some 0.2 ms of two hand-overs; these cost 0.1 ms
(`benchmarks/hand_over.py`), in which an accelerator has nothing to do.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple

MOST: Final = 32


class _Job(NamedTuple):
    work: Callable[[], Any]
    told: Callable[[Any], None]


class Threads:
    """As many as work at once, up to a bound. Every method is called on the loop.

    Args:
        loop: Where results are told.
        most: Bound; what comes beyond waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MOST) -> None:
        self._loop, self._most = loop, most
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._busy = 0

    def start(self, work: Callable[[], Any], told: Callable[[Any], None]) -> None:
        """Work on a thread, then tell its result on the loop; an exception is raised there."""
        self._busy += 1
        if self._busy > len(self._threads) < self._most:
            thread = Thread(target=self._work, name="falaj-run", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(_Job(work, told))

    def close(self, *, wait: bool) -> None:
        """End the threads.

        Args:
            wait: Whether to wait for what they work on; else the process may end without.
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
        self._busy -= 1
        if isinstance(result, Exception):
            raise result
        told(result)
