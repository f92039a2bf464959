"""A clock that stands until it is moved."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class StandingClock:
    """Tells the time it was last given."""

    def __init__(self, at=NOON):
        self.at = at

    def now(self):
        """The instant."""
        return self.at

    def advance(self, seconds):
        """Move on."""
        self.at += timedelta(seconds=seconds)
