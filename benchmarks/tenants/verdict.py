"""What all blocks say together: the ratio of both p99s, and an interval that holds it.

Source:
    Harrell and Davis (1982), "A new distribution-free quantile estimator", Biometrika 69(3),
    doi:10.1093/biomet/69.3.635; Davison and Hinkley (1997), "Bootstrap Methods and their
    Application", 3.8 (two stages: what was drawn first is resampled first) and 5.3 (percentiles).
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.stats import beta

TOLERATED: Final = 1.2
RESAMPLINGS: Final = 2000
OUTSIDE: Final = 0.05
"""Of all resamplings, half of it on either side."""

Pair = Mapping[str, Any]
Block = Sequence[Pair]


class Verdict(NamedTuple):
    """What the interval says of the tolerated ratio."""

    word: str
    exit_code: int


PROVEN, REFUTED, OPEN = Verdict("shown", 0), Verdict("refuted", 3), Verdict("not shown", 4)


class Estimate(NamedTuple):
    """A number and the interval that holds it in 95 of 100 resamplings."""

    value: float
    least: float
    most: float

    @property
    def verdict(self) -> Verdict:
        """Whether all of it is tolerated, none of it, or neither."""
        if self.most <= TOLERATED:
            return PROVEN
        return REFUTED if self.least > TOLERATED else OPEN

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.least:.2f}–{self.most:.2f})"


def p99(values: Sequence[float]) -> float:
    """The 99th percentile, by Harrell and Davis: every value near it counts.

    Example:
        >>> round(p99(range(1, 1001)), 1)
        990.5
    """
    return float(np.sort(np.asarray(values, dtype=float)) @ _weights(len(values)))


def took_ms(pairs: Sequence[Pair], way: str) -> list[float]:
    """Every time of the tenant's requests, one way."""
    return [ms for pair in pairs for ms in pair[way]["globex"]["ms"]]


def ratio(pairs: Sequence[Pair]) -> float:
    """How much longer the slowest hundredth takes beside the flood; what decides."""
    return p99(took_ms(pairs, "beside")) / p99(took_ms(pairs, "alone"))


def typical_ratio(pairs: Sequence[Pair]) -> float:
    """The same by pair: the median over all pairs."""
    return median(ratio([pair]) for pair in pairs)


def estimate(of: Callable[[Sequence[Pair]], float], blocks: Sequence[Block]) -> Estimate:
    """Say what all pairs give, and what resamplings of blocks, and of pairs in them, do."""
    rng = random.Random(7)
    drawn = sorted(
        of([p for b in rng.choices(blocks, k=len(blocks)) for p in rng.choices(b, k=len(b))])
        for _ in range(RESAMPLINGS)
    )
    edge = round(RESAMPLINGS * OUTSIDE / 2)
    return Estimate(of([pair for block in blocks for pair in block]), drawn[edge], drawn[-edge - 1])


class Spent(NamedTuple):
    """What a request costs the machine, all processes of the region together.

    Attributes:
        answered_ms: Processor milliseconds of an answered request, the region's own ticking in it.
        refused_ms: The same of a refused one: what the flood adds, its answered requests taken off.
        calls: Calls of DynamoDB alone and beside.
    """

    answered_ms: float
    refused_ms: float
    calls: tuple[int, int]


def spent(pairs: Sequence[Pair], refusals: frozenset[str]) -> Spent:
    """Divide processor time among requests."""

    def total(way: str, key: str) -> float:
        return sum(pair[way][key] for pair in pairs)

    asked = len(took_ms(pairs, "alone"))
    flood = statuses(pairs, "beside", "acme")
    refused = sum(count for status, count in flood.items() if status in refusals)
    answered_ms = 1000 * total("alone", "cpu_s") / asked
    added_ms = 1000 * (total("beside", "cpu_s") - total("alone", "cpu_s"))
    passed = sum(flood.values()) - refused
    return Spent(
        answered_ms,
        (added_ms - passed * answered_ms) / max(1, refused),
        (int(total("alone", "calls")), int(total("beside", "calls"))),
    )


def statuses(pairs: Sequence[Pair], way: str, tenant: str) -> Counter[str]:
    """What became of a tenant's requests."""
    found: Counter[str] = Counter()
    for pair in pairs:
        found.update(pair[way][tenant]["statuses"])
    return found


@lru_cache(maxsize=4096)
def _weights(count: int) -> Any:  # noqa: ANN401 - float64[count]
    """Return how much each of so many values in order counts for the 99th percentile."""
    edges = np.arange(count + 1) / count
    return np.diff(beta.cdf(edges, 0.99 * (count + 1), 0.01 * (count + 1)))
