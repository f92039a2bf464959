"""A place on 127.0.0.1 that real boto3 clients take for a region with a rollout controller.

Lambda's Invoke is answered as its REST protocol says, by a controller that reads commands with the
real parser and decides with the real `decide`; moto and the local region's CloudWatch answer the
other services.
"""

import itertools
import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.region.target import Place, Target
from falaj.contract import (
    CONTROLLER_PARAMETER,
    DECISIONS_PURPOSE,
    HEARTBEAT_ALARM,
    METRIC_BAD,
    METRIC_LOG_EVIDENCE,
    METRIC_NAMESPACE,
    METRIC_REQUESTS,
    bucket_name_parameter,
    decision_key,
    desired_release_parameter,
    key_arn_parameter,
)
from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.clock import SystemClock
from falaj.domain.codec import encode
from falaj.domain.decision import signed_statement
from falaj.domain.observation import AlarmEffect
from falaj.domain.plan import GuardSettings, Plan, Release
from falaj.domain.rollout import Rollout
from falaj.domain.waking import Kind, read_waking
from falaj.errors import UnknownModelError
from falaj.guard import Guard
from local_region.backends.moto_backends import MotoBackends
from local_region.cloudwatch.service import CloudWatchService
from tests.falaj.domain.rollout_world import MemoryWorld, settle

FUNCTION = "FalajRollouts-Controller-1"
SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=(local|AKIAIOSFODNN7EXAMPLE)/")
INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
ACCOUNTS = itertools.count(700_000_000_000)


class Controller:
    """Stands where the controller function stands, over a world in memory.

    Attributes:
        world: Alias, versions, status; as strict as AWS.
        now: What time it is there.
        events: What it was invoked with.
        breaks: Raised at the next event, if set.
    """

    def __init__(self, plan=None, **release):
        self.world = MemoryWorld()
        self.world.alias.published.add("2")
        self.world.desired = Release(
            model="m", serial=1, version="2", plan=plan or Plan(steps=(0.05, 0.5)), **release
        )
        self.world.verdict = Guard.from_settings(GuardSettings()).verdict(())
        self.now = datetime.now(UTC) - timedelta(seconds=330)
        self.events = []
        self.breaks = None

    def settle(self, *, after_s=0):
        """Let time pass, and the controller look."""
        self.now += timedelta(seconds=after_s)
        settle(self.world, self.now)
        return self.world.load()

    def __call__(self, event):
        """Answer one event."""
        self.events.append(event)
        if self.breaks:
            raise self.breaks
        waking = read_waking(event)
        self.now = max(self.now, datetime.now(UTC))
        if waking.model != "m":
            raise UnknownModelError(waking.model)
        if waking.kind is Kind.COMMAND:
            rollout = self.world.load()
            version = waking.command.version or rollout.candidate
            self.world.command = replace(
                waking.command, serial=rollout.command_serial + 1, version=version
            )
        if waking.kind is Kind.APPROVAL:
            self.world.approver = waking.approval.actor
        if waking.kind is not Kind.QUERY:
            settle(self.world, self.now)
        rollout = self.world.load()
        return {"status": encode(rollout), "outcome": rollout.outcome}


class Endpoint(BaseHTTPRequestHandler):
    """One HTTP address for every AWS service."""

    protocol_version = "HTTP/1.1"
    region: "Region"

    def do_POST(self):
        """Answer Invoke ourselves, and leave the rest to moto."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        found = INVOKE.fullmatch(self.path.partition("?")[0])
        self.region.signed.append(self.headers.get("authorization", ""))
        if self.region.refuses:
            said = {"__type": self.region.refuses, "message": "As AWS says it."}
            self._answer(400, json.dumps(said).encode(), {"x-amzn-errortype": self.region.refuses})
        elif found is None:
            self._moto(body)
        elif not SIGNED.match(self.headers.get("authorization", "")):
            self._answer(403, b'{"Message":"not signed"}', {"x-amzn-errortype": "AccessDenied"})
        elif found[1] != FUNCTION:
            reason = json.dumps({"Type": "User", "Message": f"Function not found: {found[1]}"})
            self._answer(404, reason.encode(), {"x-amzn-errortype": "ResourceNotFoundException"})
        else:
            self._invoke(json.loads(body))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def log_message(self, *_):
        """Say nothing."""

    def _invoke(self, event):
        if self.region.throttles:
            self.region.throttles -= 1
            reason = b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User"}'
            self._answer(429, reason, {"x-amzn-errortype": "TooManyRequestsException"})
            return
        headers = {"x-amz-executed-version": "$LATEST"}
        try:
            told = self.region.controller(event)
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime reports any exception
            headers["x-amz-function-error"] = "Unhandled"
            told = {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": [],
            }
        self._answer(200, json.dumps(told).encode(), headers)

    def _moto(self, body):
        path, _, query = self.path.partition("?")
        answer = self.region.backends.answer(
            method=self.command,
            path=path,
            query=query,
            headers=self.headers.items(),
            body=body,
        )
        dropped = {"content-length", "connection", "date", "server", "transfer-encoding"}
        headers = {name: value for name, value in answer.headers if name.lower() not in dropped}
        self._answer(answer.status, answer.body, headers)

    def _answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {
            **headers,
            "content-length": str(len(body)),
            "connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Region:
    """A region with one controller, reachable at `port` until it is closed.

    Attributes:
        refuses: An error code with which every call is refused, if set.
        signed: The `authorization` header of every call.
    """

    def __init__(self, controller):
        self.controller, self.throttles = controller, 0
        self.refuses, self.signed = "", []
        self.backends = MotoBackends.open(
            account=str(next(ACCOUNTS)), region="me-central-1", endpoint="http://127.0.0.1:1"
        )
        self.cloudwatch = CloudWatchService(
            "me-central-1",
            self.backends.account,
            clock=SystemClock(),
            on_change=lambda _: None,
        )
        self.cloudwatch.install()
        handler = type("Bound", (Endpoint,), {"region": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        ssm = self.backends.client("ssm")
        for name in (desired_release_parameter("m"), "/falaj/models/m/alias-arn"):
            ssm.put_parameter(Name=name, Value="{}", Type="String")

    @property
    def place(self):
        """Where the command finds it."""
        return Place(target=Target.LOCAL, endpoint=f"http://127.0.0.1:{self.port}")

    def deploy_controller(self, name=FUNCTION):
        """Publish the controller's name, as its stack does."""
        self.backends.client("ssm").put_parameter(
            Name=CONTROLLER_PARAMETER, Value=name, Type="String", Overwrite=True
        )

    def publish(self, metric, values, *, version):
        """Publish one value for each of the last minutes, newest last."""
        now = datetime.now(UTC)
        self.backends.client("cloudwatch").put_metric_data(
            Namespace=METRIC_NAMESPACE,
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "Model", "Value": "m"},
                        {"Name": "Release", "Value": version},
                    ],
                    "Timestamp": now - timedelta(minutes=len(values) - index, seconds=1),
                    "Value": value,
                }
                for index, value in enumerate(values)
            ],
        )

    def measure(self):
        """Publish a rollout's measurements: three of forty failed on the candidate."""
        self.publish(METRIC_REQUESTS, [20, 20], version="2")
        self.publish(METRIC_BAD, [1, 2], version="2")
        self.publish(METRIC_REQUESTS, [400, 360], version="1")
        self.publish(METRIC_BAD, [1, 0], version="1")
        self.publish(METRIC_LOG_EVIDENCE, [-2.0, -1.5, -0.4], version="2")

    def alarm(self, kind, *, version="2", model="m", state="OK", effect=AlarmEffect.ROLL_BACK):
        """Make an alarm and put it into a state."""
        cloudwatch = self.backends.client("cloudwatch")
        name = f"falaj-{model}-{kind}-{version}" if model else HEARTBEAT_ALARM
        text = AlarmText(model=model, version=version, effect=effect, kind=kind, says="it is bad")
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=alarm_text(text),
            Namespace=METRIC_NAMESPACE,
            MetricName=METRIC_BAD,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as told")

    def keep_records(self):
        """Sign the controller's records with a real key and keep them where it would."""
        s3, kms = self.backends.client("s3"), self.backends.client("kms")
        s3.create_bucket(
            Bucket="decided", CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
        )
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        names = {
            bucket_name_parameter(DECISIONS_PURPOSE): "decided",
            key_arn_parameter(DECISIONS_PURPOSE): key["Arn"],
        }
        for name, value in names.items():
            self.backends.client("ssm").put_parameter(Name=name, Value=value, Type="String")
        for generation, record in self.controller.world.records.items():
            text = record.to_json().encode()
            signed = kms.sign(
                KeyId=key["Arn"],
                Message=signed_statement(text),
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
            path = decision_key("m", generation)
            s3.put_object(Bucket="decided", Key=path, Body=text)
            s3.put_object(
                Bucket="decided", Key=path.replace(".json", ".sig"), Body=signed["Signature"]
            )

    def stop_answering(self):
        """Go away, as a region does that is shut down."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def close(self):
        """Free the port and the account."""
        if self._thread.is_alive():
            self.stop_answering()
        self.cloudwatch.reset()
        self.backends.close()


@pytest.fixture
def region(monkeypatch):
    """A region whose candidate bakes at 5 %, and the environment that leads the command to it."""
    controller = Controller()
    controller.settle()
    made = Region(controller)
    made.deploy_controller()
    monkeypatch.setenv("FALAJ_AWS_PORT", str(made.port))
    yield made
    made.close()


@pytest.fixture
def rollout(region) -> Rollout:
    """The status of the region's one rollout."""
    return region.controller.world.load()
