"""Thousands of experiments at once, to see what a method does when the truth is known.

The standard error is that of `analysis.effects`, written for arrays of rates; a test holds the two
equal.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from analysis.boundaries import RESERVED, even_fractions, obrien_fleming, spending_boundary
from analysis.moments import Array
from analysis.numbers import quantile
from analysis.sequences import sequence_critical

_Counts = np.ndarray[Any, np.dtype[np.int64]]


class Looked(Protocol):
    """What a method is applied to: many experiments, each looked at many times."""

    @property
    def units(self) -> _Counts:
        """Units of both arms at every look, `int64[looks]`."""
        ...

    @property
    def fewest_events(self) -> _Counts:
        """Events of the arm that has fewer, `int64[runs, looks]`."""
        ...

    def z(self, *, is_guarded: bool = True) -> Array:
        """Difference in standard errors, `float64[runs, looks]`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Counts at every look, `int64[runs, looks]`.

    Attributes:
        control_units: Units of the control so far.
        arm_units: Units of the arm so far.
        control_events: Events of the control so far.
        arm_events: Events of the arm so far.
    """

    control_units: _Counts
    arm_units: _Counts
    control_events: _Counts
    arm_events: _Counts

    @property
    def units(self) -> _Counts:
        """Units of both arms at every look, `int64[looks]`."""
        units: _Counts = (self.control_units + self.arm_units)[0]
        return units

    def z(self, *, is_guarded: bool = True) -> Array:
        """Difference in standard errors, `float64[runs, looks]`; 0 where nothing varies.

        Args:
            is_guarded: Whether the error is the larger of two, as in `analysis.effects`; otherwise
                it is the usual one alone.
        """
        n0, n1 = self.control_units, self.arm_units
        with np.errstate(divide="ignore", invalid="ignore"):
            p0, p1 = self.control_events / n0, self.arm_events / n1
            variance = p0 * (1 - p0) / (n0 - 1) + p1 * (1 - p1) / (n1 - 1)
            if is_guarded:
                pooled = (self.control_events + self.arm_events) / (n0 + n1)
                alike = pooled * (1 - pooled) * (n0 + n1) / (n0 + n1 - 1) * (1 / n0 + 1 / n1)
                variance = np.maximum(variance, alike)
            z: Array = np.nan_to_num((p1 - p0) / np.sqrt(variance), posinf=0, neginf=0)
        return z

    @property
    def fewest_events(self) -> _Counts:
        """Events of the arm that has fewer."""
        fewest: _Counts = np.minimum(self.control_events, self.arm_events)
        return fewest


def simulate_rates(
    rates: tuple[float, float],
    *,
    share: float,
    units: int,
    looks: int,
    runs: int,
    seed: int,
) -> Paths:
    """Run experiments whose units are independent.

    Args:
        rates: True rate of the control and of the arm.
        share: The arm's share.
        units: Units of each experiment, a multiple of the looks.
        looks: Evenly spaced looks.
        runs: Experiments.
        seed: Of the generator.
    """
    rng = np.random.default_rng(seed)
    step = units // looks
    arm = rng.binomial(step, share, (runs, looks))
    return Paths(
        control_units=np.cumsum(step - arm, axis=1),
        arm_units=np.cumsum(arm, axis=1),
        control_events=np.cumsum(rng.binomial(step - arm, rates[0]), axis=1),
        arm_events=np.cumsum(rng.binomial(arm, rates[1]), axis=1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """What a method did.

    Attributes:
        found: Part of the runs in which any look found a difference.
        upward: Part in which the first look that did found the arm higher.
        mean_units: Units on average; a run that finds nothing takes all.
        error: Standard error of `found`.
    """

    found: float
    upward: float
    mean_units: float
    error: float


Method = Callable[[Looked], Array]
"""Gives z beyond which each look rejects, as `float64[runs, looks]` of |z| − critical."""


def stops(paths: Looked, method: Method) -> Stops:
    """Apply a method at every look until it finds a difference."""
    crossed = method(paths) >= 0
    any_look = crossed.any(axis=1)
    first = np.where(any_look, crossed.argmax(axis=1), crossed.shape[1] - 1)
    signs = np.sign(paths.z()[np.arange(len(first)), first])
    found = float(any_look.mean())
    return Stops(
        found=found,
        upward=float((any_look & (signs > 0)).mean()),
        mean_units=float(paths.units[first].mean()),
        error=math.sqrt(max(found * (1 - found), 1e-9) / len(first)),
    )


def group_sequential(alpha: float = 0.05, minimum_events: int = 20) -> Method:
    """Our group-sequential test, its plan being the whole path."""

    def excess(paths: Looked) -> Array:
        critical = np.array(spending_boundary(even_fractions(paths.units.size), alpha))
        return _gated(paths, critical, minimum_events)

    return excess


def classical_boundary(alpha: float = 0.05, minimum_events: int = 20) -> Method:
    """The classical O'Brien–Fleming test, its plan being the whole path."""

    def excess(paths: Looked) -> Array:
        critical = np.array(obrien_fleming(paths.units.size, alpha * (1 - RESERVED)))
        return _gated(paths, critical, minimum_events)

    return excess


def confidence_sequence(
    alpha: float = 0.05, tuned_units: int = 10_000, minimum_events: int = 20
) -> Method:
    """Our confidence sequence."""

    def excess(paths: Looked) -> Array:
        critical = [sequence_critical(int(n), tuned_units, alpha) for n in paths.units]
        return _gated(paths, np.array(critical), minimum_events)

    return excess


def peeked_z(alpha: float = 0.05) -> Method:
    """Apply the ordinary z-test at every look, which is wrong."""
    critical: Final = -quantile(alpha / 2)
    return lambda paths: np.abs(paths.z(is_guarded=False)) - critical


def growthbook_sequential(alpha: float = 0.05, tuning: int = 5_000) -> Method:
    """Apply GrowthBook's published sequential formula.

    Source:
        github.com/growthbook/growthbook, packages/stats/gbstats/frequentist/tests.py:
        `sequential_interval_halfwidth` with s² = (variance of the difference)·n and tuning
        parameter 5000, read 2026-11-22. It is the same boundary, without a minimum number of
        events and with the usual standard error.
    """

    def excess(paths: Looked) -> Array:
        critical = [sequence_critical(int(n), tuning, alpha) for n in paths.units]
        z: Array = np.abs(paths.z(is_guarded=False)) - np.array(critical)
        return z

    return excess


def _gated(paths: Looked, critical: Array, minimum_events: int) -> Array:
    excess: Array = np.abs(paths.z()) - critical
    return np.where(paths.fewest_events >= minimum_events, excess, -1.0)
