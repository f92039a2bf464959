"""Collapse: stable's good answers speak too, validly, and only beside bad ones of the candidate."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from falaj.domain.plan import GuardSettings, Plan, PlanKind
from falaj.domain.verdict import BadEvents, Counts, Outcome
from falaj.errors import ConfigurationError, GuardInputError
from falaj.guard import COLLAPSE_LEVEL, Guard, Objective, log_collapse
from falaj.guard.collapse import CANDIDATE_FAILS, STABLE_FAILS

SHARES = st.floats(1e-3, 0.5)
STRICT = Guard.from_settings(GuardSettings(false_rollback=0.001))


def served(candidate, stable, share, bad=(0, 0)):
    """Requests of both at one share, and how many of each were errors."""
    events = BadEvents(objective="error", candidate=bad[0], stable=bad[1])
    return Counts(share=share, candidate_requests=candidate, stable_requests=stable, bad=(events,))


def uncapped(share):
    """Return the factors of a request: bad and good on the candidate, bad and good on stable."""
    either = share * CANDIDATE_FAILS + (1 - share) * STABLE_FAILS
    return (
        CANDIDATE_FAILS / either,
        (1 - CANDIDATE_FAILS) / (1 - either),
        STABLE_FAILS / either,
        (1 - STABLE_FAILS) / (1 - either),
    )


@given(SHARES, st.floats(0, 1), st.floats(0, 1))
def test_no_request_is_evidence_on_average(share, stable_rate, part):
    """However likely a request is to fail: if it is no likelier on the candidate, a fair bet."""
    rate = stable_rate * part
    bad, good, stable_bad, stable_good = uncapped(share)
    mean = share * (rate * bad + (1 - rate) * good)
    mean += (1 - share) * (stable_rate * stable_bad + (1 - stable_rate) * stable_good)
    assert mean <= 1 + 1e-9


@given(*[st.integers(0, 500)] * 4, SHARES)
def test_never_more_than_the_product_of_its_requests(bad, good, stable_bad, stable_good, share):
    """What is left out of stable's good answers only makes it smaller."""
    logs = [math.log(factor) for factor in uncapped(share)]
    counts = (bad, good, stable_bad, stable_good)
    product = sum(count * value for count, value in zip(counts, logs, strict=True))
    found = log_collapse(((*counts, share),))
    assert found <= product + 1e-9
    expected = bad * (1 - share) / share
    if stable_good <= expected:
        assert found == pytest.approx(product, abs=1e-9)


@given(st.integers(0, 10**6), SHARES)
def test_no_bad_request_is_no_evidence(stable_good, share):
    """A candidate whose requests nobody counted has not collapsed."""
    assert log_collapse(((0, 0, 0, stable_good, share),)) == 0.0


def test_shares_multiply():
    """Two stretches say what both say."""
    first, second = (1, 0, 0, 9, 0.05), (2, 1, 1, 12, 0.25)
    apart = log_collapse((first,)) + log_collapse((second,))
    assert log_collapse((first, second)) == pytest.approx(apart)


def test_a_count_below_zero_is_refused():
    """A counter that went backwards is a fault, not evidence."""
    with pytest.raises(GuardInputError, match="candidate_good is -1"):
        log_collapse(((1, -1, 0, 1, 0.1),))


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05, 0.07, 0.1])
def test_total_failure_rolls_back_at_the_third_bad_request_at_one_in_a_thousand(share):
    """Three of three failed, and all of stable's were right meanwhile."""
    rest = round(3 * (1 - share) / share)
    assert STRICT.verdict((served(3, rest, share, bad=(3, 0)),)).outcome is Outcome.ROLL_BACK
    assert STRICT.verdict((served(1, rest, share, bad=(1, 0)),)).outcome is Outcome.INCONCLUSIVE


def test_an_outage_of_both_is_no_collapse():
    """At 10 % three in a row are the candidate's in one of a thousand outages: not enough."""
    assert STRICT.verdict((served(3, 0, 0.1, bad=(3, 0)),)).outcome is Outcome.INCONCLUSIVE
    assert STRICT.verdict((served(3, 27, 0.1, bad=(3, 27)),)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_false_rollback_with_a_look_after_every_request(share, rate):
    """Both fail alike; collapse alone fires at most α of the time, in exact steps."""
    rng, paths, level = np.random.default_rng(7), 4000, 0.05
    is_ours = rng.random((paths, 400)) < share
    is_bad = rng.random((paths, 400)) < rate
    bad, good, stable_bad, stable_good = (
        part.cumsum(axis=1)
        for part in (is_ours & is_bad, is_ours & ~is_bad, ~is_ours & is_bad, ~is_ours & ~is_bad)
    )
    logs = [math.log(factor) for factor in uncapped(share)]
    counted = np.minimum(stable_good, bad * (1 - share) / share)
    evidence = sum(
        part * value for part, value in zip((bad, good, stable_bad, counted), logs, strict=True)
    )
    assert (evidence >= -math.log(level)).any(axis=1).mean() <= level
    last = (int(bad[0, -1]), int(good[0, -1]), int(stable_bad[0, -1]), int(stable_good[0, -1]))
    assert log_collapse(((*last, share),)) == pytest.approx(evidence[0, -1])


def test_collapse_is_looked_for_where_bad_events_alone_cannot_tell():
    """From α = 1 % up, errors keep their whole weight; a shadow is never looked at for it."""

    def parts(guard):
        return {one.name: one.collapse_part for one in guard.objectives if one.collapse_part}

    assert parts(Guard.from_settings(GuardSettings(false_rollback=COLLAPSE_LEVEL))) == {}
    assert parts(STRICT) == {"error": 0.25}
    strict = GuardSettings(false_rollback=0.001)
    shadows = [
        Plan(kind=PlanKind.SHADOW, guard=strict, shadow_mismatch=part) for part in (0.01, 1.0)
    ]
    assert [parts(Guard.from_plan(plan)) for plan in shadows] == [{}, {}]
    assert parts(Guard.from_plan(Plan(kind=PlanKind.CANARY, guard=strict))) == {"error": 0.25}


def test_shares_without_bad_events_count():
    """At another share the candidate answered right: it has not collapsed."""
    failing, fine = served(3, 27, 0.1, bad=(3, 0)), served(50, 50, 0.5)
    silent = Counts(share=0.5, candidate_requests=50, stable_requests=50)
    outcomes = [STRICT.verdict(seen).outcome for seen in ((failing, fine), (failing, silent))]
    assert outcomes == [Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE]


def test_a_whole_objective_cannot_look_for_collapse_alone():
    """A candidate that fails half of its requests has not collapsed, and is harmful."""
    with pytest.raises(ConfigurationError, match=r"collapse part 1\.0"):
        Objective(name="error", weight=1.0, collapse_part=1.0)
