"""Requests are split as declared, and a subject counts once."""

import math

import numpy as np
import pytest

from falaj.errors import GuardInputError
from falaj.guard import first_bad_events, log_mismatch


def test_declared_split_is_believed():
    """A split that is as declared never reaches the level, at any length."""
    for requests in (20, 200, 20_000, 2_000_000):
        assert log_mismatch(((requests // 20, requests - requests // 20, 0.05),)) < 0


def test_doubled_share_is_found():
    """A weight that was not applied as written."""
    assert log_mismatch(((100, 900, 0.05),)) > math.log(1000)


def test_lost_candidate_requests_are_found():
    """Crashes that leave no record make the candidate's requests too few."""
    assert log_mismatch(((200, 9_800, 0.05),)) > math.log(1000)


def test_long_clean_history_hides_no_mismatch():
    """Days at one share do not outweigh what goes wrong at the next."""
    clean = (50_000, 950_000, 0.05)
    assert log_mismatch((clean, (350, 650, 0.25))) > math.log(1000)


def test_empty_history_is_no_mismatch():
    """Nothing served, nothing wrong."""
    assert log_mismatch(()) == -math.inf


def test_each_request_is_a_fair_bet():
    """If the split is as declared, a request multiplies the evidence by 1 on average."""
    for before in ((0, 0), (3, 40), (30, 100)):
        now = math.exp(log_mismatch(((*before, 0.05),)))
        candidate = math.exp(log_mismatch(((before[0] + 1, before[1], 0.05),)))
        stable = math.exp(log_mismatch(((before[0], before[1] + 1, 0.05),)))
        assert 0.05 * candidate + 0.95 * stable == pytest.approx(now, rel=1e-9)


def test_false_mismatches_are_rare_with_continuous_looking():
    """1,000 correct splits, looked at 100 times each: at most 1 % may ever be called wrong."""
    rng = np.random.default_rng(7)
    candidate = rng.binomial(50, 0.05, size=(1000, 100)).cumsum(axis=1)
    level = math.log(100)
    wrong = 0
    for path in candidate.tolist():
        wrong += any(
            log_mismatch(((c, 50 * look - c, 0.05),)) >= level
            for look, c in enumerate(path, start=1)
        )
    assert wrong / 1000 <= 0.01


def test_counts_are_checked():
    """A share of all or nothing has no ratio."""
    with pytest.raises(GuardInputError):
        log_mismatch(((1, 0, 1.0),))


def test_subject_counts_with_its_first_bad_event():
    """One unlucky subject failing a hundred times is one event."""
    events = [("a", True)] * 100 + [("b", False), ("a", False)]
    assert first_bad_events(events) == (1, 1, frozenset({"a", "b"}))


def test_subject_counted_before_is_not_counted_again():
    """The next look starts where the last one ended."""
    _, _, seen = first_bad_events([("a", True)])
    assert first_bad_events([("a", True), ("c", True)], seen) == (1, 0, frozenset({"a", "c"}))
