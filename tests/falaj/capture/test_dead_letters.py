"""Promise: what could not be recorded while S3 or KMS was dark is recorded afterwards, once."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from falaj.aws.audit_trail import AuditTrail
from falaj.aws.dead_letters import DeadLetters
from falaj.aws.kms_signing import KmsSigner
from falaj.capture.chain import Segment
from falaj.entrypoints.audit_recorder import AGAIN, CHECKPOINT, AuditRecorder
from falaj.errors import DependencyError
from tests.falaj.capture.conftest import BUCKET, line


class Switch:
    """A service that can be switched off."""

    def __init__(self, client):
        self._client, self.is_dark = client, False

    def __getattr__(self, name):
        if self.is_dark:
            raise EndpointConnectionError(endpoint_url="dark")
        return getattr(self._client, name)


class Night:
    """A recorder, its trail and its queue."""

    def __init__(self, world):
        self.world = world
        self.s3, self.kms = Switch(world.s3), Switch(world.kms)
        sqs = world.aws.client("sqs")
        self.url = sqs.create_queue(QueueName="dead", Attributes={"VisibilityTimeout": "0"})[
            "QueueUrl"
        ]
        self.sqs = Switch(sqs)
        self.recorder = AuditRecorder(
            AuditTrail(self.s3, BUCKET, KmsSigner(self.kms, world.new_key()).sign),
            dead=DeadLetters(self.sqs, self.url),
            clock=world.clock,
        )

    def deliver(self, event):
        """As Lambda does: what fails lies in the queue in the end."""
        try:
            self.recorder(event)
        except DependencyError:
            self.put(json.dumps({"version": "1.0", "requestPayload": event}))

    def put(self, body):
        """Put a message into the queue."""
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self):
        """How many lie there."""
        asked = ["ApproximateNumberOfMessages"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=asked)
        return int(found["Attributes"][asked[0]])

    def numbers(self):
        """The numbers of all records in the trail."""
        trail = (data for key, data in self.world.objects().items() if key.startswith("trail"))
        return sorted(record["number"] for data in trail for record in Segment.read(data).records)


@pytest.fixture
def night(world):
    """Everything answers yet."""
    return Night(world)


@pytest.mark.parametrize("dark", ["s3", "kms"])
def test_nothing_is_lost_of_a_dark_time(night, dark):
    """Twelve deliveries and a checkpoint fail; all twelve are in the trail afterwards, once."""
    getattr(night, dark).is_dark = True
    for number in range(1, 13):
        night.deliver(night.world.delivery(line(number)))
    night.deliver(CHECKPOINT)
    assert (night.recorder(AGAIN), night.left()) == ({"again": 0}, 13)

    getattr(night, dark).is_dark = False
    assert (night.recorder(AGAIN), night.left()) == ({"again": 13}, 0)
    assert night.numbers() == list(range(1, 13))


def test_what_is_no_delivery_stays_where_people_look(night):
    """And keeps nothing else from being taken in."""
    for body in ("text", "[]", '{"requestPayload": 5}', '{"requestPayload": {"awslogs": 1}}'):
        night.put(body)
    night.put(json.dumps({"requestPayload": night.world.delivery(line(1))}))
    night.sqs.set_queue_attributes(QueueUrl=night.url, Attributes={"VisibilityTimeout": "30"})

    assert night.recorder(AGAIN) == {"again": 1}
    assert night.numbers() == [1]


def test_a_dark_queue_is_no_failure(night):
    """The schedule asks again in five minutes."""
    night.sqs.is_dark = True

    assert night.recorder(AGAIN) == {"again": 0}
