"""Tasks that end before they have answered: how often, and how long nobody tries again.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html (half the
    desired count of failures, at least 3 and at most 200, ends a deployment). Read 2026-11-22.
"""

import math
from datetime import datetime, timedelta
from typing import Final

FEWEST, MOST = 3, 200
_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 60.0
"""Between starts of tasks that do not live; ECS's own grows to minutes."""


class Failures:
    """Failures in a row of one service.

    Attributes:
        last: Why the last task ended that had never answered.
    """

    def __init__(self) -> None:
        self.last = ""
        self._count = 0
        self._not_before: datetime | None = None

    @property
    def are_many(self) -> bool:
        """Whether so many have failed that no further task is hoped for."""
        return self._count >= FEWEST

    def is_waiting(self, now: datetime) -> bool:
        """Say whether it is too early for another try."""
        return self._not_before is not None and now < self._not_before

    def note(self, reason: str, now: datetime) -> None:
        """Count one more, and wait twice as long as before."""
        self._count += 1
        self.last = reason
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (self._count - 1))
        self._not_before = now + timedelta(seconds=delay_s)

    def trips(self, desired_count: int) -> bool:
        """Say whether the circuit breaker ends a deployment of so many tasks."""
        return self._count >= min(MOST, max(FEWEST, math.ceil(desired_count / 2)))

    def stop(self, now: datetime) -> None:
        """Let nothing be tried until something else is wanted."""
        self._not_before = datetime.max.replace(tzinfo=now.tzinfo)

    def forget(self) -> None:
        """Begin anew."""
        self._count, self._not_before = 0, None
