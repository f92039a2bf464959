"""A candidate is given up for its own faults alone, and not for one bad moment."""

from datetime import UTC, datetime, timedelta

import pytest

from falaj.domain.observation import Verification, VerificationState
from falaj.domain.proof import ATTEMPTS, RETRY_S, Proof, Shown, is_due, judge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = Proof(version="1", shown=Shown.GOOD)


def proof(shown, version="2"):
    """What a version shows."""
    return Proof(version=version, shown=shown, fault="" if shown is Shown.GOOD else "as told")


def judged(shown, control, *, times=1):
    """Judge a candidate that shows the same several times."""
    known = None
    for _ in range(times):
        known = judge(proof(shown), control, known, NOW)
    return known


@pytest.mark.parametrize(
    ("shown", "control", "state"),
    [
        (Shown.GOOD, None, VerificationState.PASSED),
        (Shown.WRONG, GOOD, VerificationState.FAILED),
        (Shown.WRONG, None, VerificationState.FAILED),
        (Shown.SILENT, GOOD, VerificationState.PENDING),
        (Shown.UNFIT, None, VerificationState.FAILED),
        (Shown.WRONG, proof(Shown.SILENT, "1"), VerificationState.OUTAGE),
        (Shown.SILENT, proof(Shown.WRONG, "1"), VerificationState.OUTAGE),
        (Shown.UNFIT, proof(Shown.SILENT, "1"), VerificationState.FAILED),
        (Shown.SILENT, proof(Shown.UNFIT, "1"), VerificationState.PENDING),
    ],
)
def test_a_candidate_is_judged_beside_stable(shown, control, state):
    """Where stable fails as well nothing is known, unless the candidate is not what is wanted."""
    assert judged(shown, control).state is state


def test_a_candidate_that_never_answers_fails_in_the_end():
    """Its attempts are counted, and there are few."""
    assert judged(Shown.SILENT, GOOD, times=ATTEMPTS - 1).state is VerificationState.PENDING
    assert judged(Shown.SILENT, GOOD, times=ATTEMPTS).state is VerificationState.FAILED


def test_attempts_begin_anew_after_an_outage():
    """What failed while stable failed too counts against nobody."""
    alone = judged(Shown.SILENT, GOOD, times=ATTEMPTS - 1)
    out = judge(proof(Shown.SILENT), proof(Shown.SILENT, "1"), alone, NOW)

    after = judge(proof(Shown.SILENT), GOOD, out, NOW)

    assert (after.state, after.attempts) == (VerificationState.PENDING, 1)


@pytest.mark.parametrize(
    ("state", "seconds", "due"),
    [
        (VerificationState.PASSED, 3600, False),
        (VerificationState.FAILED, 3600, False),
        (VerificationState.PENDING, RETRY_S - 1, False),
        (VerificationState.PENDING, RETRY_S, True),
        (VerificationState.OUTAGE, RETRY_S, True),
        (VerificationState.OUTAGE, -1, True),
    ],
)
def test_what_is_not_decided_is_asked_again_in_time(state, seconds, due):
    """Events that come twice use up no attempt; a clock that went back does not stop them."""
    known = Verification(version="2", state=state, at=NOW)
    assert is_due(known, NOW + timedelta(seconds=seconds)) is due


def test_a_candidate_that_was_never_asked_is_asked():
    """At once."""
    assert is_due(None, NOW)
