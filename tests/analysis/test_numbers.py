"""What the analyst's function computes without SciPy is what SciPy computes."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, roots_legendre

from analysis.numbers import cdf, legendre, normal_cdf, quantile, root


@pytest.mark.parametrize("count", [1, 2, 60, 420, 900])
def test_quadrature_is_scipys(count):
    """Boundaries are integrated over the same nodes with the same weights."""
    nodes, weights = legendre(count)
    expected_nodes, expected_weights = roots_legendre(count)

    assert nodes == pytest.approx(expected_nodes, abs=1e-14)
    assert weights == pytest.approx(expected_weights, abs=1e-13)


def test_normal_distribution_is_scipys():
    """Φ holds far into the tails, where a spending function begins."""
    at = np.linspace(-12, 12, 1001)

    assert normal_cdf(at) == pytest.approx(ndtr(at), rel=1e-12, abs=0)
    assert cdf(-8.0) == pytest.approx(float(ndtr(-8.0)), rel=1e-12)


@pytest.mark.parametrize("part", [1e-12, 0.0125, 0.5, 0.975])
def test_quantile_is_scipys(part):
    """The critical value of a level is the usual one."""
    assert quantile(part) == pytest.approx(float(ndtri(part)), abs=1e-12)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (lambda x: x**3 - 2, 0.0, 8.0),
        (lambda x: np.exp(-x) - 1e-9, 0.0, 40.0),
        (lambda x: float(ndtr(-x)) - 1e-6, 0.0, 8.0),
    ],
    ids=["cubic", "steep", "tail"],
)
def test_roots_are_scipys(function, low, high):
    """Flat and steep functions are solved alike."""
    assert root(function, low, high, within=1e-10) == pytest.approx(
        brentq(function, low, high, xtol=1e-12), abs=2e-9
    )


def test_a_root_that_is_not_bracketed_is_refused():
    """No plausible number stands in for an answer that is not there."""
    with pytest.raises(ValueError, match="one sign"):
        root(lambda x: x + 10, 0.0, 1.0, within=1e-6)
