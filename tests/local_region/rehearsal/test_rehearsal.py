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
    return play(traffic_rps=2.5)


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
    assert 0 < failing.candidate_bad <= 20
    assert failing.cause


def test_same_seed_says_the_same(play, failing):
    """Same command, same seed: the same verdict, numbers and moments."""
    assert play("errors=0.8").to_dict() == failing.to_dict()


def test_shared_outage_that_begins_with_the_shift_rolls_nothing_back(play):
    """Both versions fail alike from the candidate's first second: it is not to blame."""
    result = play(shared=["errors=0.5"], traffic_rps=8.0)

    assert result.stable_bad > 500
    assert result.candidate_bad > 100
    assert result.verdict is Ending.PROMOTED, result.reason
    assert not [m for m in result.timeline if m.kind == "alarm"]


def test_shared_deaths_and_hangs_roll_nothing_back(play):
    """Processes of both versions die and hang alike, and metrics alone can tell: Lambda's own."""
    result = play(shared=["crash=0.1", "timeout=0.1"], traffic_rps=0.2)

    assert min(result.candidate_bad, result.stable_bad) > 0
    assert result.verdict is not Ending.ROLLED_BACK, result.reason
    assert not [m for m in result.timeline if m.kind == "alarm"]


@pytest.mark.parametrize(
    ("fault", "blamed"),
    [
        ("nan=0.8", "invalid"),
        ("crash=0.8", "error"),
        ("timeout=0.8", "error"),
        ("latency=8", "p99"),
    ],
)
def test_harm_of_every_kind_rolls_back(play, fault, blamed):
    """NaN, a dead process, a hang and a slow answer are all seen, and called by their names."""
    result = play(fault)

    assert result.verdict is Ending.ROLLED_BACK, result.reason
    assert blamed in result.cause
    assert result.final_alias == {"version": "1", "weights": {}}


def test_fault_from_the_start_fails_the_golden_cases(play):
    """A version whose golden cases fail never gets a request."""
    result = play("label-flip=1", begins_s=0)

    assert (result.verdict, result.cause) == (Ending.ROLLED_BACK, "verification")
    assert result.candidate_requests == 0


def test_labels_that_flip_later_are_seen_by_nobody(play):
    """The answers look healthy: operational metrics cannot tell, and the timeline says so."""
    result = play("label-flip=1", plan="all_at_once", begins_s=60)
    (fault,) = (m.text for m in result.timeline if m.kind == "fault")

    assert result.verdict is Ending.PROMOTED, result.reason
    assert (result.candidate_requests > 0, result.candidate_bad) == (True, 0)
    assert "metrics cannot" in fault


def test_cold_storm_is_no_harm(play):
    """For a minute every request starts an environment; none is lost, and none counts as slow."""
    result = play("cold-storm", plan="all_at_once", traffic_rps=0.25)

    assert result.candidate_cold_starts >= 10
    assert result.unanswered == 0
    assert result.verdict is Ending.PROMOTED, result.reason


@pytest.mark.parametrize(
    ("faults", "verdict", "final"),
    [((), Ending.PROMOTED, "2"), (("errors=0.5",), Ending.ROLLED_BACK, "1")],
)
def test_all_at_once_is_judged_by_what_is_tolerated(play, faults, verdict, final):
    """No stable beside it: it is promoted after its bake, unless more fails than is borne."""
    result = play(*faults, plan="all_at_once")

    assert result.verdict is verdict, result.reason
    assert result.final_alias == {"version": final, "weights": {}}
    assert result.candidate_bad <= 60


def test_split_without_an_experiment_ends_with_its_time(play):
    """It holds its share for two weeks, nobody decides, and stable has everything again."""
    result = play(plan="split")

    assert (result.verdict, result.cause) == (Ending.INCONCLUSIVE, "max_duration")
    assert result.virtual_seconds >= 14 * 86_400
    assert result.final_alias == {"version": "1", "weights": {}}
    assert [m.share for m in result.timeline if m.share is not None] == [0.3, 0.0]


def test_split_that_harms_is_rolled_back(play):
    """The guard looks on while an experiment runs."""
    result = play("errors=0.8", plan="split")

    assert result.verdict is Ending.ROLLED_BACK, result.reason


def test_the_look_that_decided_is_kept(healthy, failing):
    """What was known when it was decided, after which nothing is known any more."""
    promoted, harmed = ([v for v in r.levels if v.decision][-1] for r in (healthy, failing))

    assert (promoted.decision, harmed.decision) == ("finished", "harmed")
    assert promoted.log_evidence < 0 <= harmed.log_evidence
    assert f"harmed at {harmed.log_evidence:+.2f}" in page(failing)


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
    assert [written.count(f'<svg class="{paper}"') for paper in ("desk", "phone")] == [1, 1]
