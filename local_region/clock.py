"""A clock that stands still until it is told to leap."""

from datetime import UTC, datetime
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When virtual time begins: always the same moment, so that a rehearsal repeats to the second."""


class VirtualClock:
    """Virtual time; whoever holds the clock moves it, never back."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the virtual instant, in UTC."""
        return self._now

    def leap(self, moment: datetime) -> None:
        """Go to a moment.

        Raises:
            ValueError: It lies in the past.
        """
        if moment < self._now:
            raise ValueError(f"virtual time {self._now} does not go back to {moment}")
        self._now = moment
