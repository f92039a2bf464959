"""The normal distribution, quadrature and roots, from NumPy and the standard library.

The analyst's function ships NumPy and no SciPy, which is 110 MB unzipped; SciPy is the oracle of
these in the tests.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Final

import numpy as np

_Array = np.ndarray[Any, np.dtype[np.float64]]

_STANDARD: Final = NormalDist()
_ERFC: Final = np.frompyfunc(math.erfc, 1, 1)
_NEWTON_STEPS: Final = 10
_MOST_STEPS: Final = 200


def normal_cdf(x: _Array) -> _Array:
    """Give Φ of every element; relative error below 1e-13, the tails included.

    Example:
        >>> float(normal_cdf(np.array([-8.0]))[0])
        6.22...e-16
    """
    return np.asarray(_ERFC(-np.asarray(x) / math.sqrt(2)), dtype=np.float64) / 2


def cdf(x: float) -> float:
    """Give Φ(x).

    Example:
        >>> round(cdf(1.959963984540054), 12)
        0.975
    """
    return math.erfc(-x / math.sqrt(2)) / 2


def quantile(part: float) -> float:
    """Give the x with Φ(x) = `part`.

    Example:
        >>> round(quantile(0.975), 6)
        1.959964
    """
    return _STANDARD.inv_cdf(part)


def legendre(count: int) -> tuple[_Array, _Array]:
    """Give nodes and weights of Gauss-Legendre quadrature on [−1, 1], nodes rising.

    Example:
        >>> nodes, weights = legendre(3)
        >>> round(float(weights @ nodes**4), 12)
        0.4

    Source:
        Abramowitz, Stegun (1964), 25.4.29 (weights) and 22.16.6 (the first guess); Newton's method
        on the three-term recurrence 22.7.10.
    """
    order = np.arange(count, 0, -1)
    nodes = np.cos(math.pi * (order - 0.25) / (count + 0.5))
    slope = np.ones(count)
    for _ in range(_NEWTON_STEPS):
        before, value = np.ones(count), nodes
        for degree in range(2, count + 1):
            before, value = (
                value,
                ((2 * degree - 1) * nodes * value - (degree - 1) * before) / degree,
            )
        slope = count * (nodes * value - before) / (nodes * nodes - 1)
        step = value / slope
        nodes = nodes - step
        if float(np.abs(step).max()) < 1e-15:  # noqa: PLR2004 - as near as floats get
            break
    return nodes, 2 / ((1 - nodes * nodes) * slope * slope)


def root(function: Callable[[float], float], low: float, high: float, *, within: float) -> float:
    """Find where a continuous function is 0, by the Illinois form of regula falsi.

    Args:
        function: Of different signs at both ends.
        low: One end.
        high: The other.
        within: How near the answer must be.

    Raises:
        ValueError: Both ends have the same sign.

    Example:
        >>> round(root(lambda x: x * x - 2, 0, 2, within=1e-12), 10)
        1.4142135624

    Source:
        Dowell, Jarratt (1971), BIT 11, doi:10.1007/BF01934364.
    """
    at_low, at_high = function(low), function(high)
    if at_low * at_high > 0:
        raise ValueError("the function has one sign at both ends: no root is bracketed")
    for _ in range(_MOST_STEPS):
        if at_low == 0 or at_high == 0 or abs(high - low) <= within:
            break
        middle = high - at_high * (high - low) / (at_high - at_low)
        at_middle = function(middle)
        if abs(middle - high) <= within / 2:
            return middle
        if at_middle * at_high < 0:
            low, at_low = high, at_high
        else:
            at_low /= 2
        high, at_high = middle, at_middle
    return low if at_low == 0 else high
