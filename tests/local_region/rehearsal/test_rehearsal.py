"""Promise: a rehearsal runs the real rollout, says what happened, and says the same again."""

import pytest

from local_region.rehearsal.report import page
from local_region.rehearsal.scenario import Ending

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def failing(play):
    """Most of what the candidate answers are errors."""
    return play("errors=0.8")


@pytest.fixture(scope="module")
def healthy(play):
    """Nothing goes wrong."""
    return play(traffic_rps=11.0)


def test_healthy_candidate_is_promoted(healthy):
    """Enough traffic and nothing bad: all of it goes to the new version."""
    assert healthy.verdict is Ending.PROMOTED, healthy.reason
    assert healthy.final_alias == {"version": "2", "weights": {}}
    assert healthy.candidate_bad == 0


def test_shift_loses_no_response(healthy, failing):
    """Every request is answered, whichever way traffic moves meanwhile."""
    assert (healthy.unanswered, failing.unanswered) == (0, 0)


def test_errors_roll_back_after_a_handful(failing):
    """The alias is back on stable, and the alarm or objective that did it is named."""
    assert failing.verdict is Ending.ROLLED_BACK, failing.reason
    assert failing.final_alias == {"version": "1", "weights": {}}
    assert 0 < failing.candidate_bad <= 15
    assert failing.cause


def test_same_seed_says_the_same(play, failing):
    """Same command, same seed: the same verdict, numbers and moments."""
    assert play("errors=0.8").to_dict() == failing.to_dict()


def test_shared_outage_rolls_nothing_back(play):
    """Both versions fail alike, so the new one is not to blame."""
    result = play(shared=["errors=0.5"], begins_s=190)

    assert result.stable_bad > 0
    assert result.candidate_bad > 0
    assert result.verdict is not Ending.ROLLED_BACK, result.reason


@pytest.mark.parametrize("fault", ["nan=0.8", "crash=0.8", "timeout=0.8", "latency=8"])
def test_harm_of_every_kind_rolls_back(play, fault):
    """NaN, a dead process, a hang and a slow answer are all seen."""
    result = play(fault)

    assert result.verdict is Ending.ROLLED_BACK, result.reason
    assert result.final_alias == {"version": "1", "weights": {}}


def test_fault_from_the_start_fails_the_golden_cases(play):
    """A version whose golden cases fail never gets a request."""
    result = play("label-flip=1", begins_s=0)

    assert (result.verdict, result.cause) == (Ending.ROLLED_BACK, "verification")
    assert result.candidate_requests == 0


def test_silence_is_not_safety(play):
    """Without traffic nobody can tell, and nothing is promoted."""
    result = play(traffic_rps=0)

    assert result.verdict is Ending.INCONCLUSIVE
    assert result.requests == 0


def test_page_needs_nothing_from_elsewhere(failing):
    """One file: no script, no address, and the command that makes it again."""
    written = page(failing)

    assert "http" not in written.replace("http-equiv", "")
    assert "<script" not in written
    assert "--seed 7 --fault errors=0.8" in written
    assert written.count("<svg") == 1
