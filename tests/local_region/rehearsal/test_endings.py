"""Promise: a rehearsal ends when nothing more would happen, and says how it would have ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from falaj.domain.plan import Plan, PlanKind, Release
from falaj.domain.rollout import OUTAGE_PATIENCE_S, Hold, Phase, Rollout
from local_region.rehearsal.endings import (
    expires_at,
    is_over,
    longest_s,
    patience_s,
    verdict_of,
)
from local_region.rehearsal.scenario import Ending

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SPLIT = Plan(kind=PlanKind.SPLIT, steps=(0.1, 0.5), bake_s=120, max_extensions=2)
HELD = Rollout(
    model="m",
    phase=Phase.BAKING,
    release=Release(model="m", serial=1, version="2", plan=SPLIT),
    stable="1",
    step=1,
    since=START,
)


@pytest.mark.parametrize(
    ("plan", "bakes"),
    [
        (Plan(steps=(0.1, 0.5), bake_s=120, max_extensions=2), 6),
        (SPLIT, 4),
        (Plan(kind=PlanKind.ALL_AT_ONCE, bake_s=120, max_extensions=2), 3),
    ],
)
def test_requests_are_sent_through_every_bake_there_may_be(plan, bakes):
    """The last share of a split is never extended: an experiment decides on it."""
    assert longest_s(plan) == bakes * 120 + 300


def test_golden_cases_are_waited_for_as_long_as_the_controller_waits():
    """An outage of both versions takes half an hour to be held, however short the bakes are."""
    verifying = replace(HELD, phase=Phase.VERIFYING)
    held = replace(HELD, phase=Phase.PAUSED, hold=Hold.OUTAGE)

    assert (patience_s(verifying), patience_s(held)) == (OUTAGE_PATIENCE_S, 0)
    assert (is_over(held, "2"), verdict_of(held, "2")[0]) == (True, Ending.INCONCLUSIVE)


def test_a_split_expires_at_its_last_share():
    """Two weeks after it got it."""
    assert expires_at(HELD, SPLIT) == START + timedelta(days=14)


@pytest.mark.parametrize(
    "rollout",
    [
        replace(HELD, step=0),
        replace(HELD, phase=Phase.PAUSED, hold=Hold.EXPERIMENT),
        replace(HELD, phase=Phase.PROMOTED),
        replace(HELD, phase=Phase.ROLLED_BACK),
    ],
)
def test_what_waits_for_no_experiment_does_not_expire(rollout):
    """Earlier shares bake, and what is held or over waits for a person."""
    assert expires_at(rollout, SPLIT) is None


def test_a_canary_never_expires():
    """Its bakes end by themselves."""
    assert expires_at(HELD, Plan(steps=(0.1, 0.5))) is None


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (HELD, False),
        (replace(HELD, phase=Phase.PAUSED, hold=Hold.THROTTLES), False),
        (replace(HELD, phase=Phase.PAUSED, hold=Hold.INCONCLUSIVE), True),
        (replace(HELD, phase=Phase.ROLLED_BACK), True),
    ],
)
def test_it_is_over_when_nothing_happens_by_itself(rollout, expected):
    """Throttles pass; a hold waits for somebody."""
    assert is_over(rollout, "2") is expected


def test_a_release_nobody_took_up_is_inconclusive():
    """The controller is dead, or its rule is."""
    assert verdict_of(HELD, "3")[0] is Ending.INCONCLUSIVE
