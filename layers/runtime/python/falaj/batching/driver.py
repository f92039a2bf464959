"""Runs a scheduler's decisions on an event loop: the only part that knows time and threads."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

from falaj.batching.entry import Entry
from falaj.batching.pace import INLINE_BELOW_NS, Pace
from falaj.batching.scheduler import ADMITTED, Admission, Dispatch, Scheduler, Wait
from falaj.batching.threads import Threads

_HELD_UP_NS: Final = 1_000_000  # how long a turn may run batch after batch before others come by
_TIMER_NS: Final = 1_000_000  # an event loop's timers are this coarse

Run = Callable[[Sequence[Any]], list[Any]]
"""Answers entries, which are of whoever submits them, each with a result or an exception; never
raises."""

Finish = Callable[[Sequence[Any], list[Any], int, int], None]
"""Takes a batch of entries, its answers, when it began and how long it took, in nanoseconds."""


class Batcher:
    """Feeds one model from one queue.

    Requests that arrive in the same turn of the loop are looked at together.

    Args:
        scheduler: Decides.
        run: Answers a batch; called on the loop while it is quick, on a thread otherwise.
        finish: Told of each batch on the loop.
        expire: Told of each entry whose deadline passed while it waited.
        loop: The event loop.
        threads: Where long runs go.
        inline_below_ns: Longest duration of a run that may hold up the loop.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        run: Run,
        finish: Finish,
        expire: Callable[[Any], None],
        loop: asyncio.AbstractEventLoop,
        threads: Threads,
        inline_below_ns: int = INLINE_BELOW_NS,
    ) -> None:
        self.scheduler = scheduler
        self._run, self._finish, self._expire = run, finish, expire
        self._loop = loop
        self._lane = threads.lane(scheduler.policy.instances)
        self._pace = Pace(inline_below_ns)
        self._begun: dict[int, int] = {}
        self._has_answered = False
        self._is_turn_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0

    def expect(self, rows: int, took_ns: int) -> int:
        """Learn how long a run took; return how quick one of about so many rows can be."""
        return self._pace.expect(rows, took_ns)

    def submit(self, entry: Entry) -> Admission:
        """Queue an entry; what becomes of it is told to `finish` or `expire`.

        A request that comes alone to an idle, quick model is run before this returns.
        """
        if self.takes_alone(entry.rows):
            began = perf_counter_ns()
            answers = self._run([entry])
            took = self.ran_alone(entry.rows, began)
            self._finish([entry], answers, began, took)
            return ADMITTED
        return self.enqueue(entry)

    def enqueue(self, entry: Entry) -> Admission:
        """Queue an entry that cannot run at once; as `submit`."""
        admission = self.scheduler.admit(entry)
        if admission.is_admitted:
            self._wake()
        return admission

    def takes_alone(self, rows: int) -> bool:
        """Whether a request may run now, since it comes alone to an idle, quick model."""
        return not self._is_turn_due and self.scheduler.is_idle and self._pace.is_inline(rows)

    def ran_alone(self, rows: int, began_ns: int) -> int:
        """Note a run that `takes_alone` allowed; return how long it took, in nanoseconds.

        Who comes in the same turn of the loop is queued.
        """
        took = perf_counter_ns() - began_ns
        self._wake()
        self.scheduler.ran_alone(took_ns=self.expect(rows, took), now_ns=began_ns)
        return took

    def longest_ns(self, now_ns: int) -> int:
        """Return for how long the oldest batch has been handed over without an answer."""
        return now_ns - min(self._begun.values(), default=now_ns)

    def cancel(self, entry: Entry) -> None:
        """Forget an entry that nobody waits for any more."""
        self.scheduler.cancel(entry)

    def _wake(self) -> None:
        if not self._is_turn_due:
            self._is_turn_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turn_due = False
        if self._has_answered:
            self._has_answered = False
            self.scheduler.answered(perf_counter_ns())
        self._look()

    def _look(self) -> None:
        now = perf_counter_ns()
        until = now + _HELD_UP_NS
        while self.scheduler.waiting:
            for entry in self.scheduler.expire(now):
                self._expire(entry)
            match self.scheduler.decide(now):
                case Dispatch(entries):
                    self._start(entries)
                case Wait(until_ns):
                    self._arm(until_ns, now)
                    break
                case _:
                    break
            now = perf_counter_ns()
            if now > until:
                self._wake()
                break

    def _start(self, entries: list[Entry]) -> None:
        rows = sum([entry.rows for entry in entries])
        began = perf_counter_ns()
        if not self._lane.under_way and self._pace.is_inline(rows):
            answers = self._run(entries)
            took = perf_counter_ns() - began
            # Nobody could arrive meanwhile, so there is nobody to wait for.
            self.scheduler.completed(entries, took_ns=self.expect(rows, took), now_ns=began)
            self._finish(entries, answers, began, took)
        else:
            self._begun[id(entries)] = began
            self._lane.start(
                lambda: self._timed(entries), lambda done: self._ended(entries, rows, done, began)
            )

    def _timed(self, entries: Sequence[Entry]) -> tuple[list[Any], int, int]:
        began, idle = perf_counter_ns(), thread_time_ns()
        answers = self._run(entries)
        return answers, perf_counter_ns() - began, thread_time_ns() - idle

    def _ended(
        self,
        entries: list[Entry],
        rows: int,
        done: tuple[list[Any], int, int],
        began: int,
    ) -> None:
        answers, took, busy = done
        self._begun.pop(id(entries), None)
        self._pace.expect_on_thread(rows, took, busy)
        self.scheduler.completed(entries, took_ns=took, now_ns=perf_counter_ns())
        # A batch that is complete runs while the last one's answers are written.
        self._look()
        self._finish(entries, answers, began, took)
        # By the next turn they are sent: from then on their callers can ask again.
        self._has_answered = True
        self._wake()

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
