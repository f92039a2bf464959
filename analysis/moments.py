"""Running means and co-moments of units, mergeable in any order.

A unit is a row (value, denominator, covariate, covariate missing): `float64[units, 4]`.

Source:
    Chan, Golub, LeVeque (1983), The American Statistician 37(3), doi:10.2307/2683386 (pairwise
    merge).
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

WIDTH: Final = 4
VALUE, DENOMINATOR, COVARIATE, MISSING = range(WIDTH)


def _zeros() -> Array:
    return np.zeros(WIDTH)


def _zero_matrix() -> Array:
    return np.zeros((WIDTH, WIDTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Count, means and centred co-moments of the units of one arm.

    Attributes:
        count: Units.
        events: Units with a non-zero value.
        mean: float64[4].
        spread: Sum of outer products of distances from the mean, float64[4, 4].
    """

    count: int = 0
    events: int = 0
    mean: Array = field(default_factory=_zeros)
    spread: Array = field(default_factory=_zero_matrix)

    @classmethod
    def of(cls, rows: Array) -> "Moments":
        """Summarise units.

        Example:
            >>> Moments.of(np.array([[1.0, 1, 0, 0], [0.0, 1, 0, 0]])).mean[VALUE]
            np.float64(0.5)
        """
        if not len(rows):
            return cls()
        mean = rows.mean(axis=0)
        gaps = rows - mean
        return cls(
            count=len(rows),
            events=int(np.count_nonzero(rows[:, VALUE])),
            mean=mean,
            spread=gaps.T @ gaps,
        )

    def merged(self, other: "Moments") -> "Moments":
        """Join with the moments of other units."""
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        gap = other.mean - self.mean
        return Moments(
            count=count,
            events=self.events + other.events,
            mean=self.mean + gap * (other.count / count),
            spread=self.spread
            + other.spread
            + np.outer(gap, gap) * (self.count * other.count / count),
        )

    @property
    def covariance(self) -> Array:
        """Sample covariance; needs two units."""
        covariance: Array = self.spread / (self.count - 1)
        return covariance
