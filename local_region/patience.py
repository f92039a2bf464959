"""Limits that leave out the time in which this machine was busy with something else.

Lambda gives every environment its share of a processor, whatever else runs; a laptop does not. A
second that a function's process has stood in line for a processor, or that this program came too
late to look whether an answer was there, is no second that the function has taken.

Source:
    proc_pid_schedstat, docs.kernel.org/scheduler/sched-stats.html ("time spent waiting on a
    runqueue (in nanoseconds)"), read 2026-11-22.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Any, Final

SHORTEST_S: Final = 0.05
"""Less is not worth another wait, and no loop is punctual to it."""
_LINE_BYTES: Final = 128
_NANOSECOND: Final = 1e-9


class Patience:
    """Counts seconds down.

    Args:
        seconds: How many.
        held_up: Says how many seconds the machine has held up so far what is waited for.
        now: Tells seconds; the running loop's time by default.

    Attributes:
        seconds: How many, as given.
        before_s: What `held_up` said at the beginning.
    """

    def __init__(
        self,
        seconds: float,
        held_up: Callable[[], float],
        now: Callable[[], float] | None = None,
    ) -> None:
        self._now = now or asyncio.get_running_loop().time
        self.seconds, self._held_up = seconds, held_up
        self.before_s = held_up()
        # At most as long again: a loop that is always late must not wait forever.
        self._limit_s, self._grace_s, self._late_s = seconds, seconds, 0.0
        self._since = self._now()
        self._due = self._since + seconds

    def left(self) -> float:
        """Return how much longer to wait, once a wait is over; 0 when patience is at its end."""
        now = self._now()
        late_s = max(0.0, now - self._due)
        more_s = min(late_s, self._grace_s)
        self._late_s, self._grace_s = self._late_s + late_s, self._grace_s - more_s
        self._limit_s += more_s
        excused_s = self._late_s + self._held_up() - self.before_s
        left_s = self._limit_s - max(0.0, now - self._since - excused_s)
        if left_s < SHORTEST_S:
            return 0.0
        self._due = now + left_s
        return left_s


async def is_done_within(work: asyncio.Future[Any], patience: Patience) -> bool:
    """Say whether something was done before patience was at its end; it goes on in any case."""
    wait_s = patience.seconds
    while not work.done():
        await asyncio.wait({work}, timeout=wait_s)
        if not work.done() and not (wait_s := patience.left()):
            return False
    return True


def held_up_s(pid: int) -> float:
    """Return how long a process has stood in line for a processor; 0 where nobody counts it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
        try:
            return int(os.read(file, _LINE_BYTES).split()[1]) * _NANOSECOND
        finally:
            os.close(file)
    return 0.0
