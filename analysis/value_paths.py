"""Thousands of experiments on metrics that are no rates, at once: sums, ratios, adjusted values.

The standard error is that of `analysis.effects`, written for arrays of moments; a test holds the
two equal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.moments import Array

_Counts = np.ndarray[Any, np.dtype[np.int64]]
_Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[Array, Array, Array]]

CHUNK: int = 100
"""Runs whose units are in memory together: 8 MB a column at 10,000 units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePaths:
    """What every look of many experiments saw.

    Attributes:
        units: Units of both arms at every look, `int64[looks]`.
        fewest_events: Non-zero units of the arm that has fewer, `int64[runs, looks]`.
        guarded: Difference in standard errors as reports compute them, `float64[runs, looks]`.
        usual: The same with the usual standard error alone.
    """

    units: _Counts
    fewest_events: _Counts
    guarded: Array
    usual: Array

    def z(self, *, is_guarded: bool = True) -> Array:
        """Difference in standard errors; 0 where nothing varies."""
        return self.guarded if is_guarded else self.usual


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Running sums of one arm at every look.

    Attributes:
        count: `float64[runs, looks]`.
        events: Units with a non-zero value.
        first: Sums of (value, denominator, covariate), `float64[3, runs, looks]`.
        second: Sums of their products, `float64[3, 3, runs, looks]`.
    """

    count: Array
    events: Array
    first: Array
    second: Array

    @property
    def mean(self) -> Array:
        return np.asarray(self.first / self.count)

    @property
    def spread(self) -> Array:
        mean = self.mean
        return np.asarray(self.second - self.count * mean[:, None] * mean[None, :])

    def merged(self, other: "_Sums") -> "_Sums":
        return _Sums(
            count=self.count + other.count,
            events=self.events + other.events,
            first=self.first + other.first,
            second=self.second + other.second,
        )

    def variance(self, weights: Array) -> Array:
        """Return the sample variance of `weights` · row."""
        product = np.einsum("irl,ijrl,jrl->rl", weights, self.spread, weights)
        return np.asarray(np.maximum(product, 0) / (self.count - 1))


def simulate_values(
    draw: _Draw,
    *,
    share: float,
    units: int,
    looks: int,
    runs: int,
    seed: int,
    is_ratio: bool = False,
    is_adjusted: bool = False,
) -> ValuePaths:
    """Run A/A tests on a metric: both arms draw their units from the same truth.

    Args:
        draw: Gives value, denominator and covariate of units, each `float64[runs, units]`.
        share: The arm's share.
        units: Units of each experiment, a multiple of the looks.
        looks: Evenly spaced looks.
        runs: Experiments.
        seed: Of the generator.
        is_ratio: Whether the metric is Σ value / Σ denominator.
        is_adjusted: Whether to adjust by the covariate.
    """
    rng = np.random.default_rng(seed)
    parts = [
        _paths(
            *(_summed(columns, side, looks) for side in _sides(rng.random((size, units)) < share)),
            is_ratio=is_ratio,
            is_adjusted=is_adjusted,
        )
        for size in _sizes(runs)
        for columns in [np.stack(draw(rng, (size, units)))]
    ]
    return ValuePaths(
        units=np.arange(1, looks + 1) * (units // looks),
        fewest_events=np.concatenate([part[0] for part in parts]),
        guarded=np.concatenate([part[1] for part in parts]),
        usual=np.concatenate([part[2] for part in parts]),
    )


def _sizes(runs: int) -> Iterator[int]:
    while runs > 0:
        yield min(runs, CHUNK)
        runs -= CHUNK


def _sides(in_arm: Any) -> tuple[Array, Array]:  # noqa: ANN401 - truth values
    return (~in_arm).astype(float), in_arm.astype(float)


def _summed(columns: Array, side: Array, looks: int) -> _Sums:
    def running(values: Array) -> Array:
        stepped = values.reshape(values.shape[0], looks, -1).sum(axis=2)
        return np.asarray(np.cumsum(stepped, axis=1))

    masked = columns * side
    return _Sums(
        count=running(side),
        events=running((masked[0] != 0).astype(float)),
        first=np.stack([running(column) for column in masked]),
        second=np.stack([np.stack([running(a * b) for b in columns]) for a in masked]),
    )


def _paths(
    control: _Sums, arm: _Sums, *, is_ratio: bool, is_adjusted: bool
) -> tuple[_Counts, Array, Array]:
    """Return fewest events, guarded and usual z, as `analysis.effects.effect_between` has them."""
    pooled = control.merged(arm)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = _theta(control, arm, pooled, is_ratio=is_ratio) if is_adjusted else None
        levels, parts = [], []
        for side in (control, arm):
            level = side.mean[0] / side.mean[1] if is_ratio else side.mean[0]
            if theta is not None:
                level = level - theta * (side.mean - pooled.mean)[2]
            levels.append(level)
            parts.append(side.variance(_weights(side, theta, is_ratio=is_ratio)) / side.count)
        alike = pooled.variance(_weights(pooled, theta, is_ratio=is_ratio))
        alike = alike * (1 / control.count + 1 / arm.count)
        gap, usual = levels[1] - levels[0], parts[0] + parts[1]
        guarded = np.maximum(usual, alike)
        z = [np.nan_to_num(gap / np.sqrt(v), posinf=0, neginf=0) for v in (guarded, usual)]
    fewest = np.minimum(control.events, arm.events).astype(np.int64)
    return fewest, z[0], z[1]


def _weights(side: _Sums, theta: Array | None, *, is_ratio: bool) -> Array:
    weights = np.zeros_like(side.first)
    scale = side.mean[1] if is_ratio else np.ones_like(side.count)
    weights[0] = 1 / scale
    if is_ratio:
        weights[1] = -side.mean[0] / side.mean[1] / scale
    if theta is not None:
        weights[2] = -theta
    return weights


def _theta(control: _Sums, arm: _Sums, pooled: _Sums, *, is_ratio: bool) -> Array:
    within = control.spread + arm.spread
    weights = _weights(pooled, None, is_ratio=is_ratio)
    return np.asarray(np.einsum("jrl,jrl->rl", within[2], weights) / within[2, 2])
