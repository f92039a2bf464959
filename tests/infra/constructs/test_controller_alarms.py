"""Promise: a controller that stops is noticed in three minutes; one just deployed is not dead."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.constructs.controller_alarms import ControllerAlarms
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.board import AlarmBoard
from local_region.cloudwatch.metrics import MetricId, MetricStore

# isort: split
# After infra, which names jsii's Node.
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BEAT = MetricId.of("Falaj", "Heartbeat", {})


@pytest.fixture(scope="module")
def heartbeat():
    """The alarm, as CloudFormation would create it."""
    stack = Stack(App(), "S")
    ControllerAlarms(stack, "Alarms", queue_name="letters", topic_arn="arn:topic")
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    (properties,) = (r["Properties"] for r in found if "Metrics" in r["Properties"])
    return Alarm.from_properties(properties, name="heartbeat", arn="arn:heartbeat")


def states(alarm, beats):
    """Return the alarm's state after each minute in which the controller did or did not beat."""
    store = MetricStore()
    board = AlarmBoard(store, lambda _: None)
    board.put(alarm, START)
    seen = []
    for minute, is_beat in enumerate(beats):
        if is_beat:
            store.put(BEAT, [1.0], at=START + timedelta(minutes=minute, seconds=5))
        board.evaluate(START + timedelta(minutes=minute + 1))
        seen.append(board.state("heartbeat"))
    return seen


def test_before_the_first_beat_nothing_is_known(heartbeat):
    """A stack deployed a minute ago pages nobody and freezes nothing."""
    assert states(heartbeat, [False] * 10) == [AlarmState.INSUFFICIENT_DATA] * 10


def test_the_first_beat_is_enough(heartbeat):
    """Minutes before it do not count as silence."""
    assert states(heartbeat, [False, False, True])[-1] is AlarmState.OK


def test_three_silent_minutes_are_noticed_and_kept(heartbeat):
    """Red at the end of the third, and red still when the last beat is out of sight."""
    seen = states(heartbeat, [True] * 5 + [False] * 20)
    assert seen[:7] == [AlarmState.OK] * 7
    assert set(seen[7:]) == {AlarmState.ALARM}


def test_a_controller_that_comes_back_turns_it_green(heartbeat):
    """Three beats of the last five minutes."""
    seen = states(heartbeat, [True] * 5 + [False] * 10 + [True] * 5)
    assert seen[-1] is AlarmState.OK


def test_a_minute_lost_now_and_then_is_none_of_it(heartbeat):
    """A schedule is not exact: two beats in one minute, none in the next."""
    assert AlarmState.ALARM not in states(heartbeat, [True, True, False] * 7)
