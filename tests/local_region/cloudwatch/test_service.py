"""Promise: an unmodified boto3 client publishes, reads and alarms as against CloudWatch."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from local_region.backends.moto_backends import MotoBackends
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.service import CloudWatchService

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIMENSIONS = [{"Name": "Model", "Value": "m"}, {"Name": "Release", "Value": "13"}]
ALARM = {
    "AlarmName": "falaj-m-bad",
    "Namespace": "Falaj",
    "MetricName": "Bad",
    "Dimensions": DIMENSIONS,
    "Statistic": "Sum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


class Hands:
    """A clock that a test moves by hand."""

    def __init__(self):
        self.at = START

    def now(self):
        """Return the instant the hands show."""
        return self.at


@pytest.fixture
def clock():
    """A clock at noon."""
    return Hands()


@pytest.fixture
def backends():
    """An account of its own in moto's backends."""
    opened = MotoBackends.open(
        account="111122223333", region="me-central-1", endpoint="http://127.0.0.1:4566"
    )
    yield opened
    opened.close()


@pytest.fixture
def changes():
    """Every state change, as it is told."""
    return []


@pytest.fixture
def service(backends, clock, changes):
    """CloudWatch of that account."""
    served = CloudWatchService(
        "me-central-1", backends.account, clock=clock, on_change=changes.append
    )
    served.install()
    return served


@pytest.fixture
def client(backends, service):  # noqa: ARG001 - the service must be installed first
    """A boto3 client of that CloudWatch."""
    return backends.client("cloudwatch")


def _publish(client, name, values, at=START):
    client.put_metric_data(
        Namespace="Falaj",
        MetricData=[
            {"MetricName": name, "Dimensions": DIMENSIONS, "Values": values, "Timestamp": at}
        ],
    )


def _read(client, *queries, minutes=1):
    answer = client.get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=START,
        EndTime=START + timedelta(minutes=minutes),
        ScanBy="TimestampAscending",
    )
    return {
        result["Id"]: list(zip(result["Timestamps"], result["Values"], strict=True))
        for result in answer["MetricDataResults"]
    }


def _query(identity, name, stat, period=60):
    metric = {"Namespace": "Falaj", "MetricName": name, "Dimensions": DIMENSIONS}
    return {
        "Id": identity,
        "MetricStat": {"Metric": metric, "Period": period, "Stat": stat},
    }


def test_values_are_read_back_by_statistic(client):
    """Sum and percentile rank come from the same values."""
    _publish(client, "Latency", [100.0, 200.0, 300.0, 900.0])
    found = _read(
        client, _query("n", "Latency", "SampleCount"), _query("below", "Latency", "PR(:300)")
    )
    assert found == {"n": [(START, 4.0)], "below": [(START, 75.0)]}


def test_metric_math_runs_over_queries(client):
    """Expressions use the ids of metrics, returned or not."""
    _publish(client, "Bad", [1.0])
    _publish(client, "Requests", [1.0, 1.0, 1.0, 1.0])
    found = _read(
        client,
        {"Id": "share", "Expression": "bad / all"},
        {**_query("bad", "Bad", "Sum"), "ReturnData": False},
        {**_query("all", "Requests", "Sum"), "ReturnData": False},
    )
    assert found == {"share": [(START, 0.25)]}


def test_an_alarm_turns_red_and_is_described_so(client, service, clock, changes):
    """describe-alarms shows what EventBridge was told."""
    client.put_metric_alarm(**ALARM)
    _publish(client, "Bad", [1.0])
    clock.at = START + timedelta(seconds=10)
    service.evaluate_alarms()
    described = client.describe_alarms(AlarmNames=["falaj-m-bad"])["MetricAlarms"][0]
    assert described["StateValue"] == "ALARM"
    assert [change.after for change in changes] == [AlarmState.ALARM]


def test_a_new_alarm_is_described_as_insufficient_data(client):
    """Alone, moto would say OK before anything was evaluated."""
    client.put_metric_alarm(**ALARM)
    described = client.describe_alarms()["MetricAlarms"][0]
    assert described["StateValue"] == "INSUFFICIENT_DATA"


def test_forcing_a_state_tells_the_world(client, changes):
    """set-alarm-state is how a drill begins."""
    client.put_metric_alarm(**ALARM)
    client.set_alarm_state(AlarmName="falaj-m-bad", StateValue="ALARM", StateReason="drill")
    assert [(change.after, change.reason) for change in changes] == [(AlarmState.ALARM, "drill")]


def test_a_deleted_alarm_is_silent(client, service, clock, changes):
    """Nothing rings for an alarm that is gone."""
    client.put_metric_alarm(**ALARM)
    client.delete_alarms(AlarmNames=["falaj-m-bad"])
    _publish(client, "Bad", [1.0])
    clock.at = START + timedelta(seconds=10)
    service.evaluate_alarms()
    assert changes == []


@pytest.mark.parametrize(
    "change",
    [{"Period": 45}, {"ComparisonOperator": "GreaterThanUpperThreshold"}, {"DatapointsToAlarm": 2}],
)
def test_refused_settings_leave_no_alarm(client, change):
    """An alarm that could not be evaluated is not kept."""
    with pytest.raises(ClientError, match="ValidationError"):
        client.put_metric_alarm(**{**ALARM, **change})
    assert client.describe_alarms()["MetricAlarms"] == []


def test_an_unknown_function_is_refused_by_name(client):
    """A query never answers with a silently wrong number."""
    with pytest.raises(ClientError, match="SEARCH"):
        _read(client, {"Id": "s", "Expression": "SEARCH('x', 'Sum', 60)"})
