"""Promise: lines become metrics, metrics alarms, alarms events, and events invoke functions."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from local_region.control_loop import Observation
from local_region.events.bus import Mishaps
from local_region.progress import AlarmChanged, EventLost, MetricsMalformed
from tests.local_region.handwritten import ROLE_POLICY, Assembly

WORKER = """
import json

def handler(event, context):
    bad = event.get("bad", 0)
    metrics = [{"Namespace": "Falaj", "Dimensions": [["Model"]], "Metrics": [{"Name": "Bad"}]}]
    at = int(event["at"] * 1000)
    line = {"_aws": {"Timestamp": at, "CloudWatchMetrics": metrics}, "Model": "m"}
    print(json.dumps(line if event.get("malformed") else {**line, "Bad": bad}))
    if event.get("fail"):
        raise RuntimeError("as asked")
"""
LISTENER = """
import json, boto3

def handler(event, context):
    if event.get("fail"):
        raise RuntimeError("as asked")
    queue = boto3.client("sqs")
    url = queue.get_queue_url(QueueName="heard")["QueueUrl"]
    queue.send_message(QueueUrl=url, MessageBody=json.dumps(event))
"""
START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self):
        self.at = START

    def now(self):
        """Return the time."""
        return self.at

    def wait(self, **duration):
        """Move on."""
        self.at += timedelta(**duration)


def _function(code, name, **properties):
    """A function; its role is shared."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": code,
            "FunctionName": name,
            "Handler": "handler.handler",
            "Runtime": "python3.11",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "MemorySize": 256,
            "Timeout": 20,
            **properties,
        },
    }


def _permission(rule="Alarms"):
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Fn::GetAtt": ["ListenerFunction", "Arn"]},
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": [rule, "Arn"]},
        },
    }


def _rule(pattern, **target):
    arn = {"Fn::GetAtt": ["ListenerFunction", "Arn"]}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {**pattern, "Targets": [{"Id": "listener", "Arn": arn, **target}]},
    }


def _queue(name):
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}


def write(folder):
    """A worker with an alarm, a listener for alarms, parameters and each minute."""
    assembly = Assembly(folder)
    alarms = {"EventPattern": {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["red"]}}}
    parameters = {
        "EventPattern": {"source": ["aws.ssm"], "detail": {"name": [{"prefix": "/falaj/"}]}}
    }
    return assembly.stack(
        "S",
        {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": ROLE_POLICY},
            },
            "WorkerFunction": _function(assembly.code(WORKER), "worker"),
            "WorkerVersion": {
                "Type": "AWS::Lambda::Version",
                "Properties": {"FunctionName": {"Ref": "WorkerFunction"}},
            },
            "WorkerLive": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": {"Ref": "WorkerFunction"},
                    "FunctionVersion": {"Fn::GetAtt": ["WorkerVersion", "Version"]},
                    "Name": "live",
                },
            },
            "ListenerFunction": _function(
                assembly.code(LISTENER),
                "listener",
                DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
            ),
            "Heard": _queue("heard"),
            "Dead": _queue("dead"),
            "Refused": _queue("refused"),
            "Told": _queue("told"),
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "Subscription": [
                        {"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Told", "Arn"]}}
                    ]
                },
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmName": "red",
                    "Namespace": "Falaj",
                    "MetricName": "Bad",
                    "Dimensions": [{"Name": "Model", "Value": "m"}],
                    "Statistic": "Sum",
                    "Period": 10,
                    "EvaluationPeriods": 1,
                    "Threshold": "3",
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "TreatMissingData": "notBreaching",
                    "AlarmActions": [{"Ref": "Topic"}],
                },
            },
            "Alarms": _rule(alarms),
            "AlarmsMay": _permission(),
            "Parameters": _rule(parameters),
            "ParametersMay": _permission("Parameters"),
            "Hourly": _rule({"ScheduleExpression": "rate(1 hour)"}),
            "HourlyMay": _permission("Hourly"),
            "Forbidden": _rule(
                {"EventPattern": {"source": ["aws.ssm"], "detail": {"name": ["/closed"]}}},
                DeadLetterConfig={"Arn": {"Fn::GetAtt": ["Refused", "Arn"]}},
            ),
        },
    ).folder


class World:
    """A region whose time a test moves."""

    def __init__(self, running, clock):
        self.running, self.clock, self.region = running, clock, running.region

    def invoke(self, name, **event):
        """Invoke at once and wait."""
        payload = json.dumps({"at": self.clock.now().timestamp(), **event}).encode()
        return self.running.run(self.region.functions.invoke(name, None, payload))

    def tick(self):
        """Do what is due, and wait for what it sets going."""
        self.running.run(self.region.tick())
        self.running.run(self.region.functions.drain())
        self.running.run(self.region.control.failed.drain())

    def client(self, service):
        """Return a boto3 client."""
        return self.region.backends.client(service)

    def put_parameter(self, name, value="x"):
        """Write a parameter as a client does."""
        self.running.call(
            self.client("ssm").put_parameter,
            Name=name,
            Value=value,
            Type="String",
            Overwrite=True,
        )

    def messages(self, queue):
        """Take what is on a queue."""
        client = self.client("sqs")
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        found = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in found:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def heard(self, kind):
        """Take the events of one kind that the listener heard."""
        events = [json.loads(message["Body"]) for message in self.messages("heard")]
        return [event for event in events if event["detail-type"] == kind]

    def told(self, kind):
        """Return what the region told of one kind."""
        return [event for event in self.running.events if isinstance(event, kind)]


ALARM = "CloudWatch Alarm State Change"
PARAMETER = "Parameter Store Change"
SCHEDULE = "Scheduled Event"


@pytest.fixture(scope="module")
def standing(open_region, tmp_path_factory):
    """A region whose events wait for `tick`."""
    clock = HandClock()
    folder = write(tmp_path_factory.mktemp("standing") / "cdk.out")
    return World(open_region(folder, clock=clock, ticks=False), clock)


@pytest.fixture
def world(standing):
    """The same region some minutes later, when nothing is under way."""
    standing.clock.wait(minutes=5)
    standing.tick()
    for queue in ("heard", "told", "dead", "refused"):
        standing.messages(queue)
    standing.running.events.clear()
    return standing


def test_bad_answers_turn_an_alarm_red_and_wake_the_listener(world):
    """Log line, metric, alarm, event, function: nobody helped."""
    world.invoke("worker", bad=3)
    world.clock.wait(seconds=10)

    world.tick()

    (event,) = world.heard(ALARM)
    assert (event["detail"]["alarmName"], event["detail"]["state"]["value"]) == ("red", "ALARM")


def test_red_alarm_notifies_its_topic(world):
    """People subscribed to the topic are told as well."""
    world.invoke("worker", bad=3)
    world.clock.wait(seconds=10)

    world.tick()

    (message,) = world.messages("told")
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == ("red", "ALARM")


def test_alarm_below_its_threshold_wakes_nobody(world):
    """Two bad answers are not three."""
    world.invoke("worker", bad=2)
    world.clock.wait(seconds=10)

    world.tick()

    assert world.heard(ALARM) == []


def test_parameter_written_by_a_client_wakes_the_listener(world):
    """A desired release written by hand is heard like one that a stack wrote."""
    world.put_parameter("/falaj/models/m/desired-release")

    world.tick()

    (event,) = world.heard(PARAMETER)
    assert event["detail"]["operation"] == "Create"
    assert event["resources"] == [
        f"arn:aws:ssm:me-central-1:{event['account']}:parameter/falaj/models/m/desired-release"
    ]


def test_schedule_fires_when_its_time_has_come(world):
    """The clock leaps an hour; the schedule fires once."""
    world.clock.wait(hours=1)

    world.tick()

    assert len(world.heard(SCHEDULE)) == 1


def test_rule_without_permission_reaches_its_dead_letter_queue(world):
    """As on AWS: without AWS::Lambda::Permission, EventBridge may not invoke."""
    world.put_parameter("/closed")

    world.tick()

    (message,) = world.messages("refused")
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert [type(event) for event in world.told(EventLost)] == [EventLost]


def test_event_that_keeps_failing_ends_in_the_dead_letter_queue(world):
    """Three attempts, a minute and then two apart; then the queue has it."""
    payload = json.dumps({"fail": True}).encode()
    world.running.run(
        world.region.functions.invoke("listener", None, payload, invocation_type="Event")
    )
    for minutes in (0, 1, 2):
        world.clock.wait(minutes=minutes)
        world.tick()

    (message,) = world.messages("dead")
    assert json.loads(message["Body"]) == {"fail": True}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "as asked"


def test_malformed_metrics_are_told_and_harm_nothing(world):
    """AWS would drop them without a word."""
    answer = world.invoke("worker", malformed=True)

    assert answer.function_error is None
    assert [event.function for event in world.told(MetricsMalformed)] == ["worker"]


def test_lambda_counts_errors_of_the_version_that_ran(world):
    """`Errors` by function, alias and executed version: what rollback alarms watch."""
    world.running.run(
        world.region.functions.invoke(
            "worker", "live", json.dumps({"fail": True, "at": 0}).encode()
        )
    )

    answer = world.client("cloudwatch").get_metric_data(
        StartTime=world.clock.now() - timedelta(seconds=30),
        EndTime=world.clock.now() + timedelta(seconds=30),
        MetricDataQueries=[
            {
                "Id": "errors",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": "Errors",
                        "Dimensions": [
                            {"Name": "FunctionName", "Value": "worker"},
                            {"Name": "Resource", "Value": "worker:live"},
                            {"Name": "ExecutedVersion", "Value": "1"},
                        ],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
    )
    assert answer["MetricDataResults"][0]["Values"] == [1.0]


def test_alarm_goes_with_its_stack(open_region, tmp_path):
    """What the template no longer has is gone from the board and from the bus."""
    running = open_region(write(tmp_path / "one"), ticks=False)
    bare = Assembly(tmp_path / "two").stack("S", {"Heard": _queue("heard")})

    running.run(running.region.update(bare.folder))

    assert list(running.region.control.cloudwatch.board) == []
    assert list(running.region.control.bus) == []


def test_events_may_come_twice_and_late(open_region, tmp_path):
    """At least once: a mishap repeats or delays, and loses nothing."""
    clock = HandClock()
    running = open_region(
        write(tmp_path / "cdk.out"),
        clock=clock,
        ticks=False,
        observation=Observation(
            mishaps=Mishaps(
                duplicate_share=1.0, delayed_share=1.0, longest_delay=timedelta(minutes=5)
            )
        ),
    )
    world = World(running, clock)
    world.put_parameter("/falaj/models/m/desired-release")
    world.tick()
    early = len(world.heard(PARAMETER))
    clock.wait(minutes=5)
    world.tick()

    assert early + len(world.heard(PARAMETER)) == 2


def test_time_goes_on_by_itself(open_region, tmp_path):
    """`falaj up` needs nobody to tick: an alarm that is red becomes known."""
    running = open_region(write(tmp_path / "cdk.out"))
    world = World(running, type("Machine", (), {"now": lambda _: datetime.now(UTC)})())
    deadline = time.monotonic() + 60
    while not any(
        event.change.alarm.name == "red" and event.change.after.value == "ALARM"
        for event in world.told(AlarmChanged)
    ):
        assert time.monotonic() < deadline
        world.invoke("worker", bad=3)
        time.sleep(0.2)
