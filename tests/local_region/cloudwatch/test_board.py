"""Promise: an alarm fires once per change, at the step CloudWatch would evaluate it."""

from datetime import UTC, datetime, timedelta

import pytest

from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm, AlarmSettingsError
from local_region.cloudwatch.board import AlarmBoard
from local_region.cloudwatch.metrics import MetricId, MetricStore

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BAD = MetricId.of("Falaj", "Bad", {"Model": "m", "Release": "13"})
ALL = MetricId.of("Falaj", "Requests", {"Model": "m", "Release": "13"})
SIMPLE = {
    "Namespace": "Falaj",
    "MetricName": "Bad",
    "Dimensions": [{"Name": "Model", "Value": "m"}, {"Name": "Release", "Value": "13"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


def _stat(identity, name):
    return {
        "Id": identity,
        "ReturnData": False,
        "MetricStat": {
            "Metric": {
                "Namespace": "Falaj",
                "MetricName": name,
                "Dimensions": SIMPLE["Dimensions"],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }


SHARE = {
    "Metrics": [
        {"Id": "alarm", "Expression": "IF(known >= 5, share, 0)", "ReturnData": True},
        {"Id": "share", "Expression": "bad / known", "ReturnData": False},
        {"Id": "known", "Expression": "FILL(all, 0)", "ReturnData": False},
        _stat("bad", "Bad"),
        _stat("all", "Requests"),
    ],
    "EvaluationPeriods": 1,
    "Threshold": 0.5,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


def _alarm(properties, name="bad"):
    return Alarm.from_properties(properties, name=name, arn=f"arn:aws:cloudwatch:::alarm:{name}")


@pytest.fixture
def store():
    """An empty metric store."""
    return MetricStore()


@pytest.fixture
def changes():
    """Every state change, as it is told."""
    return []


@pytest.fixture
def board(store, changes):
    """A board over the store that writes down its changes."""
    return AlarmBoard(store, changes.append)


def _minute(number):
    return START + timedelta(minutes=number)


def test_a_new_alarm_has_insufficient_data(board):
    """Nothing is claimed before the first evaluation."""
    board.put(_alarm(SIMPLE), START)
    assert board.state("bad") is AlarmState.INSUFFICIENT_DATA


def test_a_breach_is_told_once(board, store, changes):
    """An alarm that stays red does not ring again."""
    board.put(_alarm(SIMPLE), START)
    store.put(BAD, [1.0], at=START + timedelta(seconds=30))
    store.put(BAD, [1.0], at=START + timedelta(seconds=90))
    for minute in (1, 2):
        board.evaluate(_minute(minute))
    assert [(c.before, c.after) for c in changes] == [
        (AlarmState.INSUFFICIENT_DATA, AlarmState.ALARM)
    ]


def test_it_recovers_when_the_real_datapoints_do(board, store, changes):
    """A good period after a bad one puts the alarm back to OK."""
    board.put(_alarm(SIMPLE), START)
    store.put(BAD, [1.0], at=START + timedelta(seconds=30))
    board.evaluate(_minute(1))
    store.put(BAD, [0.0], at=START + timedelta(seconds=90))
    board.evaluate(_minute(2))
    assert [c.after for c in changes] == [AlarmState.ALARM, AlarmState.OK]


def test_a_minute_alarm_is_evaluated_once_a_minute(board, store, changes):
    """Asking more often does not make a standard alarm quicker."""
    board.put(_alarm(SIMPLE), START)
    board.evaluate(_minute(1))
    store.put(BAD, [1.0], at=START + timedelta(seconds=30))
    board.evaluate(_minute(1) + timedelta(seconds=40))
    assert [c.after for c in changes] == [AlarmState.OK]


def test_a_ten_second_alarm_is_evaluated_every_ten_seconds(board, store, changes):
    """High resolution rings within ten seconds of the breach."""
    board.put(_alarm({**SIMPLE, "Period": 10}), START)
    store.put(BAD, [1.0], at=START + timedelta(seconds=3))
    board.evaluate(START + timedelta(seconds=10))
    assert [c.after for c in changes] == [AlarmState.ALARM]


@pytest.mark.parametrize(
    ("bad", "requests", "expected"),
    [(4, 4, AlarmState.OK), (5, 5, AlarmState.ALARM), (2, 5, AlarmState.OK)],
)
def test_expressions_may_use_each_other(board, store, bad, requests, expected):
    """A share with a minimum count, in whatever order the entries stand."""
    board.put(_alarm(SHARE), START)
    store.put(BAD, [float(bad)], at=START)
    store.put(ALL, [float(requests)], at=START)
    board.evaluate(_minute(1))
    assert board.state("bad") is expected


def test_an_updated_alarm_keeps_its_state(board, store):
    """Deploying a new threshold does not blink the alarm."""
    board.put(_alarm(SIMPLE), START)
    store.put(BAD, [1.0], at=START)
    board.evaluate(_minute(1))
    board.put(_alarm({**SIMPLE, "Threshold": 10}), _minute(1))
    assert board.state("bad") is AlarmState.ALARM


def test_a_forced_state_lasts_until_the_next_evaluation(board, changes):
    """SetAlarmState is a drill, not a fact."""
    board.put(_alarm(SIMPLE), START)
    board.set_state("bad", AlarmState.ALARM, "drill", START)
    board.evaluate(_minute(1))
    assert [c.after for c in changes] == [AlarmState.ALARM, AlarmState.OK]


def test_the_reason_states_its_comparison(board, store, changes):
    """On-call reads why without opening a graph."""
    board.put(_alarm(SIMPLE), START)
    store.put(BAD, [3.0], at=START)
    board.evaluate(_minute(1))
    assert changes[0].reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [3] was greater than or equal to the "
        "threshold (1)"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Period": 45}, "Period 45"),
        ({"Period": 3600, "EvaluationPeriods": 25}, "one day"),
        ({"Statistic": None}, "give MetricName"),
        ({"ComparisonOperator": "Above"}, "ComparisonOperator"),
        ({"TreatMissingData": "hope"}, "hope"),
    ],
)
def test_settings_aws_refuses_are_refused(change, reason):
    """A template that would fail to deploy fails here first."""
    with pytest.raises(AlarmSettingsError, match=reason):
        _alarm({**SIMPLE, **change})


def test_expressions_in_a_circle_are_refused(board):
    """Two entries that need each other have no value."""
    circle = {
        **SHARE,
        "Metrics": [
            {"Id": "a", "Expression": "b + m", "ReturnData": True},
            {"Id": "b", "Expression": "a + m", "ReturnData": False},
            _stat("m", "Bad"),
        ],
    }
    board.put(_alarm(circle), START)
    with pytest.raises(AlarmSettingsError, match="depend on each other"):
        board.evaluate(_minute(1))
