"""Promise: the alarm that needs no controller computes the guard's own evidence, conservatively."""

import math
from datetime import timedelta

import pytest

from falaj.guard import ALARMS_PART, RISK_WEIGHTS, Evidence
from infra.constructs.evidence_expression import (
    TOLERATED_RATE,
    Windows,
    alone_expression,
    compared_expression,
    evidence_threshold,
    share_expression,
)
from local_region.cloudwatch.expressions import evaluate

LONGEST_EXPRESSION = 2048  # MetricDataQuery.Expression, API_MetricDataQuery.html


def _alarm_value(*, candidate_bad, all_bad, candidate_requests, all_requests):
    metrics = {
        "cb": {0: float(candidate_bad)},
        "tb": {0: float(all_bad)},
        "cr": {0: float(candidate_requests)},
        "tr": {0: float(all_requests)},
    }
    metrics["w"] = evaluate(share_expression(), metrics, [0])
    return evaluate(compared_expression(), metrics, [0])[0]


@pytest.mark.parametrize(
    ("candidate_bad", "stable_bad"), [(0, 0), (3, 0), (10, 2), (5, 95), (500, 500), (4000, 0)]
)
def test_it_is_at_most_the_guard_s_evidence_and_nearly_that(candidate_bad, stable_bad):
    """The largest weighted member lies between a member's weight less than the mixture and it."""
    value = _alarm_value(
        candidate_bad=candidate_bad,
        all_bad=candidate_bad + stable_bad,
        candidate_requests=5000,
        all_requests=100_000,
    )
    exact = Evidence().add(candidate_bad, stable_bad, 0.05).log10
    tolerance = 1e-3 + 1e-5 * (candidate_bad + stable_bad)  # coefficients are rounded
    assert exact - math.log10(len(RISK_WEIGHTS)) - tolerance <= value <= exact + tolerance


@pytest.mark.parametrize(("bad", "good"), [(0, 0), (3, 0), (10, 200), (1, 500), (300, 0)])
def test_alone_it_weighs_requests_against_what_is_tolerated(bad, good):
    """As the guard does for all_at_once: requests for events, the rate for the share."""
    metrics = {"cb": {0: float(bad)}, "cr": {0: float(bad + good)}}
    value = evaluate(alone_expression(), metrics, [0])[0]
    exact = Evidence().add(bad, good, TOLERATED_RATE).log10
    tolerance = 1e-3 + 1e-5 * (bad + good)
    assert exact - math.log10(len(RISK_WEIGHTS)) - tolerance <= value <= exact + tolerance


def test_the_expression_fits_cloudwatch():
    """PutMetricAlarm refuses expressions that are too long."""
    for expression in (compared_expression(), alone_expression()):
        assert len(expression) <= LONGEST_EXPRESSION


def test_without_traffic_there_is_no_datapoint():
    """Zero requests divide nothing: missing data, not an alarm."""
    assert evaluate(share_expression(), {"cr": {0: 0.0}, "tr": {0: 0.0}}, [0]) == {}


def exceeds_by_chance(*, requests, candidate, bad, threshold):
    """Return the exact chance that a window is red, bad events falling at random on requests."""
    ways = math.comb(requests, bad)
    return sum(
        math.comb(candidate, hit) * math.comb(requests - candidate, bad - hit) / ways
        for hit in range(max(0, bad - requests + candidate), min(candidate, bad) + 1)
        if _alarm_value(
            candidate_bad=hit,
            all_bad=bad,
            candidate_requests=candidate,
            all_requests=requests,
        )
        >= threshold
    )


@pytest.mark.parametrize("bad", [1, 5, 30, 150, 500])
@pytest.mark.parametrize("candidate", [3, 10, 50, 250])
@pytest.mark.parametrize("level", [0.5, 0.05, 0.01])
def test_a_harmless_candidate_s_window_is_red_with_its_level(bad, candidate, level):
    """Drawn without replacement, exactly: whatever the rate of bad requests in the window."""
    chance = exceeds_by_chance(
        requests=500, candidate=candidate, bad=bad, threshold=-math.log10(level)
    )
    assert chance <= level


def test_a_window_that_holds_a_change_of_share_can_lie():
    """Why one is not enough: 200 s without a share, then 100 s of a shared outage at 5 %."""
    threshold = evidence_threshold(
        false_rollback=0.01, watched_for=timedelta(hours=2), windows=windows(2, 2)
    )
    before, after = 10_000, 5_000
    outage = {
        "candidate_bad": after * 0.05 * 0.3,
        "all_bad": after * 0.3,
        "candidate_requests": after * 0.05,
    }
    straddling = _alarm_value(**outage, all_requests=before + after)
    clean = _alarm_value(**outage, all_requests=after)
    assert clean < 0 < threshold < straddling


def windows(needed, of, seconds=60):
    """How an alarm looks."""
    return Windows(period=timedelta(seconds=seconds), needed=needed, of=of)


@pytest.mark.parametrize(("alpha", "minutes"), [(0.05, 10), (0.01, 30), (0.001, 1)])
def test_more_looks_and_smaller_risk_demand_more_evidence(alpha, minutes):
    """The threshold pays for every look of each of four alarms, out of a twentieth of α."""
    for_each = ALARMS_PART * alpha / (4 * minutes)
    known = {"false_rollback": alpha, "watched_for": timedelta(minutes=minutes)}

    # One of two, or of three, windows is without a change of share: any of them may be it.
    assert evidence_threshold(**known, windows=windows(2, 2)) == pytest.approx(
        -math.log10(for_each / 2)
    )
    assert evidence_threshold(**known, windows=windows(2, 3)) == pytest.approx(
        -math.log10(for_each / 3)
    )
    # Two of three are, each on its own; and they are looked at six times a minute.
    assert evidence_threshold(**known, windows=windows(3, 3, seconds=20)) == pytest.approx(
        -math.log10(for_each / 6 / 3) / 2
    )


def test_looking_for_total_failure_alone_is_sooner_sure():
    """Fewer alternatives to choose from; stable's usual errors are borne by the smallest."""
    metrics = {"cb": {0: 5.0}, "tb": {0: 6.0}, "w": {0: 0.05}}
    fatal = evaluate(compared_expression(is_fatal=True), metrics, [0])[0]
    usual = evaluate(compared_expression(), metrics, [0])[0]
    assert fatal > usual
