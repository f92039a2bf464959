"""Promise: what is about a person reaches no log, metric, object, item, message or notice in clear.

A token that stands for personal data is driven through every path of both profiles' real stacks:
authorizer, functions, container over REST and gRPC, subscription filters and recorders, models that
answer, refuse, fail, run out of memory and never end, a tenant that has to wait, a shadow, an
experiment with its feedback, deliveries that end as dead letters. Then everything that anything has
kept is searched (keeping.py).
"""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import grpc
import numpy as np
import pytest
import yaml
from moto.backends import get_backend
from onnx import TensorProto, helper, numpy_helper
from tritonclient.grpc import service_pb2

from audits.trail import examine
from catalogue.experiments import load_experiments
from catalogue.signing import LocalSigner, sign
from falaj.aws.capture_keys import CaptureKeys
from falaj.capture.chain import Segment
from falaj.contract import (
    ANALYST_PARAMETER,
    AUDIT_PURPOSE,
    CAPTURE_KEYS_ROOT,
    CONTROLLER_PARAMETER,
    EXPERIMENTS_PURPOSE,
    EXPOSURES_PREFIX,
    HEADER_CLIENT_SUBJECT,
    METRIC_SHADOW_REQUESTS,
    RECORDER_PARAMETER,
    REPORTS_PREFIX,
    SHED_PARAMETER,
    bucket_name_parameter,
    key_arn_parameter,
    shadow_parameter,
)
from falaj.domain.clock import SystemClock
from falaj.domain.publisher import PublisherKey
from falaj.domain.shadow import NO_SHADOW
from falaj.entrypoints.audit_recorder import CHECKPOINT
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
from local_region.lambda_service.refusals import TooManyRequestsError
from local_region.progress import FunctionLog
from tests.falaj import onnx_models
from tests.local_region.canary import found_in, packed
from tests.local_region.conftest import ROOT
from tests.local_region.keeping import everything
from tests.local_region.odd_requests import odd_calls, odd_requests, odd_tokens

CANARY = "Zayd-7841990Canary12345671"
"""A person's name and number, as no code, library or hash would ever write it by itself."""

ARABIC = "زايد٧٨٤١٩٩٠الكناري٥٦٧١"
NUMBER = "784199012345671"
TOKENS = (CANARY, CANARY[:14], CANARY[-14:], ARABIC, NUMBER)
"""The person, what a cut would leave of the name, the name in another script, and the number."""

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
    "copied": onnx_models.identity("BYTES", [None]),
    "served": onnx_models.identity("BYTES", [None]),
}
EXPERIMENT = {
    "name": "wording",
    "model": "words",
    "unit": "subject",
    "subject": {"where": "header", "name": "X-User-Id"},
    "arms": [
        {"name": "today", "share": 0.5},
        {"name": "reworded", "share": 0.5, "model_version": 2},
    ],
    "metrics": [{"name": "clicked", "kind": "binary"}],
    "outcome_window": "1h",
}
DECLARED = {
    "copied": {"release": {"plan": "shadow", "shadow_share": 1.0, "on_win": "hold"}},
    "served": {"compute": {"target": "gpu"}},
}
"""A model whose next release is shown copies, and one that a container answers."""
TENANTS = {
    "default": {"rate_per_s": 1000, "burst": 1000},
    "tenants": {
        "acme": {"rate_per_s": 1000, "burst": 1000, "priority": 1},
        "last": {"rate_per_s": 1000, "burst": 1000, "priority": 5},
    },
}
"""The second waits from the beginning, by an operator's word."""
INFER_OVER_GRPC = "/inference.GRPCInferenceService/ModelInfer"
ON_LAMBDA = tuple(name for name in MODELS if name != "served")


class LeapingClock:
    """The machine's time, and whatever was leapt over."""

    def __init__(self):
        self._ahead = timedelta()

    def now(self):
        """The time."""
        return datetime.now(UTC) + self._ahead

    def leap(self, seconds):
        """Go on by some seconds."""
        self._ahead += timedelta(seconds=seconds)


def declare(root, *, memory_mib):
    """Write the catalogue; another size of the copied model is another release of it."""
    for name in MODELS:
        (root / f"models/{name}/1").mkdir(parents=True)
        declared = {"name": name, "description": name, "owner": "tests", "version": 1}
        more = DECLARED.get(name, {})
        # A busy machine starts slowly; only who never ends need be waited for no longer than this.
        timeout_s = 3 if name == "endless" else 25
        declared["compute"] = {"memory_mib": 512, "timeout_s": timeout_s, **more.get("compute", {})}
        if name == "copied":
            declared["compute"]["memory_mib"] = memory_mib
        declared |= {key: value for key, value in more.items() if key != "compute"}
        (root / f"models/{name}/model.yaml").write_text(yaml.safe_dump(declared))
    (root / "models/words/2").mkdir()
    (root / "models/words/experiments").mkdir()
    (root / "models/words/experiments/wording.yaml").write_text(yaml.safe_dump(EXPERIMENT))


class Stacks:
    """What is deployed, and what is deployed after it."""

    def __init__(self, root, profile):
        self.root, self.profile = root, profile
        (root / "build").mkdir()
        (root / "build/layers").symlink_to(ROOT / ".build/layers")
        LocalIssuer.open(root / "issuer")
        (root / "tenants.yaml").write_text(yaml.safe_dump(TENANTS))
        for name, content in MODELS.items():
            for version in (1, 2) if name == "words" else (1,):
                onnx_models.write_version(root / "build/models", name, version, content)
                sign(root / f"build/models/{name}/{version}", LocalSigner(root / "build"))
        declare(root / "first", memory_mib=512)
        declare(root / "second", memory_mib=513)
        with ThreadPoolExecutor() as workers:
            self.first, self.second = workers.map(self._synthesized, ("first", "second"))

    def _synthesized(self, name):
        asked = {
            "profile": self.profile,
            "access": "jwt",
            "jwtIssuer": ISSUER,
            "jwtAudience": AUDIENCE,
            "jwtKeys": str(self.root / "issuer" / KEYS_FILE),
            "tenants": str(self.root / "tenants.yaml"),
        }
        catalogue = self.root / name
        subprocess.run(
            [
                *(sys.executable, "app.py", "--output", str(catalogue / "out")),
                *("--models", str(catalogue / "models"), "--build", str(self.root / "build")),
                *(word for key, value in asked.items() for word in ("-c", f"falaj:{key}={value}")),
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        return catalogue / "out"


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def stacks(request, tmp_path_factory):
    """Each profile's stacks of six models, where a token is asked for."""
    root = tmp_path_factory.mktemp(f"canary-{request.param}")
    yield Stacks(root, request.param)
    shutil.rmtree(root, ignore_errors=True)


class Driven:
    """The region after a token went through every path."""

    def __init__(self, running, stacks, clock):
        self.running, self.stacks, self.clock = running, stacks, clock
        self.issuer = LocalIssuer.open(stacks.root / "issuer")
        self.is_bank = stacks.profile == "enterprise"
        self.aws = running.region.backends
        self.since = time.time()
        self.statuses, self.odd = {}, {}
        self.inference_id = ""
        self.aws.client("ssm").put_parameter(
            Name=SHED_PARAMETER, Type="String", Value="4", Overwrite=True
        )
        if self.is_bank:
            keys = CaptureKeys(self.aws.client("ssm"), CAPTURE_KEYS_ROOT)
            self.key = keys.rotate("acme")

    def token(self, **claims):
        """A token for the person, with more about the person in it."""
        return self.issuer.token(
            clock=SystemClock(),
            subject=CANARY,
            scopes=[
                *(f"model:{name}:{action}" for name in MODELS for action in ("invoke", "read")),
                *("platform:read", "experiments:read"),
            ],
            **({"email": f"{CANARY}@example.ae", "name": CANARY} | claims),
        )

    def ask(self, what, path, body=b"", *, token=None, method=None, **headers):
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
        self.statuses[what], answered, _ = self.running.request(
            path,
            body=body or None,
            headers={k: v for k, v in given.items() if v is not None},
            method=method,
        )
        return {name.lower(): value for name, value in answered.items()}

    def infer(self, what, model, tensor, **more):
        """Send one inference with the token beside the tensor."""
        document = {"id": CANARY, "parameters": {"person": CANARY}, "inputs": [tensor]}
        path = f"/v2/models/{model}/infer"
        return self.ask(what, path, json.dumps(document).encode(), **more)

    def drive(self):
        """Go every way there is."""
        self._start_experiment()
        self._answer()
        self._ask_oddly("words")
        self._feed_back()
        self._copy()
        self._serve()
        self._invoke_asynchronously()
        self._lose()
        self._settle()

    def _answer(self):
        words = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [CANARY]}
        number = {"name": "i", "datatype": "INT64", "shape": [1]}
        answered = self.infer("success", "words", words)
        self.inference_id = answered["x-request-id"]
        self.infer("success again", "words", words)
        self.infer("a tensor nobody knows", "words", words | {"name": CANARY})
        self.infer("a type nobody knows", "words", words | {"datatype": CANARY})
        self.infer("a text for a number", "lookup", number | {"data": [CANARY]})
        self.infer("an index out of bounds", "lookup", number | {"data": [int(NUMBER)]})
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
        waiting = {"token": self.token(tenant="last")}
        self.infer("a tenant that waits", "words", words, **waiting)
        self.infer("an id of the caller", "words", words, **{"x-request-id": CANARY})
        self.infer("a trace of the caller", "words", words, traceparent=CANARY, tracestate=CANARY)
        parent = f"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-{CANARY}"
        self.infer("a trace of tomorrow", "words", words, traceparent=parent)
        root = "Root=1-67891233-abcdef012345678912345678"
        for what, text in {"a trace id": f"{root};Who={CANARY}", "no trace id": CANARY}.items():
            self.infer(f"{what} of the caller", "words", words, **{"x-amzn-trace-id": text})

    def _ask_oddly(self, model):
        """Put the person where nobody expects one."""
        for what, asked in odd_requests(model, CANARY, ARABIC).items():
            self.ask(what, asked.path, asked.body, method=asked.method, **asked.headers)
            self.odd[f"{what} to {model}"] = self.statuses.pop(what)
        for what, token in odd_tokens(self.token, CANARY).items():
            self.ask(what, f"/v2/models/{model}", None, token=token)
            self.odd[f"a token: {what} to {model}"] = self.statuses.pop(what)

    def _start_experiment(self):
        (spec,) = load_experiments(self.stacks.root / "first/models", "words")
        command = {"verb": "start", "spec": spec.to_dict(), "actor": "tests", "reason": "canary"}
        self._call(self.value(ANALYST_PARAMETER), {"command": command})

    def _feed_back(self):
        """Tell what came of an inference, rightly and in every wrong way."""
        told = {"inference_id": self.inference_id, "metric": "clicked", "value": True}
        wrong = {
            "feedback": told,
            "feedback again": told,
            "feedback otherwise": told | {"value": False},
            "feedback with more than is known": told | {"person": CANARY},
            "feedback that a key names": told | {CANARY: 1},
            "feedback with a person for a value": told | {"value": {"name": CANARY}},
            "feedback with a person for a time": told | {"at": CANARY},
            "feedback on nothing of ours": told | {"inference_id": f"{CANARY} {CANARY}"},
            "feedback on no metric": told | {"metric": f"{CANARY}!"},
        }
        for what, body in wrong.items():
            self.ask(what, "/v2/models/words/feedback", json.dumps(body).encode())
        self.ask("feedback that is no JSON", "/v2/models/words/feedback", f'{{"{CANARY}'.encode())
        self.ask("feedback of nobody", "/v2/models/words/feedback", b"{}", token=CANARY)

    def _copy(self):
        """Release a shadow, let it be shown requests, and call the release off."""
        self.running.run(self.running.region.update(self.stacks.second))
        ordered = shadow_parameter("copied")
        self._until(lambda: self.value(ordered) != NO_SHADOW, "no copy is ordered")
        words = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [CANARY]}

        def is_copied():
            # Whoever was warm before would look for the order in half a minute only.
            self._restart("copied")
            self.infer("a copy", "copied", words)
            return self.lines(METRIC_SHADOW_REQUESTS)

        self._until(is_copied, "no copy was answered")
        command = {"model": "copied", "verb": "abort", "reason": "canary", "actor": "tests"}
        self._call(self.value(CONTROLLER_PARAMETER), {"command": command})
        self._until(self.notices, "nobody was told")

    def _serve(self):
        """Ask a container, behind its balancer."""
        words = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [CANARY]}
        self.infer("a container", "served", words)
        if self.is_bank:  # its replica started before there was a key, and reads keys by and by
            self._until(lambda: self._is_named(words), "nobody is named in its records")
        self.infer("a tensor no container knows", "served", words | {"name": CANARY})
        self.ask("no JSON to a container", "/v2/models/served/infer", f"{{{CANARY}".encode())
        self.ask("a container's counts", "/v2/models/served/stats", None)
        last = {"token": self.token(tenant="last"), "x-request-id": CANARY}
        shed = "a tenant that waits for a container"

        def waits():
            self.infer(shed, "served", words, **last)
            return self.statuses[shed] == 429

        self._until(waits, "nobody waits for the container")
        self._serve_over_grpc()
        self._ask_oddly("served")
        if self.is_bank:  # before S3 is dark, and records end as dead letters
            self._until(self._is_recorded, "no record was written")

    def _is_named(self, words):
        self.infer("a container", "served", words)
        return any(record["who"] for record in self.trail("served"))

    def _is_recorded(self):
        found = {record["status"] for record in self.trail("served")}
        return "RESOURCE_EXHAUSTED" in found and 429 in found

    def _serve_over_grpc(self):
        """Ask the same container as a program does, on a port of its own."""
        calls = {
            "gRPC": ("acme", "served", "x"),
            "gRPC of a tensor nobody knows": ("acme", "served", CANARY),
            "gRPC of a model nobody knows": ("acme", CANARY, "x"),
            "gRPC of a tenant that waits": ("last", "served", "x"),
            "gRPC without a token": ("", "served", "x"),
        }
        (address,) = set(self.running.region.containers.grpc_addresses().values())
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(INFER_OVER_GRPC)
            for what, (tenant, model, name) in calls.items():
                asked = service_pb2.ModelInferRequest(model_name=model, id=CANARY)
                asked.parameters["person"].string_param = CANARY
                made = asked.inputs.add(name=name, datatype="BYTES", shape=[1])
                made.contents.bytes_contents.append(CANARY.encode())
                told = {
                    "x-request-id": CANARY,
                    HEADER_CLIENT_SUBJECT: f"CN={tenant or CANARY},OU={CANARY}",
                }
                if tenant:
                    told["authorization"] = f"Bearer {self.token(tenant=tenant)}"
                future = call.future(
                    asked.SerializeToString(), metadata=tuple(told.items()), timeout=60
                )
                self.statuses[what] = future.code().name
        self.called = odd_calls(address, "served", CANARY, self.token())

    def _lose(self):
        """Let deliveries fail until the dead-letter queues have them."""
        words = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [CANARY]}
        region = self.running.region
        self.running.call(region.darken, frozenset({"s3"}))
        self.dark_id = self.infer("while S3 is dark", "words", words)["x-request-id"]
        self._until(self.dead_letters, "nothing was given up", leap=70)
        self.running.call(region.darken, frozenset())

    def _settle(self):
        """Let everything under way arrive: lines, deliveries, rounds of the analyst."""
        self.infer("at the end", "words", {"name": CANARY, "datatype": "BYTES", "shape": [1]})
        if self.is_bank:
            self._until(self._is_taken_in, "what failed in the dark was not taken in", leap=20)
        self._until(self.exposures, "no exposure was written")
        self._until(lambda: self.clock.leap(60) or self.reports(), "the analyst wrote no report")
        for _ in range(3):
            self.running.run(self.running.region.tick())
            self.running.run(self.running.region.functions.drain())

    def _is_taken_in(self):
        return any(record["request_id"] == self.dark_id for record in self.trail("words"))

    def _until(self, holds, otherwise, *, leap=0):
        """Wait for a state; the region's time goes on meanwhile."""
        for _ in range(600):
            if holds():
                return
            self.clock.leap(leap)
            self.running.run(self.running.region.tick())
            time.sleep(0.2)
        raise AssertionError(otherwise)

    def _call(self, function, event):
        """Invoke a function of the platform's own, once it has room."""
        payload = json.dumps(event).encode()
        done = []

        def has_answered():
            work = self.running.region.functions.invoke(function, None, payload)
            with suppress(TooManyRequestsError):
                done.append(self.running.run(work))
            return done

        self._until(has_answered, "it never had room")
        assert done[0].function_error is None, done[0].payload
        return json.loads(done[0].payload)

    def _restart(self, model):
        functions = self.running.region.functions
        for view in self.running.call(functions.list_functions):
            if "Predict" in view.function_name and f"-{model}-" in view.function_name:
                for version in functions.list_versions(view.function_name):
                    self.running.call(functions.end_idle, view.function_name, version.version)

    def _invoke_asynchronously(self):
        """Invoke the model functions as an event source would: what fails is tried again."""
        functions = self.running.region.functions
        for view in self.running.call(functions.list_functions):
            if "Predict" not in view.function_name:
                continue
            model = next(name for name in ON_LAMBDA if f"-{name}-" in view.function_name)
            data = {"words": [CANARY], "endless": [2**62]}.get(model, [CANARY])
            body = {"id": CANARY, "inputs": [{"name": CANARY, "data": data}]}
            event = {"rawPath": f"/v2/models/{model}/infer", "body": json.dumps(body)}
            work = functions.invoke(
                view.function_name, None, json.dumps(event).encode(), invocation_type="Event"
            )
            self.running.run(work)

    # ------------------------------------------------------------------ where it went
    def value(self, parameter):
        """A parameter's value."""
        return self.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]

    def lines(self, text):
        """What functions and containers printed that has a text in it."""
        return [e for e in self.running.events if isinstance(e, FunctionLog) and text in e.line]

    def _of(self, purpose, prefix=""):
        bucket = self.value(bucket_name_parameter(purpose))
        return [key for key in self.objects() if key[0] == bucket and key[1].startswith(prefix)]

    def segments(self):
        """Every segment of the audit trail."""
        return self._of(AUDIT_PURPOSE)

    def trail(self, model):
        """Every record of a model."""
        return [
            record
            for (_, key), content in self.objects().items()
            if key.startswith("trail/") and f"/{model}/" in key
            for record in Segment.read(content).records
        ]

    def exposures(self):
        """Every object of exposures."""
        return self._of(EXPERIMENTS_PURPOSE, EXPOSURES_PREFIX)

    def reports(self):
        """Every report of the analyst."""
        return self._of(EXPERIMENTS_PURPOSE, REPORTS_PREFIX)

    def notices(self):
        """What was published to topics."""
        topics = get_backend("sns")[self.aws.account][self.aws.region].topics
        return [sent for topic in topics.values() for sent in topic.sent_notifications]

    def dead_letters(self):
        """Messages in every queue."""
        queues = get_backend("sqs")[self.aws.account][self.aws.region].queues
        return [message for queue in queues.values() for message in queue.messages]

    def objects(self):
        """Every object of every bucket."""
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
        return everything(self.running, self.stacks.root / "state", since=self.since)


@pytest.fixture(scope="module")
def driven(stacks, open_region):
    """A region through which the token went every way."""
    clock = LeapingClock()
    running = open_region(
        stacks.first,
        issuer_folder=stacks.root / "issuer",
        state_folder=stacks.root / "state",
        clock=clock,
        grpc_port=0,
    )
    found = Driven(running, stacks, clock)
    found.drive()
    return found


@pytest.fixture(scope="module")
def kept(driven):
    """What was kept of it."""
    return list(driven.kept())


EXPECTED = {
    **dict.fromkeys(
        [
            *("success", "success again", "a query", "an id of the caller"),
            *("a trace of the caller", "a trace id of the caller", "no trace id of the caller"),
            *("a trace of tomorrow", "a copy", "while S3 is dark"),
            *("a container", "a container's counts"),
        ],
        200,
    ),
    **dict.fromkeys(["feedback", "feedback again", "feedback otherwise"], 202),
    **dict.fromkeys(
        [
            *("a tensor nobody knows", "a type nobody knows", "a text for a number"),
            *("an index out of bounds", "no JSON", "at the end"),
            *("a tensor no container knows", "no JSON to a container"),
            *("feedback with more than is known", "feedback that a key names"),
            *("feedback with a person for a value", "feedback with a person for a time"),
            *("feedback on nothing of ours", "feedback on no metric", "feedback that is no JSON"),
        ],
        400,
    ),
    **dict.fromkeys(["another audience", "no token", "feedback of nobody"], 401),
    **dict.fromkeys(["a model nobody knows", "a path nobody knows", "no right"], 403),
    **dict.fromkeys(["a tenant that waits", "a tenant that waits for a container"], 429),
    "a version nobody knows": 404,
    "an error": 500,
    "gRPC": "OK",
    "gRPC of a tensor nobody knows": "INVALID_ARGUMENT",
    "gRPC of a tenant that waits": "RESOURCE_EXHAUSTED",
    "gRPC of a model nobody knows": "PERMISSION_DENIED",
    "gRPC without a token": "UNAUTHENTICATED",
}
ELSEWHERE = ("feedback", "container", "dark", "gRPC")
"""What no model function answers, and what lies in the dead-letter queue instead."""
CRASHED = {"smb": 500, "enterprise": 502}
"""What the API answers for a process that died; Lambda says it to both alike."""


def test_every_path_was_taken(driven):
    """Otherwise nothing would be proven."""
    statuses = dict(driven.statuses)

    # The function's own limit, or the API's if starting took longer than Lambda lets it.
    assert statuses.pop("a timeout") in {500, 502, 503, 504}
    assert statuses == EXPECTED | {"out of memory": CRASHED[driven.stacks.profile]}


def test_odd_requests_are_refused_and_break_nothing(driven):
    """Whatever is odd about them, none is a failure of ours."""
    failed = {what: status for what, status in driven.odd.items() if not 200 <= status < 500}

    assert len(driven.odd) >= 150
    assert failed == {}
    assert {"INTERNAL", "UNKNOWN", "UNAVAILABLE"}.isdisjoint(driven.called.values())


def around(content):
    """What stands around the token, for whoever has to mend it."""
    at = content.find(CANARY.encode())
    return content[max(0, at - 300) : at + 100].decode(errors="replace")


def test_the_token_is_nowhere(kept):
    """In clear or as base64, hex, URL, UTF-16 or packed: not in one of all the places."""
    leaks = [
        f"{place}: {how}: {around(content)}"
        for place, content in kept
        if (how := found_in(content, *TOKENS))
    ]

    assert leaks == []
    assert len(kept) > 5000


def test_what_must_be_kept_is_where_it_is_looked_for(driven, kept):
    """The search reaches every kind of place: each holds something that is known to be there."""
    known = {
        "a function's line": b"wording",
        "a metric": b"InferenceLatency",
        "a notice": str(driven.notices()[0][1]).encode(),
        "a dead letter": driven.dead_letters()[0].body.encode(),
        "an exposure": b"reworded",
        "feedback": driven.inference_id.encode(),
    }
    found = {what: any(text in content for _, content in kept) for what, text in known.items()}

    assert set(found.values()) == {True}, found


def test_the_person_is_in_the_trail_under_the_tenants_key(driven):
    """What must be recorded is: whoever has the key finds the person, nobody else does."""
    if not driven.is_bank:
        assert driven.aws.client("s3").list_buckets()["Buckets"]
        return
    trail = b"".join(driven.objects()[key] for key in driven.segments())

    assert driven.key.who(CANARY).encode() in trail
    assert b'"status":400' in trail


def test_the_trail_that_real_functions_left_is_whole(driven):
    """Every line was delivered, and every segment signed, by the stacks as they are deployed."""
    if not driven.is_bank:
        found = driven.aws.client("ssm").get_parameters(Names=[RECORDER_PARAMETER])
        assert found["Parameters"] == []  # the small business keeps no trail
        return
    told = driven._call(driven.value(RECORDER_PARAMETER), CHECKPOINT)
    arn = driven.value(key_arn_parameter(AUDIT_PURPOSE))
    key = PublisherKey(driven.aws.client("kms").get_public_key(KeyId=arn)["PublicKey"])
    objects = driven.objects()
    trail = {place[1]: objects[place] for place in driven.segments()}
    report = examine(sorted(trail.items()), key.is_signer_of)

    assert report.faults == ()
    assert (report.chains, report.checkpoints) == (told["chains"], 1)
    answered = {
        what
        for what, status in driven.statuses.items()
        if not any(word in what for word in ELSEWHERE) and status < 401
    }
    assert len(answered) > 10
    assert report.records >= len(answered)


def test_who_was_cut_off_is_in_the_trail(driven):
    """Out of time or memory: the request's beginning names person and input, both keyed."""
    if not driven.is_bank:
        assert driven.lines('"begun"') == []
        return
    for model in ("endless", "filled"):
        records = driven.trail(model)
        ended = {(r["stream"], r["number"]) for r in records if not r.get("begun")}
        cut = [r for r in records if r.get("begun") and (r["stream"], r["number"]) not in ended]
        assert driven.key.who(CANARY) in {record["who"] for record in cut}
        assert {record["tenant"] for record in cut if record["who"]} == {driven.key.name}
        assert None not in {record["digest"] for record in cut}


def test_a_containers_answers_are_in_the_trail(driven):
    """Good and refused, over REST and gRPC, with the person under the tenant's key."""
    if not driven.is_bank:
        assert driven.lines('"audit"') == []
        return
    records = driven.trail("served")
    statuses = {record["status"] for record in records}

    assert {200, 400, 429, "OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"} <= statuses
    assert {r["who"] for r in records if r["status"] == "OK"} == {driven.key.who(CANARY)}
    assert {r["who"] for r in records if r["status"] == 200} - {None} == {driven.key.who(CANARY)}
    assert {r["request_id"] for r in records if r["status"] == 429} == {None}


@pytest.mark.parametrize("token", [CANARY, ARABIC])
@pytest.mark.parametrize("way", packed(CANARY))
def test_a_planted_leak_is_found(way, token):
    """The search can fail: each way of hiding the token is seen through."""
    assert found_in(packed(token)[way], token)


def test_planted_leaks_are_found_in_their_places(driven):
    """An object, an item, a message, a parameter, a file that somebody writes by mistake."""
    aws, leak = driven.aws, packed(CANARY)["clear"].decode()
    bucket = aws.client("s3").list_buckets()["Buckets"][0]["Name"]
    aws.client("s3").put_object(Bucket=bucket, Key="leak", Body=packed(CANARY)["twice"])
    aws.client("ssm").put_parameter(Name="/leak", Type="SecureString", Value=leak)
    queue = aws.client("sqs").create_queue(QueueName="leak")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=leak)
    topic = aws.client("sns").create_topic(Name="leak")["TopicArn"]
    aws.client("sns").publish(TopicArn=topic, Message=leak)
    (driven.stacks.root / "state/leak.txt").write_text(leak)
    leaks = {
        place.removeprefix("moto ").partition(" ")[0]
        for place, content in driven.kept()
        if found_in(content, CANARY)
    }

    assert leaks >= {"s3", "ssm", "sqs", "sns", "file"}
