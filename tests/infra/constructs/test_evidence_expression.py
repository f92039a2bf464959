"""Promise: the alarm that needs no controller computes the guard's own evidence, conservatively."""

import math
import random
from datetime import timedelta

import pytest

from falaj.guard import RELATIVE_RISKS, Evidence
from infra.constructs.evidence_expression import (
    evidence_expression,
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
    return evaluate(evidence_expression(), metrics, [0])[0]


@pytest.mark.parametrize(
    ("candidate_bad", "stable_bad"), [(0, 0), (3, 0), (10, 2), (5, 95), (500, 500), (4000, 0)]
)
def test_it_is_the_guard_s_evidence_less_the_price_of_choosing(candidate_bad, stable_bad):
    """The largest member lies between the mixture and the mixture's number of members."""
    value = _alarm_value(
        candidate_bad=candidate_bad,
        all_bad=candidate_bad + stable_bad,
        candidate_requests=5000,
        all_requests=100_000,
    )
    exact = Evidence().add(candidate_bad, stable_bad, 0.05).log10
    tolerance = 1e-5 * (1 + candidate_bad + stable_bad)  # the coefficients have six digits
    assert exact - tolerance <= value <= exact + math.log10(len(RELATIVE_RISKS)) + tolerance


def test_the_expression_fits_cloudwatch():
    """PutMetricAlarm refuses expressions that are too long."""
    assert len(evidence_expression()) <= LONGEST_EXPRESSION


def test_without_traffic_there_is_no_datapoint():
    """Zero requests divide nothing: missing data, not an alarm."""
    assert evaluate(share_expression(), {"cr": {0: 0.0}, "tr": {0: 0.0}}, [0]) == {}


def test_a_harmless_candidate_rarely_reaches_the_threshold():
    """With bad events drawn at random among the requests, α holds over all looks of a rollout."""
    rng = random.Random(20261122)
    minutes, false_rollback = 30, 0.2
    threshold = evidence_threshold(
        false_rollback=false_rollback, watched_for=timedelta(minutes=minutes)
    )
    fired = 0
    rollouts = 100
    for _ in range(rollouts):
        for _ in range(minutes):
            candidate_bad = sum(rng.random() < 0.1 for _ in range(20))
            value = _alarm_value(
                candidate_bad=candidate_bad,
                all_bad=20,
                candidate_requests=100,
                all_requests=1000,
            )
            if value >= threshold:
                fired += 1
                break
    assert fired / rollouts <= false_rollback


@pytest.mark.parametrize(("alpha", "minutes"), [(0.05, 10), (0.01, 30), (0.001, 1)])
def test_more_looks_and_smaller_risk_demand_more_evidence(alpha, minutes):
    """The threshold pays for every look and every alternative."""
    threshold = evidence_threshold(false_rollback=alpha, watched_for=timedelta(minutes=minutes))
    assert threshold == pytest.approx(math.log10(8 * minutes / alpha))
