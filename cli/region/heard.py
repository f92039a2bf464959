"""What time it is where a rollout runs, as its answers say."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from falaj.domain.clock import Clock, SystemClock


class HeardClock:
    """The region's clock: this machine's until the region has answered.

    Ages and windows are told by whoever dated what they are about. A laptop's clock may be wrong,
    and that of `falaj up --speed 20` goes twenty times as fast.

    Args:
        machine: This machine's clock.
    """

    def __init__(self, machine: Clock | None = None) -> None:
        self._machine = machine or SystemClock()
        self._ahead = timedelta()

    def heard(self, date: str) -> None:
        """Take an answer's `Date` header; one that cannot be read changes nothing."""
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return
        self._ahead = told - self._machine.now()

    def now(self) -> datetime:
        """Return the region's time, in UTC."""
        return self._machine.now() + self._ahead
