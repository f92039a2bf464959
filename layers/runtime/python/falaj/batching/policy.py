"""How requests are gathered, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NS_PER_US: Final = 1_000
_GATHER_SHARE: Final = 0.3
_ABOUT, _HARDLY, _MUCH = 1.1, 1.03, 1.5  # times the cheapest
_HAND_OVER_NS: Final = 300_000
"""What a run costs besides: its way to a thread and back, gathering, looking."""


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

    def useful_rows(self, cost_ns: Mapping[int, int], *, is_heavy: bool) -> int:
        """Return the largest batch worth running: the smallest that is about as cheap a row as any.

        A larger one gains nothing: its requests wait for each other, and while they are read and
        answered the model has nothing to do, where of two smaller ones the other would run. And it
        loses where intermediate results leave the processor's caches. Preferred sizes are
        somebody's decision and are left alone.

        Args:
            cost_ns: What a run costs by its rows, joining included; ascending.
            is_heavy: Whether rows are so large that reading them takes about as long as a run.

        Example:
            A model whose rows cost the same in any company, and one that has a device:

            >>> BatchPolicy().useful_rows(
            ...     {1: 7_900_000, 8: 49_600_000, 32: 198_000_000}, is_heavy=False
            ... )
            8
            >>> BatchPolicy().useful_rows(
            ...     {1: 4_100_000, 8: 4_200_000, 32: 4_300_000}, is_heavy=False
            ... )
            32
            >>> BatchPolicy().useful_rows({1: 6_000, 8: 40_000, 32: 160_000}, is_heavy=False)
            32
            >>> BatchPolicy().useful_rows({1: 910_000, 8: 7_100_000, 32: 30_000_000}, is_heavy=True)
            1
        """
        if self.preferred_batch_sizes or not cost_ns:
            return self.max_batch_size
        beside, share = (0, _ABOUT) if is_heavy else (_HAND_OVER_NS, _HARDLY)
        costs = {rows: (cost + beside) / rows for rows, cost in cost_ns.items()}
        least = min(costs.values())
        return min(rows for rows, cost in costs.items() if cost <= least * share)

    def is_past_use(self, cost_ns: Mapping[int, int]) -> bool:
        """Whether the last batch cost so much a row that no larger one is worth trying."""
        if self.preferred_batch_sizes:
            return False
        costs = [cost / rows for rows, cost in cost_ns.items()]
        return costs[-1] > min(costs) * _MUCH

    @property
    def delay_ns(self) -> int | None:
        """`max_queue_delay_microseconds` in nanoseconds."""
        delay = self.max_queue_delay_microseconds
        return None if delay is None else delay * NS_PER_US
