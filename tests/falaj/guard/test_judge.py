"""The guard's verdict states its comparison, and calls nothing safe without proof."""

import math

import pytest

from falaj.domain.plan import GuardSettings
from falaj.domain.verdict import BadEvents, Counts, Outcome
from falaj.errors import ConfigurationError, GuardInputError
from falaj.guard import ALARMS_PART, DEFAULT_OBJECTIVES, Evidence, Guard, Objective

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
    assert seen.reasons == ("log10 E 2.70 ≥ 2.02 (error)",)
    needed = -math.log10(0.01 * (1 - ALARMS_PART))
    assert seen.log_evidence == pytest.approx(Evidence().add(3, 0, 0.05).log10 - needed)


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


def test_shadow_accuses_nobody():
    """Copies hurt no caller, and there is nothing to compare: only safety can be known."""
    good = ERRORS_ONLY.verdict((served(1_000, 0, 0.0),))
    bad = ERRORS_ONLY.verdict((served(1_000, 0, 0.0, error=(900, 0)),))
    assert (good.outcome, bad.outcome) == (Outcome.SAFE, Outcome.INCONCLUSIVE)


def test_all_at_once_is_judged_by_what_is_tolerated():
    """No stable beside it: no failure is fine, 1.8 % is borne, 5 % is not."""
    verdicts = [
        ERRORS_ONLY.verdict((served(2_000, 0, 1.0, error=(bad, 0)),)) for bad in (0, 36, 100)
    ]
    assert [seen.outcome for seen in verdicts] == [
        Outcome.SAFE,
        Outcome.INCONCLUSIVE,
        Outcome.ROLL_BACK,
    ]


@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
def test_all_at_once_bears_what_is_tolerated_but_for_alpha(level):
    """Each request fails with 2 %, exactly what is borne; a look after every one of 2,000."""
    guard = Guard.from_settings(GuardSettings(objectives=("error",), false_rollback=level))
    chance, alive, fired, fewest = 0.02, [1.0], 0.0, 0
    for requests in range(1, 2_001):
        alive = [
            stayed * (1 - chance) + hit * chance
            for stayed, hit in zip([*alive, 0.0], [0.0, *alive], strict=True)
        ]
        counted = served(requests, 0, 1.0, error=(fewest, 0))
        while fewest <= requests and guard.verdict((counted,)).outcome is not Outcome.ROLL_BACK:
            fewest += 1
            counted = served(requests, 0, 1.0, error=(fewest, 0))
        fired += sum(alive[fewest:])
        alive = alive[:fewest]
    assert 0 < fired <= level


def test_an_invalid_output_is_named_as_one():
    """It is a 5xx as well, and counts as both; the cause is the one that says more."""
    nan = GUARD.verdict((served(3, 60, 0.05, error=(3, 0), invalid_output=(3, 0)),))
    error = GUARD.verdict((served(3, 60, 0.05, error=(3, 0), invalid_output=(1, 0)),))
    assert (nan.cause, error.cause) == ("invalid_output", "error")


def test_invalid_outputs_share_the_level_too():
    """Twice counted is not twice punished: the weighted mean of two equal evidences is one."""
    both = Guard(
        objectives=(
            Objective(name="error", weight=0.75),
            Objective(name="invalid_output", weight=0.25),
        )
    )
    seen = both.verdict((served(3, 60, 0.05, error=(3, 0), invalid_output=(3, 0)),))
    assert seen.log_evidence + 2 == pytest.approx(Evidence().add(3, 0, 0.05).log10)


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
