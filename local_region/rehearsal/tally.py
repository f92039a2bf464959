"""What callers of each priority were answered, minute by minute."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.domain.quota import LAST

MINUTE_S: Final = 60.0
REFUSED: Final = 429


@dataclass(slots=True, kw_only=True)
class Minute:
    """One minute of virtual time.

    Attributes:
        at_s: When it begins, after the release.
        zones_lost: How many zones are lost, at its end.
        admitted: The last priority that the load shedder admits, at its end.
        statuses: Answers by priority and status.
        without_retry_after: Answers 429 that do not say when to come back.
    """

    at_s: float
    zones_lost: int = 0
    admitted: int = LAST
    statuses: dict[int, Counter[int]] = field(default_factory=dict)
    without_retry_after: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {
            "at_s": self.at_s,
            "zones_lost": self.zones_lost,
            "admitted": self.admitted,
            "answers": {
                str(priority): {str(status): count for status, count in sorted(found.items())}
                for priority, found in sorted(self.statuses.items())
            },
            "without_retry_after": self.without_retry_after,
        }


class Tally:
    """Counts answers.

    Attributes:
        zones_lost: How many zones are lost now.
        admitted: The last priority that the load shedder admits now.
    """

    def __init__(self) -> None:
        self.zones_lost, self.admitted = 0, LAST
        self._minutes: dict[int, Minute] = {}

    def answered(self, at_s: float, priority: int, status: int, *, has_retry_after: bool) -> None:
        """Count one answer since the release."""
        if at_s < 0:
            return
        index = int(at_s // MINUTE_S)
        minute = self._minutes.setdefault(index, Minute(at_s=index * MINUTE_S))
        minute.zones_lost, minute.admitted = self.zones_lost, self.admitted
        minute.statuses.setdefault(priority, Counter())[status] += 1
        minute.without_retry_after += status == REFUSED and not has_retry_after

    @property
    def minutes(self) -> tuple[Minute, ...]:
        """Every minute in which somebody asked."""
        return tuple(self._minutes[index] for index in sorted(self._minutes))
