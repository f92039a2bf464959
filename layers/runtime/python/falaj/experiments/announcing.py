"""A split is announced before it begins, so that whoever keeps its exposures knows in time.

Releases know nothing of splits, and neither do their log lines: the recorder has to know which
split a line is of. Asking before every line would be safe and dear. Instead a split begins `AHEAD`
after it was written down, and what was read holds for lines of up to `HOLDS_FOR` later: whatever
begins by then has been written down already. The two seconds in between are for the writing itself
and for clocks that differ.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from falaj.domain.clock import Clock
from falaj.experiments.live import LiveSplit

AHEAD: Final = timedelta(seconds=4)
HOLDS_FOR: Final = timedelta(seconds=2)

SLOWEST_WRITE: Final = AHEAD - HOLDS_FOR
"""A split that took longer to write down is announced again, for later."""


class KnownSplits:
    """Says which splits a moment may belong to; asks anew when it cannot know.

    Args:
        read: Reads the splits that run or ran on a model.
        clock: The time.
    """

    def __init__(self, read: Callable[[str], Sequence[LiveSplit]], clock: Clock) -> None:
        self._read, self._clock = read, clock
        self._known: dict[str, tuple[datetime, Sequence[LiveSplit]]] = {}

    def at(self, model: str, moment: float) -> Sequence[LiveSplit]:
        """Return all splits of a model that hold a moment, and perhaps others.

        What is known is read again at most once in `HOLDS_FOR`, even for lines from the future.

        Args:
            model: The model.
            moment: Seconds since the epoch.

        Raises:
            FalajError: What `read` raises.
        """
        now = self._clock.now()
        known = self._known.get(model)
        if known is not None:
            end = known[0] + HOLDS_FOR
            if now < end or moment < end.timestamp():
                return known[1]
        splits = self._read(model)
        self._known[model] = now, splits  # what is written while it is read may be missing
        return splits
