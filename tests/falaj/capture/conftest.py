"""A trail in a bucket, written by the recorder from lines that a function really left."""

import base64
import gzip
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.aws.audit_trail import AuditTrail
from falaj.aws.kms_signing import KmsSigner
from falaj.entrypoints.audit_recorder import AuditRecorder
from local_region.backends.moto_backends import MotoBackends

BUCKET = "audit"
REGION = "me-central-1"
_ACCOUNTS = itertools.count(620_000_000_000)


class HandClock:
    """Moves when told."""

    def __init__(self):
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self):
        """The time."""
        return self.at

    def wait(self, **duration):
        """Let time pass."""
        self.at += timedelta(**duration)


class World:
    """S3 and KMS with a key that signs, and recorders that share both."""

    def __init__(self):
        account = str(next(_ACCOUNTS))
        self.aws = MotoBackends.open(account=account, region=REGION, endpoint="http://127.0.0.1:1")
        self.s3, self.kms = self.aws.client("s3"), self.aws.client("kms")
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.clock, self._events, self._names = HandClock(), itertools.count(), itertools.count()
        self.signer = KmsSigner(self.kms, self.new_key())

    def new_key(self):
        """Make a key that signs."""
        made = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        return made["KeyMetadata"]["Arn"]

    def recorder(self):
        """A new environment of the recorder."""
        trail = AuditTrail(self.s3, BUCKET, self.signer.sign)
        return AuditRecorder(trail, clock=self.clock, name=lambda: f"chain{next(self._names)}")

    def delivery(self, *lines):
        """What CloudWatch Logs would deliver of these lines."""
        events = [
            {"id": str(next(self._events)), "timestamp": 0, "message": json.dumps(line)}
            for line in lines
        ]
        document = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": events}
        packed = base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()
        return {"awslogs": {"data": packed}}

    def objects(self):
        """Every object of the trail."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {
            entry["Key"]: self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            for entry in listed
        }


def line(number, *, stream="s1", model="churn"):
    """A request's line, as a capturing function leaves it."""
    return {
        "timestamp": "2026-11-22T12:00:00Z",
        "model_name": model,
        "model_version": "3",
        "model_digest": "d" * 64,
        "release": "12",
        "variant": "stable",
        "message": "infer",
        "status": 200,
        "outcome": "ok",
        "request_id": f"r{number}",
        "audit": {
            "tenant": "p1.5eed5eed",
            "who": "p1.5eed5eed.00",
            "input": "p1.5eed5eed.01",
            "stream": stream,
            "number": number,
        },
    }


@pytest.fixture
def world():
    """A trail's surroundings."""
    made = World()
    yield made
    made.aws.close()
