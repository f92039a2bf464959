"""What functions print reaches those who subscribed, in batches, at least once."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.errors import ConfigurationError
from local_region.control_loop import Observation
from local_region.events.bus import Mishaps
from tests.local_region.handwritten import ROLE_POLICY, Assembly

TALKER = """
import json

def handler(event, context):
    for number in range(event["lines"]):
        print(json.dumps({"unit": str(number) if number % 2 else None}))
"""
LISTENER = """
import json, boto3

def handler(event, context):
    queue = boto3.client("sqs")
    url = queue.get_queue_url(QueueName="heard")["QueueUrl"]
    queue.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    seen = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    if int(seen["Attributes"]["ApproximateNumberOfMessages"]) == 1:
        raise RuntimeError("the first time fails")
"""
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self):
        self.at = START

    def now(self):
        """Return the time."""
        return self.at


def _function(code, name, **properties):
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


def _subscription(**properties):
    return {
        "Type": "AWS::Logs::SubscriptionFilter",
        "DependsOn": "LogsMay",
        "Properties": {
            "LogGroupName": {"Ref": "Group"},
            "DestinationArn": {"Fn::GetAtt": ["Listener", "Arn"]},
            "FilterPattern": '{ $.unit = "*" }',
            **properties,
        },
    }


def write(folder, *, principal="logs.amazonaws.com", **more):
    """A function that prints into a group of its own, and one that hears of it."""
    assembly = Assembly(folder)
    source = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:Talk*:*"
    return assembly.stack(
        "S",
        {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": ROLE_POLICY},
            },
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "Talks"}},
            "Talker": _function(
                assembly.code(TALKER), "talker", LoggingConfig={"LogGroup": {"Ref": "Group"}}
            ),
            "Listener": _function(assembly.code(LISTENER), "listener"),
            "Heard": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "heard"}},
            "LogsMay": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Fn::GetAtt": ["Listener", "Arn"]},
                    "Principal": principal,
                    "SourceArn": {"Fn::Sub": source},
                },
            },
            "Units": _subscription(),
            **more,
        },
    ).folder


@pytest.fixture
def clock():
    """A clock that a test moves."""
    return HandClock()


@pytest.fixture
def hear(open_region, tmp_path, clock):
    """Print some lines; return every delivery that was heard of, retries included."""

    def heard(lines, *, folder=None, **settings):
        running = open_region(folder or write(tmp_path), clock=clock, ticks=False, **settings)
        region = running.region
        running.run(region.functions.invoke("talker", None, b'{"lines": %d}' % lines))
        for _ in range(3):
            running.run(region.tick())
            running.run(region.functions.drain())
            clock.at += timedelta(minutes=3)
        sqs = region.backends.client("sqs")
        url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
        bodies = []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [json.loads(message["Body"]) for message in found]
        return bodies

    return heard


def opened(event):
    """Read a delivery as a function does."""
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))


def test_lines_that_match_arrive_together_and_again_after_a_failure(hear):
    """One batch holds them all; a function that fails gets the very same batch again."""
    first, again = hear(20)

    assert first == again
    batch = opened(first)
    assert batch["messageType"] == "DATA_MESSAGE"
    assert batch["logGroup"] == "Talks"
    assert batch["logStream"].startswith("2026/11/22/[$LATEST]")
    assert [json.loads(event["message"])["unit"] for event in batch["logEvents"]] == [
        str(number) for number in range(1, 20, 2)
    ]
    assert len({event["id"] for event in batch["logEvents"]}) == 10


def test_a_delivery_may_come_twice(hear):
    """Whoever asks for it gets what AWS may do on any day."""
    twice = Observation(mishaps=Mishaps(duplicate_share=1.0))

    first, *others = hear(2, observation=twice)

    assert others
    assert all(event == first for event in others)


def test_a_long_batch_is_cut(hear):
    """No delivery grows without bound, and nothing is left out."""
    deliveries = {json.dumps(event, sort_keys=True) for event in hear(2_000)}

    counts = sorted(len(opened(json.loads(event))["logEvents"]) for event in deliveries)
    assert counts == [500, 500]


def test_without_permission_the_stack_is_refused(open_region, tmp_path):
    """CloudWatch Logs tries the function when it is subscribed, and says what is missing."""
    with pytest.raises(ConfigurationError, match="Could not execute the lambda function"):
        open_region(write(tmp_path, principal="events.amazonaws.com"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Words": _subscription(FilterPattern="ERROR")}, "only patterns for JSON"),
        ({"Second": _subscription(), "Third": _subscription()}, "AWS takes 2"),
        ({"Random": _subscription(Distribution="Random")}, "Distribution"),
    ],
)
def test_what_aws_would_do_otherwise_is_refused(open_region, tmp_path, more, sentence):
    """A filter that is not carried out as on AWS stops the deployment, with its name."""
    with pytest.raises(ConfigurationError, match=sentence):
        open_region(write(tmp_path, **more))
