"""Runs a scheduler's decisions on an event loop: the only part that knows time and threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from time import perf_counter_ns
from typing import Any, Final

from falaj.batching.entry import Entry
from falaj.batching.scheduler import ADMITTED, Admission, Dispatch, Scheduler, Wait

INLINE_BELOW_NS: Final = 250_000
"""Runs shorter than this stay on the event loop: a thread's round trip costs a third of it."""

_FORGETTING: Final = 1.02  # how fast the quickest run grows old
_UNKNOWN: Final = 2**62
_TIMER_NS: Final = 1_000_000  # an event loop's timers are this coarse

Run = Callable[[Sequence[Any]], list[Any]]
"""Answers payloads, each with a result or an exception; never raises."""

Finish = Callable[[Sequence[Entry], list[Any], int, int], None]
"""Takes a batch, its answers, when it began and how long it took, in nanoseconds."""


class Batcher:
    """Feeds one model from one queue.

    Requests that arrive in the same turn of the loop are looked at together.

    Args:
        scheduler: Decides.
        run: Answers a batch; called on the loop while it is quick, on a thread otherwise.
        finish: Told of each batch on the loop.
        expire: Told of each entry whose deadline passed while it waited.
        loop: The event loop.
        executor: Whence threads come.
        inline_below_ns: Longest duration of a run that may hold up the loop.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        run: Run,
        finish: Finish,
        expire: Callable[[Entry], None],
        loop: asyncio.AbstractEventLoop,
        executor: Executor,
        inline_below_ns: int = INLINE_BELOW_NS,
    ) -> None:
        self.scheduler = scheduler
        self._run, self._finish, self._expire = run, finish, expire
        self._loop, self._executor = loop, executor
        self._inline_below_ns = inline_below_ns
        self._quickest_ns: dict[int, int] = {}
        self._is_turn_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0

    def expect(self, rows: int, took_ns: int) -> None:
        """Learn how quick a run of so many rows can be."""
        size = rows.bit_length()
        known = self._quickest_ns.get(size)
        self._quickest_ns[size] = (
            took_ns if known is None else min(took_ns, int(known * _FORGETTING) + 1)
        )

    def is_inline(self, rows: int) -> bool:
        """Whether a run of so many rows is quick enough to stay on the loop.

        Judged by the quickest of late runs of that size: on a busy machine the mean tells how often
        a run was interrupted, and threads would only be interrupted more.
        """
        return self._quickest_ns.get(rows.bit_length(), _UNKNOWN) < self._inline_below_ns

    def submit(self, entry: Entry) -> Admission:
        """Queue an entry; what becomes of it is told to `finish` or `expire`.

        A request that comes alone to an idle, quick model is run before this returns.
        """
        if self.takes_alone(entry.rows):
            entry.is_waiting = False
            began = perf_counter_ns()
            answers = self._run([entry.payload])
            took = self.ran_alone(entry.rows, began)
            self._finish([entry], answers, began, took)
            return ADMITTED
        admission = self.scheduler.admit(entry)
        if admission.is_admitted:
            self._wake()
        return admission

    def takes_alone(self, rows: int) -> bool:
        """Whether a request may run now, since it comes alone to an idle, quick model."""
        return not self._is_turn_due and self.scheduler.is_idle and self.is_inline(rows)

    def ran_alone(self, rows: int, began_ns: int) -> int:
        """Note a run that `takes_alone` allowed; return how long it took, in nanoseconds.

        Who comes in the same turn of the loop is queued.
        """
        took = perf_counter_ns() - began_ns
        self._wake()
        self.expect(rows, took)
        self.scheduler.ran_alone(took_ns=self._quickest_ns[rows.bit_length()], now_ns=began_ns)
        return took

    def cancel(self, entry: Entry) -> None:
        """Forget an entry that nobody waits for any more."""
        self.scheduler.cancel(entry)

    def _wake(self) -> None:
        if not self._is_turn_due:
            self._is_turn_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turn_due = False
        while self.scheduler.waiting:
            now = perf_counter_ns()
            for entry in self.scheduler.expire(now):
                self._expire(entry)
            match self.scheduler.decide(now):
                case Dispatch(entries):
                    self._start(entries)
                case Wait(until):
                    self._arm(until, now)
                    break
                case _:
                    break

    def _start(self, entries: list[Entry]) -> None:
        payloads = [entry.payload for entry in entries]
        rows = sum([entry.rows for entry in entries])
        began = perf_counter_ns()
        if self.is_inline(rows):
            answers = self._run(payloads)
            took = perf_counter_ns() - began
            self.expect(rows, took)
            # Nobody could arrive meanwhile, so there is nobody to wait for.
            self.scheduler.completed(
                entries, took_ns=self._quickest_ns[rows.bit_length()], now_ns=began
            )
            self._finish(entries, answers, began, took)
        else:
            self._loop.run_in_executor(self._executor, self._timed, payloads).add_done_callback(
                lambda done: self._ended(entries, rows, done, began)
            )

    def _timed(self, payloads: Sequence[Any]) -> tuple[list[Any], int]:
        began = perf_counter_ns()
        return self._run(payloads), perf_counter_ns() - began

    def _ended(
        self,
        entries: list[Entry],
        rows: int,
        done: "asyncio.Future[tuple[list[Any], int]]",
        began: int,
    ) -> None:
        answers, took = done.result()
        self.expect(rows, took)
        self.scheduler.completed(entries, took_ns=took, now_ns=perf_counter_ns())
        self._wake()
        self._finish(entries, answers, began, took)

    def _arm(self, until_ns: int, now_ns: int) -> None:
        left = until_ns - now_ns
        if left < _TIMER_NS:
            self._wake()  # a look each turn: timers would oversleep
            return
        if self._timer is not None:
            if self._timer_ns <= until_ns and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer_ns = until_ns
        self._timer = self._loop.call_later((left - _TIMER_NS / 2) / 1e9, self._rung)

    def _rung(self) -> None:
        self._timer = None
        self._wake()
