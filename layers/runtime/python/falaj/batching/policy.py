"""How requests are gathered, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NS_PER_US: Final = 1_000
_GATHER_SHARE: Final = 0.3
_ABOUT, _MUCH = 1.1, 1.5  # times the cheapest


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """Bounds of one model's queue and batches.

    Attributes:
        max_batch_size: Most rows of one run; 1 turns joining off.
        max_queue_delay_microseconds: Longest a request waits for company while the model is free;
            None leaves it to `gather_share` alone.
        preferred_batch_sizes: Sizes to cut batches to when more is waiting, ascending.
        capacity: Most requests that wait; the next is refused at once.
        instances: Runs that may be under way together.
        gather_share: How long to wait for company after a run ended, as a share of the mean
            duration of a run.
    """

    max_batch_size: int = 32
    max_queue_delay_microseconds: int | None = None
    preferred_batch_sizes: tuple[int, ...] = ()
    capacity: int = 1024
    instances: int = 1
    gather_share: float = _GATHER_SHARE

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "capacity", "instances"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        delay = self.max_queue_delay_microseconds
        if delay is not None and delay < 0:
            raise ValueError(f"max_queue_delay_microseconds is {delay}; it must be at least 0")
        if not 0 <= self.gather_share <= 1:
            raise ValueError(f"gather_share is {self.gather_share}; it must lie in [0, 1]")
        sizes = self.preferred_batch_sizes
        if list(sizes) != sorted(set(sizes)) or not all(
            1 <= size <= self.max_batch_size for size in sizes
        ):
            raise ValueError(
                f"preferred_batch_sizes is {sizes}; sizes ascend and lie in "
                f"1 to max_batch_size ({self.max_batch_size})"
            )

    @property
    def is_joining(self) -> bool:
        """Whether requests share runs at all."""
        return self.max_batch_size > 1

    def useful_rows(self, busy_ns: Mapping[int, int]) -> int:
        """Return the largest batch worth running: the smallest that is about as cheap a row as any.

        Where rows are heavy a larger one gains nothing, since the model waits while it is read; and
        it loses where intermediate results leave the processor's caches. Preferred sizes are
        somebody's decision and are left alone.

        Args:
            busy_ns: Processor time of a run by its rows, joining included; ascending.

        Example:
            >>> BatchPolicy().useful_rows({1: 700, 2: 1500, 4: 3600, 8: 27_000})
            1
            >>> BatchPolicy().useful_rows({1: 60, 8: 90, 32: 150})
            32
            >>> BatchPolicy().useful_rows({1: 910, 8: 7_100, 32: 30_000})
            1
        """
        if self.preferred_batch_sizes or not busy_ns:
            return self.max_batch_size
        costs = {rows: busy / rows for rows, busy in busy_ns.items()}
        least = min(costs.values())
        return min(rows for rows, cost in costs.items() if cost <= least * _ABOUT)

    def is_past_use(self, busy_ns: Mapping[int, int]) -> bool:
        """Whether the last batch cost so much a row that no larger one is worth trying."""
        if self.preferred_batch_sizes:
            return False
        costs = [busy / rows for rows, busy in busy_ns.items()]
        return costs[-1] > min(costs) * _MUCH

    @property
    def delay_ns(self) -> int | None:
        """`max_queue_delay_microseconds` in nanoseconds."""
        delay = self.max_queue_delay_microseconds
        return None if delay is None else delay * NS_PER_US
