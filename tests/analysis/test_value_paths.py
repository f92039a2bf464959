"""Simulated z-values of sums, ratios and adjusted metrics are those that reports compute."""

import numpy as np
import pytest

from analysis.effects import effect_between
from analysis.moments import Moments
from analysis.value_paths import simulate_values

UNITS, LOOKS = 2_000, 5


def ratio(rng, size):
    """Draw clicks over requests."""
    requests = 1.0 + rng.geometric(0.2, size)
    return rng.binomial(requests.astype(int), 0.1).astype(float), requests, np.zeros(size)


def habit(rng, size):
    """Draw values that follow a covariate."""
    covariate = rng.lognormal(0, 0.7, size)
    return covariate + rng.normal(0, 0.5, size), np.ones(size), covariate


@pytest.mark.parametrize(
    ("draw", "kind"), [(ratio, "is_ratio"), (habit, "is_adjusted")], ids=["ratio", "cuped"]
)
def test_simulation_measures_the_code_that_reports_use(draw, kind):
    """The first run of a simulation, computed unit by unit, has the same z at every look."""
    paths = simulate_values(
        draw, share=0.3, units=UNITS, looks=LOOKS, runs=3, seed=5, **{kind: True}
    )
    rng = np.random.default_rng(5)
    value, denominator, covariate = draw(rng, (3, UNITS))
    in_arm = rng.random((3, UNITS)) < 0.3

    expected, events = [], []
    for look in range(1, LOOKS + 1):
        end = look * UNITS // LOOKS
        rows = np.column_stack(
            [value[0, :end], denominator[0, :end], covariate[0, :end], np.zeros(end)]
        )
        control = Moments.of(rows[~in_arm[0, :end]])
        arm = Moments.of(rows[in_arm[0, :end]])
        expected.append(effect_between(control, arm, **{kind: True}).z)
        events.append(min(control.events, arm.events))

    assert paths.z()[0] == pytest.approx(expected, rel=1e-9)
    assert list(paths.fewest_events[0]) == events
    assert list(paths.units) == [400, 800, 1200, 1600, 2000]
