"""Clocks of a region: one that stands still until it leaps, one that goes faster."""

from datetime import UTC, datetime
from typing import Final

from falaj.domain.clock import Clock, SystemClock

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


class ScaledClock:
    """A clock that goes faster than the machine's, from the same moment on.

    Args:
        speed: Its seconds in one of the machine's.
        origin: When both tell the same; now by default.
        machine: The machine's clock.
    """

    def __init__(
        self, speed: float, *, origin: datetime | None = None, machine: Clock | None = None
    ) -> None:
        self._machine = machine or SystemClock()
        self.speed, self.origin = speed, origin or self._machine.now()

    def now(self) -> datetime:
        """Return the scaled instant, in UTC."""
        return self.origin + (self._machine.now() - self.origin) * self.speed
