"""Promise: a shadow plan rehearses as it would run: copies, evidence, and no caller the wiser."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import uvloop

from local_region.rehearsal.faults import Fault
from local_region.rehearsal.rehearsal import rehearse
from local_region.rehearsal.scenario import Ending, Scenario
from tests.local_region.rehearsal.conftest import ACCOUNT, MODEL, PLAN, ROOT, synthesized

pytestmark = pytest.mark.slow

SHADOW = PLAN | {
    "plan": "shadow",
    "shadow_share": 1.0,
    "shadow_mismatch": 0.05,
    "on_win": "promote",
    "bake": "2m",
    "guard": {"false_rollback": 0.01, "objectives": ["error", "invalid_output"]},
}


@pytest.fixture(scope="module")
def shadowed(tmp_path_factory):
    """The stacks of one model with a shadow plan, and of the same bytes as another release."""
    folder = tmp_path_factory.mktemp("shadowed")
    sizes = {"1": 512, "2": 513}
    with ThreadPoolExecutor() as workers:
        return tuple(
            workers.map(
                lambda name: synthesized(folder / name, 1, release=SHADOW, memory_mib=sizes[name]),
                sizes,
            )
        )


@pytest.fixture
def play(shadowed):
    """Rehearse the release of the second over the first."""

    def played(*faults, shared=(), traffic_rps=2.0):
        asked = (
            *(Fault.parse(text) for text in faults),
            *(Fault.parse(text, is_shared=True) for text in shared),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(
                rehearse(
                    *shadowed,
                    Scenario(model=MODEL, faults=asked, traffic_rps=traffic_rps, seed=7),
                    account=ACCOUNT,
                    build_folder=ROOT / ".build" / "host",
                    lead_in=timedelta(seconds=30),
                )
            )

    return played


def test_good_shadow_ends_as_the_plan_says(play):
    """It is shown every request, answers none of them, and is promoted once it is safe."""
    result = play()

    assert (result.verdict, result.final_alias) == (
        Ending.PROMOTED,
        {"version": "2", "weights": {}},
    )
    assert result.candidate_requests > 200
    assert result.candidate_requests <= result.requests == result.stable_requests
    assert (result.unanswered, result.stable_bad, result.candidate_bad) == (0, 0, 0)
    assert "mismatch: rate bound" in result.reason


def test_crashing_shadow_is_rolled_back_and_nobody_notices(play):
    """One copy in three kills its process: every caller has an answer, all of them stable's."""
    result = play("crash=0.3", traffic_rps=0.5)

    assert (result.verdict, result.cause) == (Ending.ROLLED_BACK, "error")
    assert result.final_alias == {"version": "1", "weights": {}}
    assert result.candidate_bad > 0
    assert (result.unanswered, result.stable_bad) == (0, 0)


def test_shadow_that_answers_otherwise_is_rolled_back_by_its_answers(play):
    """No error, no NaN, only other labels: the comparison alone says so."""
    result = play("label-flip=0.5")

    assert (result.verdict, result.cause) == (Ending.ROLLED_BACK, "mismatch")
    assert (result.candidate_bad, result.stable_bad) == (0, 0)


def test_shared_outage_is_not_held_against_a_shadow(play):
    """Both fail on the same requests: nothing is learned about the shadow."""
    result = play(shared=["errors=0.3"])

    assert result.verdict is not Ending.ROLLED_BACK
    assert result.candidate_bad > 0
    assert result.stable_bad > 0
