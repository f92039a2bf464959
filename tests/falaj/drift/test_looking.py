"""A version has drifted when two of its last three windows say so, and not otherwise."""

import numpy as np
import pytest
from scipy.stats import norm

from falaj.drift.counting import Counters
from falaj.drift.looking import State, Window, look, merged
from tests.falaj.drift.references import reference_of

FEATURES, REFERENCE_ROWS, ROWS = 30, 500, 200
KEY = ("input", "x")


def normal(rng, rows, *, shift=0.0):
    """Make rows of which only the first feature may be off."""
    values = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    values[:, 0] += shift
    return values


def window_of(reference, values, since=0):
    """Count rows as a function does."""
    counters = Counters(reference, {KEY: FEATURES}, {KEY: "float32"})
    counters.count({"x": values}, (), ())
    counts, _ = counters.take()
    return Window(since=since, counts=tuple(map(tuple, counts)))


@pytest.fixture(scope="module")
def reference():
    """Register 500 rows."""
    return reference_of(normal(np.random.default_rng(3), REFERENCE_ROWS))


def looked(reference, *shifts, rows=ROWS):
    """Look at one window for each shift."""
    rng = np.random.default_rng(4)
    return look(
        reference, [window_of(reference, normal(rng, rows, shift=shift)) for shift in shifts]
    )


def test_two_shifted_windows_of_three_are_drift(reference):
    """Half a standard deviation in one of thirty features."""
    found = looked(reference, 0.0, 0.6, 0.6)
    assert (found.state, found.drifted) == (State.DRIFTED, ("x0",))


def test_one_shifted_window_is_none(reference):
    """A bad hour is not a changed world."""
    assert looked(reference, 0.0, 0.0, 0.6).state is State.STEADY


def test_a_shift_that_is_over_is_forgotten(reference):
    """Only the last three windows count."""
    assert looked(reference, 0.6, 0.6, 0.0, 0.0, 0.0).state is State.STEADY


def test_few_rows_say_nothing(reference):
    """A quiet night is neither steady nor drifted."""
    assert looked(reference, 1.0, 1.0, 1.0, rows=20).state is State.NOT_ENOUGH


def test_windows_without_any_request_say_nothing(reference):
    """Nobody asked."""
    found = look(reference, [Window(since=each) for each in range(3)])
    assert (found.state, found.psi) == (State.NOT_ENOUGH, 0.0)


def test_a_small_but_certain_shift_is_not_drift():
    """With many rows anything is significant; what is below delta does not matter."""
    reference = reference_of(normal(np.random.default_rng(3), 5000))
    found = looked(reference, 0.2, 0.2, 0.2, rows=20_000)
    newest = next(each for each in found.looks[-1] if each.feature.name == "x0")
    assert (found.state, newest.is_rejected) == (State.STEADY, True)


def test_worst_feature_is_told_first(reference):
    """Whoever reads the report sees at once where to look."""
    told = looked(reference, 0.6, 0.6, 0.6).to_dict()
    assert (told["features"][0]["name"], told["features"][0]["drifted"]) == ("x0", True)


def test_a_line_that_came_twice_counts_once(reference):
    """CloudWatch Logs delivers at least once."""
    counts = [list(feature.counts) for feature in reference.features]
    lines = [{"id": "a", "counts": counts}, {"id": "b", "counts": counts}]
    once, twice = merged(reference, 0, lines), merged(reference, 0, [*lines, lines[0]])
    assert (twice, twice.rows) == (once, 2 * REFERENCE_ROWS)


def test_false_alarms_stay_below_what_was_chosen():
    """Looks every window, thirty features that stay, references of their own: at most 1 in 100."""
    rng = np.random.default_rng(9)
    alarms = looks = 0
    for _ in range(25):
        reference = reference_of(normal(rng, 300))
        truth = [
            np.diff(norm.cdf([-np.inf, *feature.edges, np.inf])) for feature in reference.features
        ]
        windows = [
            Window(since=at, counts=tuple((*rng.multinomial(150, p), 0) for p in truth))
            for at in range(12)
        ]
        for end in range(3, len(windows) + 1):
            looks += 1
            alarms += look(reference, windows[:end]).state is State.DRIFTED
    assert (looks, alarms <= looks * 0.01) == (250, True)
