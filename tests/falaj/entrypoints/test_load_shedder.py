"""Promise: whoever is short of room lets the last priorities wait, by itself, and says so."""

import json
from datetime import datetime

import boto3
import pytest
from moto import mock_aws

from falaj.aws.capacity_reader import CapacityReader
from falaj.aws.shed_levels import ShedLevels
from falaj.contract import (
    ALL_MODELS,
    CAPACITY_ALARM_PREFIX,
    DIMENSION_MODEL,
    DIMENSION_SCOPE,
    METRIC_SHED,
    REGION,
    shed_level_parameter,
)
from falaj.domain.shedding import CALM_S, SETTLING_S
from falaj.entrypoints.load_shedder import LoadShedder
from falaj.errors import ControllerError, DependencyError
from tests.falaj.clocks import NOON, StandingClock

EVENTS = ({"source": "aws.events"}, {"source": "aws.cloudwatch", "detail": {"alarmName": "?"}}, {})


class Capacity:
    """Says who is short, and how short; the reader has a test of its own."""

    def __init__(self):
        self.shares, self.dark = {}, set()

    def short(self):
        """Models by name, with their function."""
        if "cloudwatch" in self.dark:
            raise DependencyError(service="cloudwatch", doing="describe alarms", reason="dark")
        return {model: f"fn-{model}" for model in self.shares}

    def refused_share(self, function, *, now):
        """As given."""
        assert isinstance(now, datetime)
        model = function.removeprefix("fn-")
        if model in self.dark:
            raise DependencyError(service="cloudwatch", doing="give metrics", reason="dark")
        return self.shares[model]


@pytest.fixture
def ssm(monkeypatch):
    """A parameter store."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield boto3.client("ssm")


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


@pytest.fixture
def capacity():
    """Nobody is short."""
    return Capacity()


@pytest.fixture
def lines():
    """What was said."""
    return []


@pytest.fixture
def shedder(ssm, clock, capacity, lines):
    """The handler over a real parameter store."""
    return LoadShedder(
        capacity,
        ShedLevels(ssm),
        clock=clock,
        write=lambda text: lines.append(json.loads(text)),
    )


def test_nothing_is_written_while_nobody_is_short(shedder, ssm, lines):
    """A quiet minute costs two reads."""
    assert [shedder(event) for event in EVENTS] == [{"admitted": {}}] * 3
    assert ssm.describe_parameters()["Parameters"] == []
    assert lines == []


def test_a_short_model_lets_the_last_priorities_wait(shedder, ssm, capacity):
    """That model's functions read it; another model's do not."""
    capacity.shares = {"churn": 0.37}

    assert shedder({}) == {"admitted": {"churn": 3}}
    written = ssm.get_parameter(Name=shed_level_parameter("churn"))["Parameter"]["Value"]
    assert json.loads(written)["admitted"] == 3


def test_events_that_come_twice_change_nothing(shedder, capacity, ssm):
    """It looks again, and sees that it has just acted."""
    capacity.shares = {"churn": 0.37}
    shedder({})
    before = ssm.get_parameter(Name=shed_level_parameter("churn"))["Parameter"]["Version"]
    for event in EVENTS:
        shedder(event)

    after = ssm.get_parameter(Name=shed_level_parameter("churn"))["Parameter"]["Version"]
    assert (before, after) == (1, 1)


def test_another_environment_goes_on_where_the_last_ended(shedder, capacity, ssm, clock, lines):
    """What was said is in the parameter, not in memory."""
    capacity.shares = {"churn": 0.37}
    shedder({})
    capacity.shares = {}
    clock.advance(CALM_S)
    other = LoadShedder(capacity, ShedLevels(ssm), clock=clock, write=lines.append)

    assert other({}) == {"admitted": {"churn": 4}}


def test_who_waits_is_counted_each_minute(shedder, capacity, clock, lines):
    """By model and over all, so that people are told; nothing is counted once nobody waits."""
    capacity.shares = {"churn": 0.37}
    shedder({})
    clock.advance(60)
    shedder({})
    counted = [line for line in lines if METRIC_SHED in line]

    assert [(line.get(DIMENSION_MODEL), line.get(DIMENSION_SCOPE)) for line in counted] == [
        ("churn", None),
        (None, ALL_MODELS),
    ] * 2
    assert {line[METRIC_SHED] for line in counted} == {2}


def test_a_dark_cloudwatch_leaves_every_level(shedder, capacity, ssm, clock):
    """Nobody knows who is short: neither more wait nor fewer."""
    capacity.shares = {"churn": 0.37}
    shedder({})
    clock.advance(2 * CALM_S)
    capacity.dark = {"cloudwatch"}
    with pytest.raises(DependencyError):
        shedder({})

    written = ssm.get_parameter(Name=shed_level_parameter("churn"))["Parameter"]
    assert (json.loads(written["Value"])["admitted"], written["Version"]) == (3, 1)


def test_one_model_that_cannot_be_read_does_not_stop_the_others(shedder, capacity, ssm):
    """It is named, and its level stays."""
    capacity.shares = {"churn": 0.37, "fraud": 0.9}
    capacity.dark = {"churn"}
    with pytest.raises(ControllerError, match="churn"):
        shedder({})

    assert ssm.get_parameter(Name=shed_level_parameter("fraud"))


def test_a_level_that_nobody_can_read_is_written_anew(shedder, capacity, ssm, clock):
    """A slip by hand ends with the next shortage."""
    ssm.put_parameter(Name=shed_level_parameter("churn"), Type="String", Value="two")
    capacity.shares = {"churn": 0.37}
    clock.advance(SETTLING_S)

    assert shedder({}) == {"admitted": {"churn": 3}}


@pytest.fixture
def alarms(monkeypatch):
    """CloudWatch with the alarm of one model and of another kind."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        cloudwatch = boto3.client("cloudwatch")
        for name, function in ((f"{CAPACITY_ALARM_PREFIX}churn", "fn-1"), ("falaj-x", "fn-2")):
            cloudwatch.put_metric_alarm(
                AlarmName=name,
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
                Threshold=0.01,
                Metrics=[
                    {"Id": "e", "Expression": "t / 1", "ReturnData": True},
                    {
                        "Id": "t",
                        "ReturnData": False,
                        "MetricStat": {
                            "Metric": {
                                "Namespace": "AWS/Lambda",
                                "MetricName": "Throttles",
                                "Dimensions": [{"Name": "FunctionName", "Value": function}],
                            },
                            "Period": 60,
                            "Stat": "Sum",
                        },
                    },
                ],
            )
        yield cloudwatch


@pytest.mark.parametrize(
    ("state", "expected"), [("ALARM", {"churn": "fn-1"}), ("OK", {}), ("INSUFFICIENT_DATA", {})]
)
def test_red_alarms_name_their_model_and_function(alarms, state, expected):
    """By the alarm's name and what it watches."""
    for name in (f"{CAPACITY_ALARM_PREFIX}churn", "falaj-x"):
        alarms.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")

    assert CapacityReader(alarms).short() == expected


def test_the_refused_share_is_of_all_requests(alarms):
    """Throttled ones are counted beside invocations, not among them."""
    for name, value in (("Throttles", 3.0), ("Invocations", 5.0)):
        alarms.put_metric_data(
            Namespace="AWS/Lambda",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "FunctionName", "Value": "fn-1"}],
                    "Timestamp": NOON,
                    "Value": value,
                }
            ],
        )
    reader = CapacityReader(alarms)
    now = NOON.replace(minute=1)

    assert reader.refused_share("fn-1", now=now) == 3 / 8
    assert reader.refused_share("fn-2", now=now) == 0
