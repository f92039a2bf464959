"""Promise: what is about a person reaches no log, metric, object, item, message or notice in clear.

A token that stands for personal data is driven through every path of the bank's real stacks: the
real authorizer, functions, subscription filters and recorder, models that answer, refuse, fail, run
out of memory and never end. Then everything that anything has kept is searched.
"""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from audits.trail import examine
from catalogue.signing import LocalSigner, sign
from falaj.aws.capture_keys import CaptureKeys
from falaj.contract import (
    AUDIT_PURPOSE,
    CAPTURE_KEYS_ROOT,
    RECORDER_PARAMETER,
    bucket_name_parameter,
    key_arn_parameter,
)
from falaj.domain.clock import SystemClock
from falaj.domain.publisher import PublisherKey
from falaj.entrypoints.audit_recorder import CHECKPOINT
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
from tests.falaj import onnx_models
from tests.local_region.canary import found_in, packed
from tests.local_region.conftest import ROOT

CANARY = "Zayd-7841990Canary12345671"
"""A person's name and number, as no code, library or hash would ever write it by itself."""

pytestmark = pytest.mark.slow


def endless():
    """Counts to what it is told: its time is its caller's choice."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_out"]),
            helper.make_node("Identity", ["v"], ["v_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v_out", TensorProto.INT64, [1]),
        ],
    )
    return onnx_models.model_bytes(
        [helper.make_node("Loop", ["n", "yes", "n"], ["y"], body=body)],
        [("n", TensorProto.INT64, [1])],
        [("y", TensorProto.INT64, [1])],
        [numpy_helper.from_array(np.array(True), "yes")],  # noqa: FBT003 - numpy's own signature
    )


MODELS = {
    "words": onnx_models.identity("BYTES", [None]),
    "lookup": onnx_models.lookup(),
    "filled": onnx_models.filled(),
    "endless": endless(),
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    """The bank's stacks of four models, where a token is asked for."""
    root = tmp_path_factory.mktemp("canary")
    (root / "build").mkdir()
    (root / "build/layers").symlink_to(ROOT / ".build/layers")
    LocalIssuer.open(root / "issuer")
    for name, content in MODELS.items():
        onnx_models.write_version(root / "build/models", name, 1, content)
        sign(root / f"build/models/{name}/1", LocalSigner(root / "build"))
        (root / f"models/{name}/1").mkdir(parents=True)
        declared = {"name": name, "description": name, "owner": "tests", "version": 1}
        declared["compute"] = {"memory_mib": 512, "timeout_s": 3}
        (root / f"models/{name}/model.yaml").write_text(yaml.safe_dump(declared))
    asked = {
        "profile": "enterprise",
        "access": "jwt",
        "jwtIssuer": ISSUER,
        "jwtAudience": AUDIENCE,
        "jwtKeys": str(root / "issuer" / KEYS_FILE),
    }
    subprocess.run(
        [
            *(sys.executable, "app.py", "--output", str(root / "out")),
            *("--models", str(root / "models"), "--build", str(root / "build")),
            *(word for key, value in asked.items() for word in ("-c", f"falaj:{key}={value}")),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    yield root
    shutil.rmtree(root / "out")


class Driven:
    """The region after a token went through every path."""

    def __init__(self, running, issuer):
        self.running, self.issuer = running, issuer
        self.aws = running.region.backends
        self.statuses = {}
        keys = CaptureKeys(self.aws.client("ssm"), CAPTURE_KEYS_ROOT)
        self.key = keys.rotate("acme")

    def token(self, **claims):
        """A token for the person, with more about the person in it."""
        return self.issuer.token(
            clock=SystemClock(),
            subject=CANARY,
            scopes=[f"model:{name}:invoke" for name in MODELS],
            **({"email": f"{CANARY}@example.ae", "name": CANARY} | claims),
        )

    def ask(self, what, path, body=b"", *, token=None, **headers):
        """Send one request with the token in every header that a client may set."""
        given = {
            "authorization": f"Bearer {token or self.token()}",
            "content-type": "application/json",
            "user-agent": CANARY,
            "x-user-id": CANARY,
            "x-falaj-tenant": CANARY,
            "cookie": f"session={CANARY}",
            **headers,
        }
        self.statuses[what], _, _ = self.running.request(
            path, body=body or None, headers={k: v for k, v in given.items() if v is not None}
        )

    def infer(self, what, model, tensor, **more):
        """Send one inference with the token beside the tensor."""
        document = {"id": CANARY, "parameters": {"person": CANARY}, "inputs": [tensor]}
        self.ask(what, f"/v2/models/{model}/infer", json.dumps(document).encode(), **more)

    def drive(self):
        """Go every way there is."""
        words = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [CANARY]}
        number = {"name": "i", "datatype": "INT64", "shape": [1]}
        self.infer("success", "words", words)
        self.infer("success again", "words", words)
        self.infer("a tensor nobody knows", "words", words | {"name": CANARY})
        self.infer("a type nobody knows", "words", words | {"datatype": CANARY})
        self.infer("a text for a number", "lookup", number | {"data": [CANARY]})
        self.infer("an index out of bounds", "lookup", number | {"data": [7841990]})
        shape = {"name": "shape", "datatype": "INT64", "shape": [2]}
        self.infer("an error", "filled", shape | {"data": [2**20, 2**20]})
        self.infer("out of memory", "filled", shape | {"data": [2**15, 2**14]})
        trips = {"name": "n", "datatype": "INT64", "shape": [1], "data": [2**62]}
        self.infer("a timeout", "endless", trips)
        self.ask("no JSON", "/v2/models/words/infer", f'{{"{CANARY}": {CANARY}'.encode())
        self.ask("a model nobody knows", f"/v2/models/{CANARY}", None)
        self.ask("a path nobody knows", f"/v2/{CANARY}?person={CANARY}", None)
        self.ask("a query", f"/v2/models/words?person={CANARY}", None)
        self.ask("a version nobody knows", f"/v2/models/words/versions/{CANARY}/ready", None)
        self.infer("no right", "words", words, token=self.token(scope="model:other:invoke"))
        self.infer("another audience", "words", words, token=self.token(aud=CANARY))
        self.infer("no token", "words", words, token=CANARY)
        self.infer("an id of the caller", "words", words, **{"x-request-id": CANARY})
        self.infer("a trace of the caller", "words", words, traceparent=CANARY, tracestate=CANARY)
        self._invoke_asynchronously()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self.segments():
            time.sleep(0.5)
        self.running.run(self.running.region.tick())
        time.sleep(2)

    def _invoke_asynchronously(self):
        """Invoke the model functions as an event source would: what fails is tried again."""
        functions = self.running.region.functions
        for view in self.running.call(functions.list_functions):
            if "Predict" not in view.function_name:
                continue
            model = next(name for name in MODELS if f"-{name}-" in view.function_name)
            data = {"words": [CANARY], "endless": [2**62]}.get(model, [CANARY])
            body = {"id": CANARY, "inputs": [{"name": CANARY, "data": data}]}
            event = {"rawPath": f"/v2/models/{model}/infer", "body": json.dumps(body)}
            work = functions.invoke(
                view.function_name, None, json.dumps(event).encode(), invocation_type="Event"
            )
            self.running.run(work)

    def segments(self):
        """Every segment of the audit trail."""
        name = bucket_name_parameter(AUDIT_PURPOSE)
        bucket = self.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        return [key for key in self.objects() if key[0] == bucket]

    # ------------------------------------------------------------------ what was kept
    def objects(self):
        """Every version of every object of every bucket."""
        s3 = self.aws.client("s3")
        return {
            (bucket["Name"], entry["Key"]): s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])[
                "Body"
            ].read()
            for bucket in s3.list_buckets()["Buckets"]
            for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())
        }

    def kept(self):
        """Yield everything that anything has kept, by place."""
        for number, event in enumerate(self.running.events):
            yield f"line or event {number} ({type(event).__name__})", repr(event).encode()
        for (bucket, key), content in self.objects().items():
            yield f"s3://{bucket}/{key}", key.encode() + b"\n" + content
        dynamodb = self.aws.client("dynamodb")
        for table in dynamodb.list_tables()["TableNames"]:
            yield f"table {table}", repr(dynamodb.scan(TableName=table)["Items"]).encode()
        sqs = self.aws.client("sqs")
        for url in sqs.list_queues().get("QueueUrls", ()):
            while messages := sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600
            ).get("Messages"):
                yield f"queue {url}", repr(messages).encode()
        ssm = self.aws.client("ssm")
        for page in ssm.get_paginator("describe_parameters").paginate():
            for entry in page["Parameters"]:
                value = ssm.get_parameter(Name=entry["Name"], WithDecryption=True)
                yield f"parameter {entry['Name']}", repr(value).encode()
        store = self.running.region.control.cloudwatch.store
        yield "metrics", repr(vars(store)).encode()


@pytest.fixture(scope="module")
def driven(stacks, open_region):
    """A region through which the token went every way."""
    running = open_region(stacks / "out", issuer_folder=stacks / "issuer")
    found = Driven(running, LocalIssuer.open(stacks / "issuer"))
    found.drive()
    return found


@pytest.fixture(scope="module")
def kept(driven):
    """What was kept of it."""
    return dict(driven.kept())


def test_every_path_was_taken(driven):
    """Otherwise nothing would be proven."""
    statuses = dict(driven.statuses)
    # The function's own limit, or the API's a second later if starting took that long.
    assert statuses.pop("a timeout") in {502, 504}
    assert statuses == {
        "success": 200,
        "success again": 200,
        "a tensor nobody knows": 400,
        "a type nobody knows": 400,
        "a text for a number": 400,
        "an index out of bounds": 400,
        "an error": 500,
        "out of memory": 502,
        "no JSON": 400,
        "a model nobody knows": 403,
        "a path nobody knows": 403,
        "a query": 200,
        "a version nobody knows": 404,
        "no right": 403,
        "another audience": 401,
        "no token": 401,
        "an id of the caller": 200,
        "a trace of the caller": 200,
    }


def test_the_token_is_nowhere(kept):
    """In clear or as base64, hex, URL, UTF-16 or packed: not in one of all the places."""
    leaks = {place: how for place, content in kept.items() if (how := found_in(content, CANARY))}

    assert leaks == {}
    assert len(kept) > 50


def test_the_person_is_in_the_trail_under_the_tenants_key(driven):
    """What must be recorded is: whoever has the key finds the person, nobody else does."""
    trail = b"".join(driven.objects()[key] for key in driven.segments())

    assert driven.key.who(CANARY).encode() in trail
    assert b'"status":400' in trail


def test_the_trail_that_real_functions_left_is_whole(driven):
    """Every line was delivered, and every segment signed, by the stacks as they are deployed."""
    ssm = driven.aws.client("ssm")

    def value(name):
        return ssm.get_parameter(Name=name)["Parameter"]["Value"]

    work = driven.running.region.functions.invoke(
        value(RECORDER_PARAMETER), None, json.dumps(CHECKPOINT).encode()
    )
    told = json.loads(driven.running.run(work).payload)
    arn = value(key_arn_parameter(AUDIT_PURPOSE))
    key = PublisherKey(driven.aws.client("kms").get_public_key(KeyId=arn)["PublicKey"])
    trail = {
        name: content
        for (bucket, name), content in driven.objects().items()
        if bucket == value(bucket_name_parameter(AUDIT_PURPOSE))
    }
    report = examine(trail.items(), key.is_signer_of)

    assert report.faults == ()
    assert (report.chains, report.checkpoints) == (told["chains"], 1)
    assert report.records >= sum(status < 401 for status in driven.statuses.values())


@pytest.mark.parametrize("way", packed(CANARY))
def test_a_planted_leak_is_found(way):
    """The search can fail: each way of hiding the token is seen through."""
    assert found_in(packed(CANARY)[way], CANARY)


def test_a_planted_leak_is_found_in_its_place(driven):
    """An object that somebody writes by mistake is named."""
    s3 = driven.aws.client("s3")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    s3.put_object(Bucket=bucket, Key="leak", Body=packed(CANARY)["twice"])
    leaks = [place for place, content in driven.kept() if found_in(content, CANARY)]
    s3.delete_object(Bucket=bucket, Key="leak")

    assert leaks == [f"s3://{bucket}/leak"]
