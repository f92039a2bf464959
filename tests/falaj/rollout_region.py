"""A region for the rollout controller: real boto3 clients, strict services, no process, no network.

S3, DynamoDB, SSM, KMS and SNS are moto's; Lambda is the local region's own control plane behind its
REST API, and refuses what AWS refuses; CloudWatch is the local region's. What a version answers to
its golden cases is planted, and nothing else.
"""

import dataclasses
import itertools
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from falaj.config.rollout import RolloutSettings
from falaj.contract import LIVE_ALIAS, TABLE_KEY, desired_release_parameter
from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.observation import AlarmEffect
from falaj.domain.release import DesiredRelease
from falaj.entrypoints.rollout_controller import RolloutController
from falaj.entrypoints.rollout_world import open_world
from local_region.backends.moto_backends import MotoBackends, _Raw
from local_region.cloudwatch.metrics import MetricId
from local_region.cloudwatch.service import CloudWatchService
from local_region.lambda_service import (
    FunctionSettings,
    InvokeResult,
    Limits,
    provisioned as provisioning,
)
from local_region.lambda_service.code_store import CodeStore
from local_region.lambda_service.control_plane import ControlPlane
from local_region.lambda_service.names import Home
from local_region.lambda_service.refusals import TooManyRequestsError
from local_region.lambda_service.rest import RestApi
from local_region.lambda_service.values import ProvisionedView

EPOCH = datetime(2026, 11, 22, 12, tzinfo=UTC)
REGION = "me-central-1"
FUNCTION = "Predict-m"
DIGEST = "d" * 64
PLAN = {"plan": "canary", "steps": [0.05, 0.5], "bake": 600.0}
WRITES = ("PUT", "POST", "DELETE")
READS = ("Get", "Describe", "List", "Scan", "Query")
_ACCOUNTS = itertools.count(900_000_000_000)


_SESSION = boto3.session.Session()
_OPEN = []
"""The region that clients reach: making clients takes longer than all a test does."""


@cache
def _client(service, door):
    client = _SESSION.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    client.meta.events.register(
        "before-send", lambda request, **_: getattr(_OPEN[0], door)(service, request)
    )
    return client


class HandClock:
    """A clock that moves when told."""

    def __init__(self, at=EPOCH):
        self.at = at

    def now(self):
        """Return the instant it was moved to."""
        return self.at

    def advance(self, seconds):
        """Move on."""
        self.at += timedelta(seconds=seconds)


class Crash(BaseException):
    """The controller's process is killed here."""


class StrictLambda:
    """The Lambda service without processes: control plane and refusals are the local region's."""

    def __init__(self, clock, account):
        self._clock = clock
        self._folder = tempfile.TemporaryDirectory(prefix="falaj-strict-")
        root = Path(self._folder.name)
        self.home = Home(account=account, region=REGION)
        self.plane = ControlPlane(
            clock=clock,
            rng=random.Random(7),
            home=self.home,
            store=CodeStore(root / "store"),
            limits=Limits(),
        )
        self._code = root / "code"
        self._code.mkdir()
        (self._code / "handler.py").write_text("")
        self.broken = {}
        self.silent = set()
        self.is_out = False
        self.unready = set()
        self.verified = {"1"}
        self.history = []

    def close(self):
        """Remove what was written."""
        self._folder.cleanup()

    def __getattr__(self, name):
        return getattr(self.plane, name)

    def create(self, name):
        """Create a function with version 1 behind its alias."""
        settings = FunctionSettings(name=name, code_folder=self._code)
        self.plane.create_function(settings, self._captured)
        self.plane.publish_version(name)
        self.plane.create_alias(name, LIVE_ALIAS, "1")

    def publish(self, name, text):
        """Publish another version."""
        self.plane.update_function(
            name,
            self._captured,
            revision_id=None,
            changes={"environment": {"RELEASE": text}},
        )
        return self.plane.publish_version(name).version

    def _captured(self, settings):
        return self.plane.capture(settings, lambda folder: folder)

    def update_alias(self, *args, **kwargs):
        """As the control plane; every state is kept."""
        view = self.plane.update_alias(*args, **kwargs)
        self.history.append((view.function_version, dict(view.weights)))
        return view

    def delete_function(self, name, qualifier=None):
        """As the service: a name may carry its qualifier."""
        self.plane.delete_function(*self.home.locate(name, qualifier))

    def get_function(self, name, qualifier=None):
        """As the service."""
        return self.plane.version(*self.home.locate(name, qualifier))

    def put_provisioned_concurrency(self, name, qualifier, wanted):
        """As the service, but nothing is started."""
        provisioning.check_request(self.plane, name, qualifier, wanted)
        self.plane.set_provisioned(name, qualifier, wanted)
        return self.get_provisioned_concurrency(name, qualifier)

    def get_provisioned_concurrency(self, name, qualifier):
        """As the service; ready unless told otherwise."""
        found = provisioning.existing(self.plane, name, qualifier)
        wanted = self.plane.share(name).provisioned[found]
        is_ready = found not in self.unready
        return ProvisionedView(
            function_name=name,
            qualifier=found,
            arn=self.home.arn(name, found),
            requested=wanted,
            allocated=wanted if is_ready else 0,
            available=wanted if is_ready else 0,
            status="READY" if is_ready else "IN_PROGRESS",
            status_reason=None,
            last_modified=self._clock.now(),
        )

    def list_provisioned_concurrency(self, name):
        """As the service."""
        found = sorted(self.plane.share(name).provisioned)
        return tuple(self.get_provisioned_concurrency(name, version) for version in found)

    def delete_provisioned_concurrency(self, name, qualifier):
        """As the service."""
        provisioning.check_qualifier(self.plane, name, qualifier)
        self.plane.set_provisioned(name, qualifier or "", None)

    async def invoke(self, function, qualifier, payload, **_):
        """Answer the golden cases as a version of the predict function does."""
        name, qualifier = self.home.locate(function, qualifier)
        view = self.plane.version(name, qualifier)
        assert json.loads(payload) == {"falaj": "verify"}
        if view.version in self.silent:
            raise TooManyRequestsError("ConcurrentInvocationLimitExceeded")
        fault = self.broken.get(view.version, "")
        if self.is_out and fault != "crash":
            fault = "answered 500: the disk does not answer"
        if not fault:
            self.verified.add(view.version)
        if fault == "crash":
            return _invoked({"errorType": "ArtefactError", "errorMessage": "altered"}, "Unhandled")
        status = 500 if fault.startswith("answered 5") else 200
        case = {
            "model": "m",
            "name": "ones",
            "status": status,
            "passed": not fault,
            "reason": fault,
        }
        return _invoked(
            {
                "release": view.version,
                "passed": not fault,
                "models": {"m": {"version": 1, "digest": DIGEST}},
                "cases": [case],
            }
        )


def _invoked(document, error=None):
    return InvokeResult(
        status_code=200,
        payload=json.dumps(document).encode(),
        executed_version="0",
        function_error=error,
        request_id="r",
        log_tail="",
    )


class RolloutRegion:
    """One account, with a function `Predict-m` whose version 1 serves model `m`."""

    def __init__(self, *, clock=None):
        self.clock = clock or HandClock()
        self.account = str(next(_ACCOUNTS))
        _OPEN[:] = [self]
        self.backends = MotoBackends.open(
            account=self.account, region=REGION, endpoint="http://127.0.0.1:1"
        )
        self.cloudwatch = CloudWatchService(
            REGION, self.account, clock=self.clock, on_change=lambda _: None
        )
        self.cloudwatch.install()
        self.functions = StrictLambda(self.clock, self.account)
        self._rest = RestApi(self.functions)
        self.functions.create(FUNCTION)
        self.dark = set()
        self.requests = []
        self.on_request = None
        self._prepare()
        self.lines = []
        self.posts = []

    def _prepare(self):
        plain = self.plain
        plain("dynamodb").create_table(
            TableName="rollouts",
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        plain("s3").create_bucket(
            Bucket=f"decisions-{self.account}",
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        key = plain("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        topic = plain("sns").create_topic(Name="notices")["TopicArn"]
        self.queue = plain("sqs").create_queue(QueueName="people")["QueueUrl"]
        plain("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{self.account}:people",
        )
        self.settings = RolloutSettings(
            table="rollouts",
            decisions_bucket=f"decisions-{self.account}",
            signing_key=key["KeyMetadata"]["KeyId"],
            notices_topic=topic,
        )

    def close(self):
        """Forget everything."""
        self.cloudwatch.reset()
        self.backends.close()
        self.functions.close()

    # ------------------------------------------------------------------- clients
    def client(self, service, **_):
        """Return a client as the controller gets it: it can be dark, and watched."""
        return _client(service, "_answer")

    def plain(self, service):
        """Return a client as an onlooker has it: always answered."""
        return _client(service, "_plainly")

    def _answer(self, service, request):
        is_write = request.method in {"PUT", "DELETE"} or (
            request.method == "POST" and not _is_read(request)
        )
        self.requests.append((service, is_write))
        if self.on_request:
            self.on_request(service, is_write)
        if service in self.dark:
            headers = {"content-type": "application/json"}
            return AWSResponse(request.url, 503, headers, _Raw(b"{}"))
        return self._plainly(service, request)

    def _plainly(self, service, request):
        if service != "lambda":
            return self.backends._before_send(request)
        parts = urlsplit(request.url)
        body = request.body or b""
        work = self._rest.handle(
            request.method,
            parts.path,
            parts.query,
            {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()},
            body.encode() if isinstance(body, str) else bytes(body),
        )
        status, headers, content = _ran(work)
        return AWSResponse(request.url, status, headers, _Raw(content))

    # ---------------------------------------------------------------- controller
    def world(self, **settings):
        """Put a world together, as a process that starts does."""
        chosen = dataclasses.replace(self.settings, **settings)
        return open_world(chosen, make_client=self.client, sleep=lambda _: None)

    def controller(self, world=None, **settings):
        """Start a controller."""
        return RolloutController(
            world or self.world(**settings), clock=self.clock, write=self.lines.append
        )

    # --------------------------------------------------------------------- stack
    def publish(self, text=""):
        """Publish a version, as a stack does."""
        count = len(self.functions.plane.list_versions(FUNCTION))
        return self.functions.publish(FUNCTION, text or f"release {count}")

    def want(self, version, *, plan=None, model="m", function=FUNCTION, **more):
        """Write the desired release, as a stack does."""
        desired = DesiredRelease(
            **{
                "model": model,
                "function": function,
                "release": version,
                "model_version": 1,
                "model_digest": DIGEST,
                "timeout_s": 10,
                "min_warm": 0,
                "risk": "low",
                "plan": plan or PLAN,
            }
            | more
        )
        self.plain("ssm").put_parameter(
            Name=desired_release_parameter(model),
            Value=json.dumps(desired.to_dict()),
            Type="String",
            Overwrite=True,
        )

    def release(self, **more):
        """Publish a version and want it."""
        version = self.publish()
        self.want(version, **more)
        return version

    @property
    def alias(self):
        """Version and weights of the alias."""
        view = self.functions.plane.get_alias(FUNCTION, LIVE_ALIAS)
        return view.function_version, dict(view.weights)

    # ------------------------------------------------------------------- traffic
    def count(self, name, release, value, *, times=1, at=None):
        """Count an outcome as the runtime's log line does."""
        metric = MetricId.of("Falaj", name, {"Model": "m", "Release": release})
        self.cloudwatch.store.put(metric, [value] * times, at=at or self.clock.now())

    def serve(self, release, *, requests, bad=0, latency_ms=(), at=None):
        """Count requests of a release."""
        for name, value in (("Requests", requests), ("Bad", bad), ("InvalidOutput", 0)):
            self.count(name, release, float(value), at=at)
        for value in latency_ms:
            self.count("Latency", release, value, at=at)

    def traffic(self, seconds, *, share, rps=10, candidate="2", candidate_bad=0.0):
        """Serve both releases for a while, in exact proportion, each ten seconds."""
        for _ in range(int(seconds) // 10):
            total = rps * 10
            mine = round(total * share)
            self.serve(candidate, requests=mine, bad=round(mine * candidate_bad))
            self.serve("1", requests=total - mine)
            self.clock.advance(10)

    # -------------------------------------------------------------------- alarms
    def alarm(self, version, *, effect=AlarmEffect.ROLL_BACK, kind="total-failure", is_red=True):
        """Set an alarm of model m that watches a version."""
        name = f"falaj-m-{kind}-{version or 'all'}"
        if name not in self.cloudwatch.alarms:
            self.plain("cloudwatch").put_metric_alarm(
                AlarmName=name,
                AlarmDescription=alarm_text(
                    AlarmText(model="m", version=version, effect=effect, kind=kind, says="bad")
                ),
                Namespace="Falaj",
                MetricName="Bad",
                Statistic="Sum",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
            )
        self.cloudwatch.set_alarm_state(name, "told", "{}", "ALARM" if is_red else "OK")
        return name

    # ---------------------------------------------------------------------- told
    def told(self):
        """Return the notices that reached people, and forget them."""
        found = []
        sqs = self.plain("sqs")
        while batch := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in batch:
                found.append(json.loads(message["Body"])["Message"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def records(self):
        """Return the decision records by key."""
        s3 = self.plain("s3")
        listed = s3.list_objects_v2(Bucket=self.settings.decisions_bucket).get("Contents", ())
        return {
            entry["Key"]: s3.get_object(Bucket=self.settings.decisions_bucket, Key=entry["Key"])[
                "Body"
            ].read()
            for entry in listed
        }


def _ran(work):
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the control plane waited for something")


def _is_read(request):
    target = request.headers.get("X-Amz-Target", b"")
    target = target.decode() if isinstance(target, bytes) else target
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    action = target.rpartition(".")[2] or body.partition(b"Action=")[2].partition(b"&")[0].decode()
    return action.startswith((*READS, "Sign"))
