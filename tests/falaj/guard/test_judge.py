"""The guard's verdict states its comparison, and calls nothing safe without proof."""

import pytest

from falaj.domain.plan import GuardSettings
from falaj.domain.verdict import BadEvents, Counts, Outcome
from falaj.errors import ConfigurationError, GuardInputError
from falaj.guard import DEFAULT_OBJECTIVES, Evidence, Guard, Objective

GUARD = Guard.from_settings(GuardSettings())
ERRORS_ONLY = Guard.from_settings(GuardSettings(objectives=("error",)))


def served(candidate, stable, share, **bad):
    """Counts at one share; each keyword is objective=(candidate's, stable's)."""
    events = tuple(BadEvents(objective=name, candidate=c, stable=s) for name, (c, s) in bad.items())
    return Counts(share=share, candidate_requests=candidate, stable_requests=stable, bad=events)


@pytest.mark.parametrize("share", [0.04, 0.05, 0.1])
def test_total_failure_rolls_back_at_the_third_bad_request(share):
    """With all four objectives watched at 1 %, two failures are chance, three are not."""
    rest = round(3 / share)
    two = GUARD.verdict((served(2, rest, share, error=(2, 0)),))
    three = GUARD.verdict((served(3, rest, share, error=(3, 0)),))
    assert (two.outcome, three.outcome) == (Outcome.INCONCLUSIVE, Outcome.ROLL_BACK)
    assert three.cause == "error"


def test_verdict_states_its_comparison():
    """The reason can be read and checked by hand."""
    seen = ERRORS_ONLY.verdict((served(300, 5_700, 0.05, error=(3, 0)),))
    assert seen.reasons == ("log10 E 2.94 ≥ 2.00 (error)",)
    assert seen.log_evidence == pytest.approx(Evidence().add(3, 0, 0.05).log10 - 2.0)


def test_objectives_share_the_level():
    """Evidence is weighed: a quarter of the weight needs four times the evidence."""
    halves = Guard(
        objectives=(Objective(name="error", weight=0.5), Objective(name="slow_p90", weight=0.5))
    )
    seen = halves.verdict((served(3, 60, 0.05, error=(3, 0)),))
    expected = (10 ** Evidence().add(3, 0, 0.05).log10 + 1) / 2
    assert 10 ** (seen.log_evidence + 2) == pytest.approx(expected)


def test_shared_outage_is_not_the_candidates_fault():
    """Everything fails on both: never a rollback, and never called safe by exposure."""
    seen = GUARD.verdict((served(500, 9_500, 0.05, error=(500, 9_500)),))
    assert seen.outcome is not Outcome.ROLL_BACK


def test_long_clean_service_is_safe():
    """Nobody failed, and enough requests say so."""
    seen = GUARD.verdict((served(300, 5_700, 0.05, slow_p90=(30, 570), slow_p99=(3, 57)),))
    assert seen.outcome is Outcome.SAFE
    assert "candidate requests 300 ≥ 100" in seen.reasons


def test_clean_but_short_service_is_inconclusive():
    """No failure in 150 requests does not rule out one in fifty."""
    seen = ERRORS_ONLY.verdict((served(150, 2_850, 0.05),))
    assert (seen.outcome, seen.cause) == (Outcome.INCONCLUSIVE, "error")
    assert seen.reasons[-1].startswith("error: rate bound 0.0299 > 0.02")


def test_no_traffic_is_inconclusive():
    """Zero requests, zero failures, no answer."""
    assert GUARD.verdict(()).outcome is Outcome.INCONCLUSIVE
    seen = GUARD.verdict((served(0, 0, 0.05),))
    assert seen.reasons[-1] == "candidate requests 0 < 100"


def test_one_request_an_hour_is_inconclusive():
    """A month of a quiet model at 5 %: thirty-six requests, no answer."""
    seen = GUARD.verdict((served(36, 684, 0.05),))
    assert (seen.outcome, seen.cause) == (Outcome.INCONCLUSIVE, "exposure")


def test_equally_bad_versions_are_safe_once_compared():
    """Both fail 5 % of requests: no rate bound helps, the comparison does."""
    seen = ERRORS_ONLY.verdict((served(10_000, 10_000, 0.5, error=(500, 500)),))
    assert seen.outcome is Outcome.SAFE
    assert seen.reasons[-1].startswith("error: relative risk bound 1.2")


def test_every_objective_must_be_safe():
    """No error at all, but nearly twice as many slow requests."""
    seen = GUARD.verdict((served(3_000, 3_000, 0.5, slow_p90=(560, 300), slow_p99=(30, 30)),))
    assert seen.outcome is Outcome.ROLL_BACK
    assert seen.cause == "slow_p90"


def test_mismatch_forbids_safety():
    """The candidate got twice the declared share: no comparison holds."""
    seen = GUARD.verdict((served(2_000, 18_000, 0.05),))
    assert (seen.outcome, seen.cause) == (Outcome.INVALID, "sample_ratio")


def test_harm_outranks_mismatch():
    """Going back is right even when the split is not as declared."""
    seen = GUARD.verdict((served(2_000, 18_000, 0.05, error=(200, 0)),))
    assert seen.outcome is Outcome.ROLL_BACK


def test_shares_are_judged_together():
    """Two bad requests at 5 % and two at 25 %: neither is enough alone."""
    first = served(40, 760, 0.05, error=(2, 0))
    second = served(40, 120, 0.25, error=(2, 0))
    outcomes = [
        ERRORS_ONLY.verdict(part).outcome for part in ((first,), (second,), (first, second))
    ]
    assert outcomes == [Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Outcome.ROLL_BACK]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_share_without_comparison_still_bounds_the_rate(share):
    """A shadow, or all at once: the candidate's own rate can be known, nothing else."""
    good = ERRORS_ONLY.verdict((served(1_000, 0, share),))
    bad = ERRORS_ONLY.verdict((served(1_000, 0, share, error=(900, 0)),))
    assert (good.outcome, bad.outcome) == (Outcome.SAFE, Outcome.INCONCLUSIVE)


def test_chosen_objectives_take_the_whole_level():
    """Watching less leaves more evidence to each."""
    weights = [objective.weight for objective in ERRORS_ONLY.objectives]
    assert weights == [1.0]
    assert sum(objective.weight for objective in DEFAULT_OBJECTIVES.values()) == pytest.approx(1.0)


def test_negative_counts_are_refused():
    """A counter that went backwards is a fault, not evidence."""
    with pytest.raises(GuardInputError):
        GUARD.verdict((served(10, 10, 0.5, error=(-1, 0)),))


@pytest.mark.parametrize(
    ("faulty", "sentence"),
    [
        (lambda: Guard(objectives=(Objective(name="error", weight=0.5),)), "sum to 0.5"),
        (lambda: Guard(objectives=()), "sum to 0, not to 1"),
        (lambda: Guard(objectives=(Objective(name="e", weight=1.0),), false_rollback=0), "(0, 1)"),
        (lambda: Guard(objectives=(Objective(name="e", weight=0.5),) * 2), "named twice"),
        (lambda: Objective(name="e", weight=0.0), "weight 0.0"),
        (lambda: Objective(name="e", weight=1.0, margin=0.0), "margin 0.0"),
        (lambda: Objective(name="e", weight=1.0, margin=2.5), "not above the margin"),
        (lambda: Objective(name="e", weight=1.0, tolerated_rate=1.0), "tolerated rate"),
    ],
)
def test_impossible_guards_are_refused(faulty, sentence):
    """A guard that cannot mean anything is not built."""
    with pytest.raises(ConfigurationError) as refusal:
        faulty()
    assert sentence in str(refusal.value)
