"""The statistics are those of the textbooks, and hold their promises."""

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency, false_discovery_control

from falaj.drift.comparison import (
    benjamini_hochberg,
    chi_squared_tail,
    compare,
    is_enough,
    joined,
    rows_needed,
)


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 10, 39])
@pytest.mark.parametrize("statistic", [0.0, 0.5, 4.0, 20.0, 300.0])
def test_tail_is_scipys(degrees, statistic):
    """A p-value is the one that everybody else computes."""
    expected = chi2.sf(statistic, degrees)
    assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-10)


def test_statistic_is_pearsons_of_homogeneity():
    """Two samples beside each other, neither of them taken for the truth."""
    ours = compare([90, 110, 200], [40, 30, 30])
    theirs = chi2_contingency([[90, 110, 200], [40, 30, 30]], correction=False)
    assert (ours.chi_squared, ours.degrees, ours.p_value) == pytest.approx(
        (theirs.statistic, theirs.dof, theirs.pvalue)
    )


def test_rejections_are_benjamini_and_hochbergs():
    """The same features as by adjusted p-values."""
    p_values = np.random.default_rng(1).beta(0.5, 3, size=40)
    assert benjamini_hochberg(p_values.tolist(), 0.1) == (
        (false_discovery_control(p_values) <= 0.1).tolist()
    )


def test_nothing_is_rejected_of_nothing():
    """A window in which no feature has enough rows says nothing."""
    assert benjamini_hochberg([], 0.05) == []


def test_rare_bins_are_joined_until_five_are_expected():
    """No single odd row makes an alarm."""
    found = joined([500, 480, 15, 3, 2, 0], [500, 495, 2, 1, 1, 1])
    assert found == [(480, 495), (500, 500), (20, 5)]


def test_one_bin_tells_nothing():
    """A constant feature cannot drift within its bin."""
    found = compare([400, 0], [100, 0])
    assert (found.degrees, found.p_value, found.psi) == (0, 1.0, 0.0)


def test_a_new_category_is_seen_though_the_reference_has_none():
    """Half of all rows where there was no row before."""
    found = compare([400, 0], [50, 50])
    assert (found.p_value < 1e-20, found.psi > 1) == (True, True)


def test_bias_of_the_index_is_taken_off():
    """Small samples of the same source are about 0 apart, not 0.1."""
    rng = np.random.default_rng(5)
    share = np.full(10, 0.1)
    found = [
        compare(rng.multinomial(400, share).tolist(), rng.multinomial(120, share).tolist()).psi
        for _ in range(2000)
    ]
    bias = 9 * (1 / 400 + 1 / 120)
    assert abs(np.mean(found)) < bias / 10


def test_p_values_are_uniform_where_nothing_differs():
    """At a level of 5 % some 5 % are rejected, edges of the sample's own deciles included."""
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(1000):
        known, now = rng.normal(size=500), rng.normal(size=300)
        edges = np.quantile(known, np.arange(1, 10) / 10, method="inverted_cdf")
        first = np.bincount(np.searchsorted(edges, known, side="right"), minlength=10)
        second = np.bincount(np.searchsorted(edges, now, side="right"), minlength=10)
        rejected += compare(first.tolist(), second.tolist()).p_value <= 0.05
    assert 30 <= rejected <= 70


def test_enough_is_where_noise_is_half_of_delta():
    """As many reference rows as are asked for, and as many again, suffice; one less does not."""
    rows = rows_needed(bins=10, delta=0.1)
    assert [is_enough(n, n, bins=10, delta=0.1) for n in (rows - 1, rows, 0)] == [
        False,
        True,
        False,
    ]
