"""Boundaries agree with the published tables and spend exactly what they may."""

import pytest

from analysis.boundaries import (
    NEVER,
    crossing_chances,
    even_fractions,
    lan_demets,
    obrien_fleming,
    spending_boundary,
    spent_alpha,
)


@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.960), (2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087)]
)
def test_obrien_fleming_constants(looks, constant):
    """Jennison and Turnbull (2000), table 2.3, alpha 0.05."""
    assert obrien_fleming(looks, 0.05)[-1] == pytest.approx(constant, abs=6e-4)


@pytest.mark.parametrize("looks", [1, 5, 20, 100])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_spending_boundary_spends_its_level_and_no_more(looks, alpha):
    """However many looks, all of them together find a difference in at most alpha of A/A tests."""
    fractions = even_fractions(looks)

    total = crossing_chances(fractions, lan_demets(fractions, alpha), 0.0).total

    assert total == pytest.approx(alpha, rel=1e-6)
    assert crossing_chances(fractions, spending_boundary(fractions, alpha), 0.0).total < alpha


def test_uneven_looks_spend_by_information():
    """Looks need not be planned: what is spent depends on the information alone."""
    fractions = (0.13, 0.5, 0.52, 0.9)

    crossing = crossing_chances(fractions, lan_demets(fractions, 0.05), 0.0)

    assert crossing.total == pytest.approx(spent_alpha(0.9, 0.05), rel=1e-6)


def test_first_of_a_hundred_looks_cannot_decide():
    """A hundredth of the information decides nothing."""
    assert lan_demets(even_fractions(100), 0.05)[0] == NEVER


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (0.5, 1.1), (0.0, 1.0)])
def test_impossible_looks_are_refused(fractions):
    """Information only grows, up to all of it."""
    with pytest.raises(ValueError, match="rise strictly"):
        lan_demets(fractions, 0.05)
