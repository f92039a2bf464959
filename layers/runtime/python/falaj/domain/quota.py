"""How often and how much at once a tenant may ask.

Rate and burst are one number: when the tenant's bucket would be empty again (the "theoretical
arrival time" of the generic cell rate algorithm, the same as a token bucket). Whoever comes so
early that the bucket would be more than full is refused, and told when to come back.

Source:
    ITU-T Recommendation I.371 (2004), annex A: the virtual scheduling algorithm.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from falaj.errors import QuotaExceededError

ALL_OTHERS: Final = "*"
FIRST, USUAL, LAST = 1, 3, 5
"""Priorities: the first is refused last when there is not room for all."""
MICROSECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a tenant may ask for.

    Attributes:
        rate_per_s: Requests a second in the long run.
        burst: Requests at one instant after a rest.
        concurrency: Requests that are answered at once; None for no bound of its own.
        priority: From 1, which is refused last when capacity is short, to 5.
    """

    rate_per_s: float
    burst: int
    concurrency: int | None = None
    priority: int = USUAL

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_s < math.inf:
            raise ValueError(f"rate_per_s is {self.rate_per_s!r}, not above 0")
        if not _is_count(self.burst):
            raise ValueError(f"burst is {self.burst!r}, not a whole number of at least 1")
        if self.concurrency is not None and not _is_count(self.concurrency):
            raise ValueError(
                f"concurrency is {self.concurrency!r}, not at least 1; or leave it out"
            )
        if not _is_count(self.priority) or self.priority > LAST:
            raise ValueError(f"priority is {self.priority!r}, not from {FIRST} to {LAST}")

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            rate_per_s=float(value["rate_per_s"]),
            burst=int(value["burst"]),
            concurrency=value.get("concurrency"),
            priority=value.get("priority", USUAL),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the limits as JSON values."""
        bound = {} if self.concurrency is None else {"concurrency": self.concurrency}
        ranked = {} if self.priority == USUAL else {"priority": self.priority}
        return {"rate_per_s": self.rate_per_s, "burst": self.burst, **bound, **ranked}

    @property
    def cost_us(self) -> int:
        """Microseconds after which one more request is due."""
        return max(1, round(MICROSECOND / self.rate_per_s))

    @property
    def tolerance_us(self) -> int:
        """How far ahead of time the bucket may be: all of the burst but the request itself."""
        return self.cost_us * (self.burst - 1)


class Taking(NamedTuple):
    """What became of one request's wish to pass.

    Attributes:
        due_us: When the bucket would be empty again; unchanged for a refusal.
        wait_us: How long to wait before asking again; 0 for whoever passes.
    """

    due_us: int
    wait_us: int


class Places(NamedTuple):
    """What became of requests of one tenant that came together.

    Attributes:
        held: For each that may go on, what it gives back in the end; empty for nothing.
        refusal: What the others are told; None if there are none.
    """

    held: tuple[str, ...]
    refusal: QuotaExceededError | None = None


def take(limits: Limits, due_us: int, now_us: int, count: int = 1) -> Taking:
    """Decide about one request, or about some that come together and pass together.

    Args:
        limits: The tenant's.
        due_us: What the last one that passed left behind; 0 if there was none.
        now_us: Microseconds since 1970.
        count: How many requests.

    Example:
        >>> take(Limits(rate_per_s=10, burst=1), due_us=0, now_us=1_000_000)
        Taking(due_us=1100000, wait_us=0)
        >>> take(Limits(rate_per_s=10, burst=1), due_us=1_100_000, now_us=1_040_000)
        Taking(due_us=1100000, wait_us=60000)
    """
    start_us = max(due_us, now_us)
    early_us = start_us + (count - 1) * limits.cost_us - limits.tolerance_us - now_us
    if early_us > 0:
        return Taking(due_us, early_us)
    return Taking(start_us + count * limits.cost_us, 0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
