"""Whether a run is quick enough to stay on the event loop: a pure record of late durations."""

from typing import Final

INLINE_BELOW_NS: Final = 250_000
"""Runs shorter than this stay on the event loop: a thread's round trip costs a third of it."""

TRIAL_AFTER: Final = 128
"""Runs on a thread, each hardly busy, after which one is tried on the loop again."""

_TRIAL_BELOW: Final = 8  # times the limit that hold the loop up for too long
_FORGETTING: Final = 1.02  # how fast the quickest run grows old
_DOUBTING: Final = 1.1  # how fast while every run holds the loop up
_UNKNOWN: Final = 2**62


class Pace:
    """Durations of one model's runs, by size.

    Judged by the quickest of late runs of about that size: on a busy machine the mean tells how
    often a run was interrupted, and threads would only be interrupted more. A thread's run also
    waits for the interpreter's lock, so that a quick model that once left the loop would look slow
    for ever; when its threads were hardly busy for long, one run is tried on the loop, unless even
    the quickest took so long that the loop would be held up.

    Args:
        inline_below_ns: Longest duration of a run that may hold up the loop.
    """

    def __init__(self, inline_below_ns: int = INLINE_BELOW_NS) -> None:
        self._limit_ns = inline_below_ns
        self._quickest_ns: dict[int, int] = {}
        self._hardly_busy: dict[int, int] = {}

    def expect(self, rows: int, took_ns: int) -> int:
        """Learn how long a run took; return how quick one of about so many rows can be."""
        size = rows.bit_length()
        known = self._quickest_ns.get(size, took_ns)
        is_doubtful = known < self._limit_ns and took_ns >= _TRIAL_BELOW * self._limit_ns
        aged = int(known * (_DOUBTING if is_doubtful else _FORGETTING)) + 1
        quickest = self._quickest_ns[size] = min(aged, took_ns)
        return quickest

    def expect_on_thread(self, rows: int, took_ns: int, busy_ns: int) -> None:
        """Learn from a thread's run.

        Args:
            rows: How many.
            took_ns: On the clock.
            busy_ns: Of the processor's time.
        """
        quickest = self.expect(rows, took_ns)
        size = rows.bit_length()
        if busy_ns >= self._limit_ns or quickest >= _TRIAL_BELOW * self._limit_ns:
            self._hardly_busy[size] = 0
        else:
            self._hardly_busy[size] = self._hardly_busy.get(size, 0) + 1

    def is_inline(self, rows: int) -> bool:
        """Whether a run of so many rows is to stay on the loop."""
        size = rows.bit_length()
        if self._quickest_ns.get(size, _UNKNOWN) < self._limit_ns:
            return True
        if self._hardly_busy.get(size, 0) < TRIAL_AFTER:
            return False
        self._hardly_busy[size] = 0
        return True
