"""Evidence: what each bad event says, exactly, and what it refuses to count."""

import json
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from falaj.errors import GuardInputError
from falaj.guard import RELATIVE_RISKS, RISK_WEIGHTS, Evidence

BETWEEN = "strictly between 0 and 1: both versions must serve to be compared"
SHARES = st.floats(1e-6, 1 - 1e-6)
COUNTS = st.integers(0, 1000)


def exact(events, margin=1):
    """E by the definition in the design, in exact fractions."""

    def q(risk, share):
        return share * risk / (share * risk + 1 - share)

    total = Fraction(0)
    for risk, weight in zip(map(Fraction, RELATIVE_RISKS), RISK_WEIGHTS, strict=True):
        product = Fraction(1)
        for candidate, stable, share in events:
            harmed, allowed = q(risk * margin, share), q(Fraction(margin), share)
            product *= (harmed / allowed) ** candidate * ((1 - harmed) / (1 - allowed)) ** stable
        total += product * Fraction(weight)
    return total


@pytest.mark.parametrize("margin", [1, Fraction(3, 2)])
def test_evidence_is_the_weighted_likelihood_ratio(margin):
    """Three shares, both versions, against the formula in exact arithmetic."""
    events = [
        (3, 20, Fraction(1, 20)),
        (2, 5, Fraction(1, 4)),
        (1, 1, Fraction(1, 2)),
    ]
    evidence = Evidence(float(margin))
    for candidate, stable, share in events:
        evidence = evidence.add(candidate, stable, float(share))
    assert evidence.log10 == pytest.approx(math.log10(exact(events, margin)), abs=1e-12)


def test_weights_sum_to_one():
    """All that validity asks of them."""
    assert math.fsum(RISK_WEIGHTS) == 1.0
    assert min(RISK_WEIGHTS) > 0


def test_nothing_seen_says_nothing():
    """No bad event, no evidence."""
    assert Evidence().log10 == 0.0
    assert Evidence().add(0, 0, 0.3).log10 == 0.0


@pytest.mark.parametrize("share", [0.04, 0.05, 0.1])
def test_total_failure_stops_at_the_third_bad_request(share):
    """Only the candidate fails: two are not enough at 1 %, three are."""
    assert Evidence().add(2, 0, share).log10 < 2.0 <= Evidence().add(3, 0, share).log10


@pytest.mark.parametrize("share", [0.01, 0.015])
def test_total_failure_at_a_smaller_share_stops_sooner(share):
    """At a smaller share a coincidence is rarer still."""
    assert Evidence().add(1, 0, share).log10 < 2.0 <= Evidence().add(2, 0, share).log10


@given(COUNTS, COUNTS, SHARES)
def test_order_within_a_share_does_not_matter(candidate, stable, share):
    """A batch says what its events say one by one."""
    at_once = Evidence().add(candidate, stable, share)
    apart = Evidence().add(0, stable, share).add(candidate, 0, share)
    assert apart.log10 == pytest.approx(at_once.log10, rel=1e-9, abs=1e-9)


@given(COUNTS, COUNTS, SHARES, SHARES)
def test_merge_is_the_product_of_separate_events(candidate, stable, first, second):
    """Evidence of two stretches of time, added up in either way."""
    merged = Evidence().add(candidate, stable, first).merge(Evidence().add(stable, 1, second))
    added = Evidence().add(candidate, stable, first).add(stable, 1, second)
    assert merged.log10 == pytest.approx(added.log10, rel=1e-9, abs=1e-9)


@given(SHARES, st.sampled_from([0.5, 1.0, 1.5, 3.0]))
def test_no_event_is_evidence_on_average(share, margin):
    """At the margin itself, each event multiplies E by 1 on average: a fair bet."""
    allowed = share * margin / (share * margin + 1 - share)
    hit = 10 ** Evidence(margin).add(1, 0, share).log10
    missed = 10 ** Evidence(margin).add(0, 1, share).log10
    assert allowed * hit + (1 - allowed) * missed == pytest.approx(1.0, rel=1e-9)


@given(COUNTS, COUNTS, SHARES)
def test_candidate_events_accuse_and_stable_events_acquit(candidate, stable, share):
    """One more bad request on the candidate never lowers the evidence."""
    evidence = Evidence().add(candidate, stable, share)
    assert evidence.add(1, 0, share).log10 >= evidence.log10 >= evidence.add(0, 1, share).log10


def test_huge_counts_and_tiny_shares_stay_finite():
    """A year of a busy model at a share of one in a million."""
    evidence = Evidence().add(10**9, 10**12, 1e-6)
    assert math.isfinite(evidence.log10)
    assert Evidence().add(10**12, 0, 1e-9).log10 > 1e12


def test_shared_outage_is_no_evidence():
    """Everything fails on both: a threshold alarm rolls back, this does not."""
    assert Evidence().add(5_000, 95_000, 0.05).log10 < 0


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((-1, 0, 0.1), "candidate_bad is -1; it must be between 0 and 2**53"),
        ((0, 2**53 + 1, 0.1), "stable_bad is 9007199254740993; it must be between 0 and 2**53"),
        ((True, 0, 0.1), "candidate_bad is True; it must be a whole number of events"),
        ((1.0, 0, 0.1), "candidate_bad is 1.0; it must be a whole number of events"),
        ((1, "2", 0.1), "stable_bad is '2'; it must be a whole number of events"),
        ((1, 0, True), "share is True; it must be a number"),
        ((1, 0, "0.1"), "share is '0.1'; it must be a number"),
        (
            (1, 0, 0.0),
            f"share is 0.0; it must be {BETWEEN}",
        ),
        (
            (1, 0, math.nan),
            f"share is nan; it must be {BETWEEN}",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(counts, sentence):
    """Each refusal says what it wants."""
    with pytest.raises(GuardInputError) as refusal:
        Evidence().add(*counts)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("share", [1.0, -0.1, 1.5, math.inf])
def test_share_must_leave_something_to_compare(share):
    """At 0 and at 1 only one version serves."""
    with pytest.raises(GuardInputError, match="strictly between 0 and 1"):
        Evidence().add(1, 0, share)


@pytest.mark.parametrize("margin", [0.0, -1.0, math.inf, math.nan, True])
def test_margin_is_a_finite_relative_risk(margin):
    """A margin of nothing, or of everything, tests nothing."""
    with pytest.raises(GuardInputError, match="margin"):
        Evidence(margin)


def test_evidence_of_another_margin_does_not_merge():
    """Two questions have no common answer."""
    with pytest.raises(GuardInputError, match=r"margin is 2\.0; it must be 1\.0"):
        Evidence().merge(Evidence(2.0))


def test_evidence_is_frozen():
    """Looking at it never changes it."""
    evidence = Evidence()
    with pytest.raises(AttributeError, match="frozen"):
        evidence.margin = 2.0
    with pytest.raises(AttributeError, match="frozen"):
        del evidence.margin
    evidence.add(5, 0, 0.1)
    assert evidence == Evidence()
    assert hash(evidence) == hash(Evidence())


@given(COUNTS, COUNTS, SHARES)
def test_storage_is_exact(candidate, stable, share):
    """What DynamoDB gives back is the same to the last bit."""
    evidence = Evidence(1.5).add(candidate, stable, share)
    assert Evidence.from_dict(json.loads(json.dumps(evidence.to_dict()))) == evidence
    assert pickle.loads(pickle.dumps(evidence)) == evidence  # noqa: S301 - made here


def test_storage_of_another_mixture_is_refused():
    """Evidence written by a version with other alternatives is not misread."""
    with pytest.raises(GuardInputError, match="8 logarithms"):
        Evidence.from_dict({"margin": "1.0", "log_e": ["0.0"]})


def test_import_loads_nothing_slow():
    """The guard is imported at every cold start of the controller."""
    slow = ["dataclasses", "typing", "enum", "re", "inspect", "json", "datetime", "numpy"]
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, falaj.guard; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "layers/runtime/python"},
    ).stdout.split()
    assert "falaj.guard.evidence" in loaded
    assert not set(slow) & set(loaded)
