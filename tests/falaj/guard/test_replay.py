"""A decision can be made again from its record, and a forged record shows."""

import json
from dataclasses import replace

import pytest

from falaj.domain.decision import DecisionRecord, decide
from falaj.domain.plan import GuardSettings
from falaj.domain.rollout import Phase
from falaj.domain.verdict import BadEvents, Counts
from falaj.guard import Guard, replay
from tests.falaj.domain.rollout_world import EPOCH, MemoryWorld, later, settle
from tests.falaj.domain.test_rollout import world_with


@pytest.fixture
def record():
    """Three failures after a share of 5 %, as the guard judged them."""
    world: MemoryWorld = world_with()
    settle(world, EPOCH)
    bad = (BadEvents(objective="error", candidate=3, stable=0),)
    counts = (Counts(share=0.05, candidate_requests=3, stable_requests=57, bad=bad),)
    verdict = Guard.from_settings(GuardSettings()).verdict(counts)
    seen = replace(world.observe(), counts=counts, verdict=verdict)
    return decide(world.load(), seen, later(61))


def test_record_leads_to_its_own_decision(record):
    """What was done is what its inputs lead to."""
    assert record.after.phase is Phase.ROLLED_BACK
    assert replay(record).is_same


def test_record_survives_json(record):
    """The signed text holds all of it, exactly, and has one form."""
    text = record.to_json()
    assert DecisionRecord.from_json(text) == record
    assert DecisionRecord.from_json(text).to_json() == text
    assert (
        json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        == text
    )


def test_forged_counts_show(record):
    """Somebody makes the failures smaller: the verdict no longer follows."""
    seen = replace(record.observation, counts=())
    differences = replay(replace(record, observation=seen)).differences
    assert any(line.startswith("verdict.outcome was 'roll_back'") for line in differences)


def test_forged_decision_shows(record):
    """Somebody writes that nothing was done."""
    differences = replay(replace(record, after=record.before, actions=())).differences
    assert any(line.startswith("rollout.phase was 'baking'") for line in differences)


def test_unknown_action_is_refused(record):
    """A record of a later version is not misread."""
    text = record.to_json().replace('"is":"SetShare"', '"is":"SetEverything"')
    with pytest.raises(ValueError, match="'SetEverything' is none of"):
        DecisionRecord.from_json(text)
