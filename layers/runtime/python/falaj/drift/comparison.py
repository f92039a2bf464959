"""Whether counts in the same bins come from the same source, and how far apart they are.

Source:
    Pearson's test of homogeneity of two samples: Cochran (1952), Annals of Mathematical Statistics
    23(3), doi:10.1214/aoms/1177729380, who also asks for expected counts of about five. Benjamini
    and Hochberg (1995), JRSS B 57(1), doi:10.1111/j.2517-6161.1995.tb02031.x. The stability index
    (PSI) without a shift is (1/n + 1/m) times a chi-squared variable of B-1 degrees: Yurdakul
    (2018), "Statistical Properties of Population Stability Index", Western Michigan University,
    dissertation 3208. Its mean is therefore (B-1)(1/n + 1/m), which is what is taken off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEAST_EXPECTED: Final = 5.0
"""Rows that each sample is expected to have in a bin; rarer bins are joined (Cochran, 1952)."""
NOISE_PART: Final = 0.5
"""How much of delta the index's own noise may be for a sample to be enough."""
_PRIOR: Final = 0.5  # added to each count of the index, so that an empty bin has a logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two samples' counts beside each other.

    Attributes:
        chi_squared: Pearson's statistic.
        degrees: Its degrees of freedom; 0 where nothing can be told apart.
        p_value: How often chance alone is as far apart.
        psi: The stability index without its bias; about 0 where nothing has shifted.
    """

    chi_squared: float
    degrees: int
    p_value: float
    psi: float


def compare(reference: Sequence[int], present: Sequence[int]) -> Comparison:
    """Compare two samples' counts in the same bins.

    Args:
        reference: The first sample's, at least one row.
        present: The other's, likewise.

    Example:
        >>> compare([100, 100, 100], [40, 30, 30]).p_value > 0.3
        True
        >>> same = compare([100, 100, 100], [60, 30, 10])
        >>> same.degrees, same.p_value < 1e-5, round(same.psi, 2)
        (2, True, 0.4)
    """
    n, m = sum(reference), sum(present)
    cells = joined(reference, present)
    degrees = len(cells) - 1
    if degrees < 1:
        return Comparison(chi_squared=0.0, degrees=0, p_value=1.0, psi=0.0)
    statistic = sum((a * m - b * n) ** 2 / (a + b) for a, b in cells) / (n * m)
    return Comparison(
        chi_squared=statistic,
        degrees=degrees,
        p_value=chi_squared_tail(statistic, degrees),
        psi=_index(cells, n, m) - degrees * (1 / n + 1 / m),
    )


def joined(reference: Sequence[int], present: Sequence[int]) -> list[tuple[int, int]]:
    """Join the rarest bins until each sample is expected to have five rows in every one.

    What is joined depends on both samples' sum alone, which says nothing of whether they differ.
    """
    n, m = sum(reference), sum(present)
    needed = LEAST_EXPECTED * (n + m) / min(n, m)
    cells = sorted(zip(reference, present, strict=True), key=sum)
    rare = (0, 0)
    while cells and (sum(rare) < needed if sum(rare) else sum(cells[0]) < needed):
        least = cells.pop(0)
        rare = rare[0] + least[0], rare[1] + least[1]
    return [*cells, rare] if sum(rare) else cells


def _index(cells: Sequence[tuple[int, int]], n: int, m: int) -> float:
    spread = _PRIOR * len(cells)
    shares = [((a + _PRIOR) / (n + spread), (b + _PRIOR) / (m + spread)) for a, b in cells]
    return sum((q - p) * math.log(q / p) for p, q in shares)


def is_enough(reference_rows: int, rows: int, *, bins: int, delta: float) -> bool:
    """Whether the index would show a delta through its own noise.

    Example:
        >>> is_enough(1000, 100, bins=10, delta=0.1), is_enough(1000, 50, bins=10, delta=0.1)
        (True, False)
    """
    if not reference_rows or not rows:
        return False
    noise = math.sqrt(2 * max(1, bins - 1)) * (1 / reference_rows + 1 / rows)
    return noise <= NOISE_PART * delta


def rows_needed(*, bins: int, delta: float) -> int:
    """Return the fewest reference rows with which as many rows again are enough.

    Example:
        >>> rows_needed(bins=10, delta=0.1)
        170
    """
    return math.ceil(2 * math.sqrt(2 * max(1, bins - 1)) / (NOISE_PART * delta))


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """Return the chance that a chi-squared variable exceeds a value.

    Closed forms for one and two degrees, and the recurrence of the incomplete gamma function above.

    Source:
        NIST Digital Library of Mathematical Functions, 8.8.2 and 8.4.6.

    Example:
        >>> round(chi_squared_tail(16.92, 9), 3)
        0.05
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    order = 0.5 if degrees % 2 else 1.0
    tail = math.erfc(math.sqrt(half)) if degrees % 2 else math.exp(-half)
    while order < degrees / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1))
        order += 1
    return min(1.0, tail)


def benjamini_hochberg(p_values: Sequence[float], level: float) -> list[bool]:
    """Say which of several tests reject, so that at most `level` of these do so wrongly.

    Where nothing differs at all, any of them rejects with a probability of at most `level`.

    Example:
        >>> benjamini_hochberg([0.001, 0.8, 0.02, 0.5], 0.05)
        [True, False, True, False]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    last = max(
        (
            rank
            for rank, test in enumerate(order, start=1)
            if p_values[test] <= level * rank / len(p_values)
        ),
        default=0,
    )
    rejected = set(order[:last])
    return [test in rejected for test in range(len(p_values))]
