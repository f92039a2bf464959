"""Group-sequential boundaries by recursive numerical integration, and what they cost.

A score process observed at information fractions t₁ < … < t_K = 1 is, to first order, a Brownian
motion S(t) with drift θ; Z_k = S(t_k)/√t_k. The density of S on the continuation region is carried
from look to look by quadrature, so the probability of a first crossing at each look is exact up to
the quadrature error (below 10⁻⁶, tested against published tables).

Source:
    Armitage, McPherson, Rowe (1969), JRSS A 132(2), doi:10.2307/2343787 (the recursion);
    O'Brien, Fleming (1979), Biometrics 35(3), doi:10.2307/2530245 (constant boundary for S);
    Lan, DeMets (1983), Biometrika 70(3), doi:10.1093/biomet/70.3.659 (spending functions).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from analysis.numbers import cdf, legendre, normal_cdf, quantile, root

NEVER: Final = 8.0
"""A critical |Z| at which 1.3·10⁻¹⁵ is spent: the look is taken and cannot decide."""

RESERVED: Final = 0.08
"""Part of a level that is not spent."""

_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Probabilities that the first crossing happens at each look.

    Attributes:
        upper: By look, above the upper boundary.
        lower: By look, below the lower boundary.
    """

    upper: tuple[float, ...]
    lower: tuple[float, ...]

    @property
    def total(self) -> float:
        """Probability that any look crosses either boundary."""
        return math.fsum(self.upper) + math.fsum(self.lower)

    def mean_fraction(self, fractions: Sequence[float]) -> float:
        """Average the information fraction at the end; uncrossed tests end at the last look."""
        spent = math.fsum(
            t * (up + low) for t, up, low in zip(fractions, self.upper, self.lower, strict=True)
        )
        return spent + fractions[-1] * (1 - self.total)


@dataclass(frozen=True, slots=True)
class _Path:
    """Density of S on the continuation region after a look, as weighted nodes."""

    time: float
    nodes: _Array
    mass: _Array

    def above(self, time: float, critical: float, drift: float) -> tuple[float, float]:
        """Return the chances of S(time) ≥ critical·√time and ≤ −critical·√time."""
        step = time - self.time
        edge = critical * math.sqrt(time)
        centre = self.nodes + drift * step
        upper = normal_cdf((centre - edge) / math.sqrt(step)) @ self.mass
        lower = normal_cdf((-edge - centre) / math.sqrt(step)) @ self.mass
        return float(upper), float(lower)

    def carry(self, time: float, critical: float, drift: float) -> "_Path":
        """Move the surviving density to the next look."""
        step = time - self.time
        root = math.sqrt(time)
        low = max(-critical * root, drift * time - NEVER * root)
        high = min(critical * root, drift * time + NEVER * root)
        if low >= high:
            return _Path(time, np.zeros(1), np.zeros(1))
        wanted = 120 + 6 * (high - low) / math.sqrt(step)
        unit, weight = _quadrature(min(900, 60 * math.ceil(wanted / 60)))  # few sizes, kept
        nodes = low + (high - low) * unit
        gaps = (nodes[:, None] - self.nodes[None, :] - drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * gaps * gaps) @ self.mass / math.sqrt(2 * math.pi * step)
        return _Path(time, nodes, density * weight * (high - low))


@lru_cache(maxsize=128)
def _quadrature(count: int) -> tuple[_Array, _Array]:
    nodes, weights = legendre(count)
    return (nodes + 1) / 2, weights / 2


def _start() -> _Path:
    return _Path(0.0, np.zeros(1), np.ones(1))


def _check_fractions(fractions: Sequence[float]) -> None:
    rising = all(a < b for a, b in zip((0.0, *fractions), fractions, strict=False))
    if not fractions or not rising or fractions[-1] > 1 + 1e-12:
        raise ValueError("information fractions rise strictly within (0, 1]")


def even_fractions(looks: int) -> tuple[float, ...]:
    """Space looks evenly.

    Example:
        >>> even_fractions(4)
        (0.25, 0.5, 0.75, 1.0)
    """
    if looks < 1:
        raise ValueError("a test takes at least one look")
    return tuple((k + 1) / looks for k in range(looks))


def spent_alpha(fraction: float, alpha: float) -> float:
    """Say how much of a two-sided level the O'Brien–Fleming-type function has spent.

    4·(1 − Φ(z_{1−α/4}/√t)): each side spends 2·(1 − Φ(z_{1−α/4}/√t)).

    Args:
        fraction: Information fraction in (0, 1].
        alpha: Two-sided level.

    Example:
        >>> round(spent_alpha(1.0, 0.05), 10), spent_alpha(0.2, 0.05) < 1e-5
        (0.05, True)

    Source:
        Lan, DeMets (1983), Biometrika 70(3), α₁*(t), one for each side.
    """
    return 4 * cdf(quantile(alpha / 4) / math.sqrt(min(fraction, 1.0)))


@lru_cache(maxsize=256)
def lan_demets(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Find the critical |Z| of every look so that exactly the spending function is spent.

    Looks that have spent less than can be computed get `NEVER`.

    Args:
        fractions: Information fractions, rising, at most 1; they need not be even or planned.
        alpha: Two-sided level.

    Example:
        >>> [round(z, 3) for z in lan_demets(even_fractions(5), 0.05)]
        [4.877, 3.357, 2.68, 2.29, 2.031]
    """
    _check_fractions(fractions)
    path, used, critical = _start(), 0.0, []
    for time in fractions:
        target = spent_alpha(time, alpha) - used
        z = _solve(_two_sided(path, time), target)
        used += sum(path.above(time, z, 0.0))
        path = path.carry(time, z, 0.0)
        critical.append(z)
    return tuple(critical)


def _two_sided(path: _Path, time: float) -> Callable[[float], float]:
    return lambda z: sum(path.above(time, z, 0.0))


def _solve(spend: Callable[[float], float], target: float) -> float:
    if target <= spend(NEVER):
        return NEVER
    return root(lambda z: spend(z) - target, 0.0, NEVER, within=1e-10)


def spending_boundary(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Find the critical |Z| that reports use: all of the level but `RESERVED` is spent.

    The boundary is exact for Brownian motion, and Z is that only to first order: winsorised sums
    reject 5.3 % instead of 5 %. The reserve pays for the difference, at about 2 % more units.
    """
    return lan_demets(fractions, alpha * (1 - RESERVED))


@lru_cache(maxsize=64)
def obrien_fleming(looks: int, alpha: float) -> tuple[float, ...]:
    """Find the classical boundary |Z_k| ≥ c/√(k/K) with total level exactly α.

    Exactly for Brownian motion: for a test, take `analysis.simulation.classical_boundary`, which
    keeps `RESERVED` back.

    Example:
        >>> [round(z, 3) for z in obrien_fleming(5, 0.05)]
        [4.562, 3.226, 2.634, 2.281, 2.04]

    Source:
        O'Brien, Fleming (1979); constants as in Jennison, Turnbull (2000), table 2.3.
    """
    times = even_fractions(looks)

    def shape(constant: float) -> tuple[float, ...]:
        return tuple(min(constant / math.sqrt(t), NEVER) for t in times)

    def excess(constant: float) -> float:
        return crossing_chances(times, shape(constant), 0.0).total - alpha

    return shape(root(excess, 0.5, 6.0, within=1e-9))


def crossing_chances(
    fractions: Sequence[float], critical: Sequence[float], drift: float
) -> Crossing:
    """Compute, for a drift, the chance that each look is the first to cross.

    Args:
        fractions: Information fractions, rising, at most 1.
        critical: |Z| that ends the test at each look.
        drift: E[Z] at full information.
    """
    _check_fractions(fractions)
    pairs = list(_walk(fractions, critical, drift))
    return Crossing(upper=tuple(up for up, _ in pairs), lower=tuple(low for _, low in pairs))


def _walk(
    fractions: Sequence[float], critical: Sequence[float], drift: float
) -> Iterator[tuple[float, float]]:
    path = _start()
    for time, z in zip(fractions, critical, strict=True):
        yield path.above(time, z, drift)
        path = path.carry(time, z, drift)


def drift_for_power(fractions: Sequence[float], critical: Sequence[float], power: float) -> float:
    """Find the drift at which the upper boundary is crossed with the wanted probability.

    Raises:
        ValueError: The power is not between the level and 1.
    """
    if not 0 < power < 1:
        raise ValueError("power lies in (0, 1)")

    def gap(drift: float) -> float:
        return math.fsum(crossing_chances(fractions, critical, drift).upper) - power

    return root(gap, 0.0, 12.0, within=1e-7)
