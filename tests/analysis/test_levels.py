"""A/A tests find a difference no more often than promised, and A/B tests find one soon enough."""

import numpy as np
import pytest

from analysis.boundaries import even_fractions, spending_boundary
from analysis.effects import effect_between
from analysis.mismatch import log_mismatch
from analysis.moments import Moments
from analysis.planning import Question
from analysis.sequences import sequence_critical
from analysis.simulation import (
    Paths,
    confidence_sequence,
    group_sequential,
    growthbook_sequential,
    peeked_z,
    simulate_rates,
    stops,
)

RUNS = 2_000
ALPHA = 0.05


def aa(base, share):
    """Simulate A/A tests with 100 looks over 10,000 units."""
    return simulate_rates((base, base), share=share, units=10_000, looks=100, runs=RUNS, seed=7)


@pytest.mark.parametrize("base", [0.01, 0.05])
@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize(
    "method",
    [group_sequential(), confidence_sequence()],
    ids=["group_sequential", "confidence_sequence"],
)
def test_a_hundred_looks_keep_the_level(base, share, method):
    """Looking a hundred times finds a difference that is not there in at most 5 % of tests."""
    done = stops(aa(base, share), method)

    assert done.found <= ALPHA + 2 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5


def test_peeking_at_a_z_test_breaks_the_level():
    """What we replace finds something in three of ten A/A tests."""
    assert stops(aa(0.05, 0.5), peeked_z()).found > 0.3


def test_growthbook_formula_breaks_the_level_in_a_small_arm():
    """The same boundary without a minimum of events fails where events are few."""
    assert stops(aa(0.01, 0.1), growthbook_sequential()).found > 0.2


def test_simulated_error_is_the_reported_error():
    """The simulation measures the code that reports use."""
    path = Paths(
        control_units=np.array([[900]]),
        arm_units=np.array([[100]]),
        control_events=np.array([[40]]),
        arm_events=np.array([[9]]),
    )
    rows = np.zeros((1_000, 4))
    rows[:40, 0] = rows[900:909, 0] = 1

    effect = effect_between(Moments.of(rows[:900]), Moments.of(rows[900:]))

    assert path.z()[0, 0] == pytest.approx(effect.z, rel=1e-9)


def _paths_of_z(draw, *, is_ratio=False, is_adjusted=False, runs=60):
    """Look 20 times at A/A tests of another metric, through the code that reports use."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        rows, in_arm = draw(rng), rng.random(4_000) < 0.3
        control, arm, path = Moments(), Moments(), []
        for start in range(0, 4_000, 200):
            part, mine = rows[start : start + 200], in_arm[start : start + 200]
            control = control.merged(Moments.of(part[~mine]))
            arm = arm.merged(Moments.of(part[mine]))
            z = effect_between(control, arm, is_ratio=is_ratio, is_adjusted=is_adjusted).z
            path.append(z if min(control.events, arm.events) >= 20 else 0.0)
        found.append(path)
    return np.abs(np.array(found))


def _ratio(rng):
    requests = 1 + rng.geometric(0.2, 4_000)
    clicks = rng.binomial(requests, rng.beta(1, 9, 4_000))
    return np.column_stack([clicks, requests, np.zeros(4_000), np.zeros(4_000)]).astype(float)


def _covariate(rng):
    habit = rng.lognormal(0, 0.7, 4_000)
    value = habit + rng.normal(0, 0.5, 4_000)
    return np.column_stack([value, np.ones(4_000), habit, np.zeros(4_000)])


@pytest.mark.parametrize(
    ("draw", "is_ratio"), [(_ratio, True), (_covariate, False)], ids=["ratio", "cuped"]
)
def test_ratio_and_adjusted_metrics_keep_the_level(draw, is_ratio):
    """Delta method and CUPED find nothing more often than promised either."""
    z = _paths_of_z(draw, is_ratio=is_ratio, is_adjusted=not is_ratio)
    planned = np.array(spending_boundary(even_fractions(20), ALPHA))
    anytime = np.array([sequence_critical(200 * (k + 1), 4_000, ALPHA) for k in range(20)])

    limit = ALPHA + 2.5 * (ALPHA * (1 - ALPHA) / len(z)) ** 0.5
    assert (z >= planned).any(axis=1).mean() <= limit
    assert (z >= anytime).any(axis=1).mean() <= limit


def test_group_sequential_needs_at_most_13700_units():
    """5 % → 6 %: at 80 % power the average test ends before 13,700 units."""
    plan = Question.rates(0.05, 0.06).group_sequential(20)

    assert plan.power == pytest.approx(0.8, abs=1e-6)
    assert 12_440 < plan.mean_units <= 13_700


def test_confidence_sequence_needs_at_most_19000_units():
    """5 % → 6 %: at 80 % power the average test ends before 19,000 units."""
    plan = Question.rates(0.05, 0.06).confidence_sequence()

    assert plan.power == pytest.approx(0.8, abs=2e-3)
    assert plan.mean_units <= 19_000


@pytest.mark.parametrize(
    ("units", "looks", "method", "most"),
    [
        (17_840, 20, group_sequential(), 13_700),
        (28_250, 50, confidence_sequence(tuned_units=16_310), 19_000),
    ],
    ids=["group_sequential", "confidence_sequence"],
)
def test_simulation_confirms_the_plan(units, looks, method, most):
    """The computed power and mean are what happens."""
    paths = simulate_rates((0.05, 0.06), share=0.5, units=units, looks=looks, runs=RUNS, seed=3)

    done = stops(paths, method)

    assert done.upward >= 0.8 - 2 * (0.16 / RUNS) ** 0.5
    assert done.mean_units <= most


def test_counting_requests_of_sticky_subjects_breaks_the_level():
    """A subject who asks twenty times is one subject."""
    runs, by_request, by_subject = 120, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        asked = rng.geometric(0.05, 1_000)
        worked = rng.binomial(asked, rng.beta(0.5, 4.5, 1_000))
        mine = rng.random(1_000) < 0.5
        rows = np.column_stack([worked, asked, asked * 0, asked * 0]).astype(float)
        counted = Paths(
            control_units=np.array([[asked[~mine].sum()]]),
            arm_units=np.array([[asked[mine].sum()]]),
            control_events=np.array([[worked[~mine].sum()]]),
            arm_events=np.array([[worked[mine].sum()]]),
        )
        effect = effect_between(Moments.of(rows[~mine]), Moments.of(rows[mine]), is_ratio=True)
        by_request += abs(counted.z()[0, 0]) >= 1.96
        by_subject += abs(effect.z) >= 1.96

    assert by_request / runs > 0.3
    assert by_subject / runs <= ALPHA + 2.5 * (ALPHA * (1 - ALPHA) / runs) ** 0.5


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_sample_ratio_test_keeps_its_level_at_every_look(share):
    """A true split is called broken in at most 5 % of experiments at a level of 5 %."""
    rng, runs = np.random.default_rng(9), 400
    arm = np.cumsum(rng.binomial(200, share, (runs, 50)), axis=1)
    total = 200 * np.arange(1, 51)

    broken = sum(
        any(
            log_mismatch([int(a), int(n - a)], [share, 1 - share], concentration=100) >= np.log(20)
            for a, n in zip(run, total, strict=True)
        )
        for run in arm
    )

    assert broken / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


def test_broken_split_is_found():
    """Losing 4 % of one arm is found before 100,000 units."""
    assert log_mismatch([50_000, 48_000], [0.5, 0.5]) > np.log(1_000)
