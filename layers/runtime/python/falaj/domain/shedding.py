"""Who waits while a model has less room than it is asked for: one level, one pure function.

Priorities are shed from the last: while the level is 3, tenants of priorities 4 and 5 are refused.
The level falls as far as the share of requests that found no room asks for, and rises one priority
at a time once nothing was refused for a while. Each rise is a try: one that finds no room is taken
back, and the next is tried after twice the time.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from falaj.domain.quota import FIRST, LAST

TOLERATED_SHARE: Final = 0.01
"""Of requests: a burst that Lambda has no room for in an instant is not a loss of capacity."""
SETTLING_S: Final = 150.0
"""After a change: a minute until every function knows, and the alarm's own minute over that."""
CALM_S: Final = 300.0
"""How long nothing must be refused before one priority more is let in."""
LONGEST_CALM_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShedLevel:
    """Whom a model admits, and since when.

    Attributes:
        since: When the level last changed.
        admitted: The last priority that is answered.
        calm_s: How long it must be calm before the next priority is tried.
        is_trial: Whether the last change let a priority in.
    """

    since: datetime
    admitted: int = LAST
    calm_s: float = CALM_S
    is_trial: bool = False

    def __post_init__(self) -> None:
        if not FIRST <= self.admitted <= LAST:
            raise ValueError(f"admitted is {self.admitted}, not from {FIRST} to {LAST}")
        if not CALM_S <= self.calm_s <= LONGEST_CALM_S:
            raise ValueError(f"calm_s is {self.calm_s}, not from {CALM_S} to {LONGEST_CALM_S}")

    @property
    def waiting(self) -> int:
        """How many priorities wait."""
        return LAST - self.admitted


def advance(level: ShedLevel, *, refused_share: float, now: datetime) -> ShedLevel:
    """Return the level from now on; the same one where nothing changes.

    Args:
        level: The level until now.
        refused_share: Part of the last minutes' requests that found no room, in [0, 1].
        now: The time.

    Example:
        >>> from datetime import UTC, timedelta
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        >>> short = advance(ShedLevel(since=noon), refused_share=0.37, now=noon)
        >>> short.admitted
        3
        >>> advance(short, refused_share=0, now=noon + timedelta(minutes=5)).admitted
        4
    """
    age_s = (now - level.since).total_seconds()
    if refused_share > TOLERATED_SHARE:
        return _fallen(level, refused_share, age_s, now)
    if level.admitted == LAST or age_s < level.calm_s:
        return level
    return replace(level, since=now, admitted=level.admitted + 1, is_trial=True)


def _fallen(level: ShedLevel, refused_share: float, age_s: float, now: datetime) -> ShedLevel:
    if level.is_trial and age_s < level.calm_s:
        # What was let in last is what there is no room for.
        longer = min(2 * level.calm_s, LONGEST_CALM_S)
        return ShedLevel(since=now, admitted=max(FIRST, level.admitted - 1), calm_s=longer)
    if level.admitted < LAST and age_s < SETTLING_S:
        return level
    # Nobody knows how requests fall on priorities: as if each admitted one had its part.
    steps = max(1, math.ceil(refused_share * level.admitted))
    admitted = max(FIRST, level.admitted - steps)
    if admitted == level.admitted:
        return level
    return ShedLevel(since=now, admitted=admitted)
