"""Promise: a deployment's shares and waits are those of its template, read as ECS reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from local_region.container_service.strategy import (
    Progress,
    Seen,
    Stage,
    Strategy,
    advance,
    percent_of,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = {
    "Strategy": "CANARY",
    "BakeTimeInMinutes": 5,
    "CanaryConfiguration": {"CanaryPercent": 10, "CanaryBakeTimeInMinutes": 15},
}


def shares(configuration):
    """Each share with its minutes."""
    strategy = Strategy.from_properties(configuration)
    return [(shift.percent, shift.bake.total_seconds() / 60) for shift in strategy.shifts]


def linear(percent, minutes=6):
    """A linear deployment that bakes for five minutes."""
    steps = {"StepPercent": percent, "StepBakeTimeInMinutes": minutes}
    return {"Strategy": "LINEAR", "BakeTimeInMinutes": 5, "LinearConfiguration": steps}


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (CANARY, [(10, 15), (100, 5)]),
        ({"Strategy": "CANARY"}, [(5, 10), (100, 0)]),
        (linear(25), [(25, 6), (50, 6), (75, 6), (100, 5)]),
        (linear(40), [(40, 6), (80, 6), (100, 5)]),
        (linear("33.3", "1"), [(33.3, 1), (66.6, 1), (99.9, 1), (100, 5)]),
        (linear(100), [(100, 5)]),
        ({"Strategy": "BLUE_GREEN", "BakeTimeInMinutes": 3}, [(100, 3)]),
        ({}, [(100, 0)]),
    ],
)
def test_shares_are_read_as_ecs_reads_them(configuration, expected):
    """A step's wait does not follow the last share, which has the bake time instead."""
    assert shares(configuration) == expected


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ({"Strategy": "SURPRISE"}, "strategy SURPRISE are not known here"),
        ({"LifecycleHooks": [{}]}, "lifecycle hooks"),
        ({"Alarms": {"Enable": "true", "Rollback": "false"}}, "do not roll back"),
    ],
)
def test_what_is_not_carried_out_is_refused(configuration, sentence):
    """Nothing of a template is passed over in silence."""
    with pytest.raises(ValueError, match=sentence):
        Strategy.from_properties(configuration)


def test_a_canary_goes_through_every_stage_in_its_time():
    """Nothing before all new tasks are up, then a share, then all, then the end."""
    strategy = Strategy.from_properties(CANARY)
    progress, story = Progress(since=START), []
    for minute in range(25):
        now = START + timedelta(minutes=minute)
        progress = advance(strategy, progress, Seen(is_up=minute >= 2), now)
        story.append((progress.stage, percent_of(strategy, progress)))
    assert story[:2] == [(Stage.SCALE_UP, 0)] * 2
    assert story[2:17] == [(Stage.PRODUCTION_TRAFFIC_SHIFT, 10)] * 15
    assert story[17:22] == [(Stage.BAKE_TIME, 100)] * 5
    assert story[22:] == [(Stage.SUCCESSFUL, 100)] * 3


@pytest.mark.parametrize("minute", [0, 1, 10, 19])
def test_an_alarm_ends_it_at_every_stage(minute):
    """Scaling up, at the canary, baking: all requests go back, with the alarm's name."""
    strategy = Strategy.from_properties(CANARY)
    progress = Progress(since=START)
    for passed in range(minute):
        now = START + timedelta(minutes=passed)
        progress = advance(strategy, progress, Seen(is_up=True), now)
    ended = advance(strategy, progress, Seen(is_up=True, alarm="bad"), START)
    assert (ended.stage, percent_of(strategy, ended)) == (Stage.ROLLED_BACK, 0)
    assert ended.reason == "alarm bad went off"


def test_what_has_ended_stays_ended():
    """A late alarm changes nothing about a completed deployment."""
    for stage in (Stage.SUCCESSFUL, Stage.ROLLED_BACK):
        ended = Progress(stage=stage, since=START)
        seen = Seen(is_up=True, alarm="late")
        assert advance(Strategy(), ended, seen, START + timedelta(days=1)) == ended
