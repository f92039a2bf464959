"""Proof of safety: bounds that hold at all times, and silence that proves nothing."""

import math

import pytest
from hypothesis import given, strategies as st

from falaj.errors import GuardInputError
from falaj.guard import (
    log_rate_below,
    log_relative_risk_below,
    rate_upper_bound,
    relative_risk_upper_bound,
)

SHARES = st.floats(0.001, 0.999)


def test_no_bad_event_bounds_no_relative_risk():
    """Two versions without a failure may still differ a thousandfold."""
    assert relative_risk_upper_bound(((0, 0, 0.05),)) == math.inf


def test_no_bad_event_on_stable_bounds_no_relative_risk():
    """Failures of the candidate alone bound nothing from above."""
    assert relative_risk_upper_bound(((7, 0, 0.05),)) == math.inf


def test_bound_corrects_for_the_share():
    """At a share of 5 % equal risks show as 1 in 20, at a half as 1 in 2."""
    small = relative_risk_upper_bound(((500, 9_500, 0.05),))
    half = relative_risk_upper_bound(((5_000, 5_000, 0.5),))
    assert 1.0 < half < small < 1.3


def test_shares_add_up():
    """What is known at two shares is known together."""
    apart = relative_risk_upper_bound(((10, 190, 0.05),))
    together = relative_risk_upper_bound(((10, 190, 0.05), (100, 300, 0.25)))
    assert together < apart


@given(st.integers(0, 50), st.integers(0, 500), SHARES)
def test_bound_is_where_the_evidence_reaches_the_level(candidate, stable, share):
    """Just above the bound is ruled out, just below is not."""
    bad = ((candidate, stable, share),)
    bound = relative_risk_upper_bound(bad, 0.05)
    if math.isfinite(bound) and bound > 1e-8:
        assert log_relative_risk_below(bad, bound * 1.0001) >= math.log(20)
        assert log_relative_risk_below(bad, bound * 0.9999) < math.log(20)


@given(SHARES, st.sampled_from([0.5, 1.0, 2.0, 5.0]))
def test_a_harmful_candidate_wins_no_fair_bet(share, risk):
    """At the risk to be ruled out, each event multiplies E by 1 on average."""
    chance = share * risk / (share * risk + 1 - share)
    hit = math.exp(log_relative_risk_below(((1, 0, share),), risk))
    missed = math.exp(log_relative_risk_below(((0, 1, share),), risk))
    assert chance * hit + (1 - chance) * missed == pytest.approx(1.0, rel=1e-9)


@given(st.floats(0.001, 0.999))
def test_a_bad_rate_wins_no_fair_bet(rate):
    """At the rate to be ruled out, each request multiplies E by 1 on average."""
    bad = math.exp(log_rate_below(1, 1, rate))
    good = math.exp(log_rate_below(0, 1, rate))
    assert rate * bad + (1 - rate) * good == pytest.approx(1.0, rel=1e-9)


def test_exposure_alone_bounds_the_rate():
    """No failure in 226 requests rules out 2 %; in 225 it does not."""
    assert rate_upper_bound(0, 225, 0.025) > 0.02 >= rate_upper_bound(0, 226, 0.025)


def test_nothing_served_bounds_no_rate():
    """Silence is not safety."""
    assert rate_upper_bound(0, 0) == 1.0


@pytest.mark.parametrize("rate", [0.0, 1.0, math.nan, True])
def test_rate_to_be_ruled_out_is_a_probability(rate):
    """A rate of 0 or 1 asks nothing."""
    with pytest.raises(GuardInputError, match="rate"):
        log_rate_below(0, 10, rate)


def test_relative_risk_to_be_ruled_out_is_above_nothing():
    """Nobody is at no risk at all."""
    with pytest.raises(GuardInputError, match="relative_risk"):
        log_relative_risk_below(((1, 1, 0.5),), 0.0)
