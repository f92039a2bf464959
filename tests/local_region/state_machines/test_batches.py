"""The machine of the template, the real batch function and S3: stopped, repeated, it adds up."""

import asyncio
import json
import random
from types import SimpleNamespace

import pytest

from falaj.aws.batch_store import S3Store
from falaj.domain.clock import SystemClock
from falaj.domain.signature import Batching
from falaj.entrypoints.batch import BatchWorker
from infra.constructs.batch_machine import definition
from local_region.backends.moto_backends import MotoBackends
from local_region.gateway.messages import Request
from local_region.state_machines.api import StatesApi
from local_region.state_machines.service import StateMachines
from tests.falaj import onnx_models

LINES = b"".join(b'{"id": %d, "x": [%d, 2, 3]}\n' % (n, n) for n in range(400)) + b"poison\n"
ASKED = {
    "model": "rows",
    "model_version": "1",
    "function": "arn:aws:lambda:me-central-1:000000000036:function:batch:1",
    "source": "s3://records/in",
    "target": "s3://records/out",
    "shard_bytes": 1024,
    "concurrency": 3,
    "tolerated": 0,
}


class Functions:
    """Lambda, as far as the machine sees it: the worker, in this process.

    Attributes:
        calls: Events so far.
        stops: Called before a shard is answered, to stop the run in the middle.
    """

    def __init__(self, worker):
        self._worker = worker
        self.calls = []
        self.stops = lambda: None

    async def invoke(self, function, qualifier, payload):
        """Answer, or say what was raised as the runtime client does."""
        assert (function, qualifier) == (ASKED["function"], None)
        await asyncio.sleep(0)
        event = json.loads(payload)
        self.calls.append(event["step"])
        if self.calls.count("shard") == 4:
            self.stops()
            await asyncio.sleep(0)
        try:
            answer, error = self._worker(event), None
        except Exception as raised:  # noqa: BLE001 - as the runtime client does
            answer = {"errorType": type(raised).__name__, "errorMessage": str(raised)}
            error = "Unhandled"
        return SimpleNamespace(payload=json.dumps(answer).encode(), function_error=error)


@pytest.fixture
def s3():
    """An account with records."""
    backends = MotoBackends.open(
        account="000000000036", region="me-central-1", endpoint="http://127.0.0.1:1"
    )
    where = {"LocationConstraint": "me-central-1"}
    backends.client("s3").create_bucket(Bucket="records", CreateBucketConfiguration=where)
    backends.client("s3").put_object(Bucket="records", Key="in/a.jsonl", Body=LINES)
    yield backends
    backends.close()


@pytest.fixture
def functions(s3, tmp_path):
    """The batch function of a model."""
    rows = Batching(batch_axis=0, batch_invariant=True)
    onnx_models.write_version(tmp_path, "rows", 1, onnx_models.linear(features=3), batching=rows)
    repository = onnx_models.service_of(tmp_path).repository
    open_store = lambda bucket: S3Store(s3.client("s3"), bucket)  # noqa: E731
    return Functions(BatchWorker(repository, "rows", open_store=open_store, write=lambda _: None))


class Operator:
    """Calls Step Functions as boto3 does."""

    def __init__(self, functions, s3):
        self.machines = StateMachines(
            functions,
            s3,
            clock=SystemClock(),
            rng=random.Random(1),
            account="000000000036",
            region="me-central-1",
        )
        self.machine = self.machines.put("batches", json.dumps(definition()))
        self._api = StatesApi(self.machines)

    async def call(self, operation, **asked):
        """Return the status and the answer of one call."""
        request = Request(
            method="POST",
            path="/",
            query="",
            headers=(("x-amz-target", f"AWSStepFunctions.{operation}"),),
            body=json.dumps(asked).encode(),
            source_ip="127.0.0.1",
        )
        response = await self._api.serve(request)
        return response.status, json.loads(response.body)

    async def start(self, **change):
        """Begin a run and return its ARN."""
        text = json.dumps({**ASKED, **change})
        _, told = await self.call("StartExecution", stateMachineArn=self.machine, input=text)
        return told["executionArn"]

    async def ended(self, arn):
        """Wait for a run's end, and return how it ended."""
        await asyncio.gather(self.machines.executions[arn].task, return_exceptions=True)
        return (await self.call("DescribeExecution", executionArn=arn))[1]


def test_run_that_was_stopped_goes_on_and_adds_up(functions, s3):
    """Stopped among its shards, repeated, every record is answered or quarantined once."""

    async def story():
        operator = Operator(functions, s3)
        first = await operator.start()
        stop = operator.machines.stop
        functions.stops = lambda: stop(operator.machines.executions[first], "Stopped", "enough")
        stopped = await operator.ended(first)
        functions.stops = lambda: None
        done = functions.calls.count("shard")
        second = await operator.start()
        ended = await operator.ended(second)
        _, maps = await operator.call("ListMapRuns", executionArn=second)
        (run,) = maps["mapRuns"]
        _, counted = await operator.call("DescribeMapRun", mapRunArn=run["mapRunArn"])
        _, listed = await operator.call("ListExecutions", stateMachineArn=operator.machine)
        return stopped, done, ended, counted["itemCounts"], listed["executions"]

    stopped, done, ended, counts, listed = asyncio.run(story())
    assert (stopped["status"], stopped["error"]) == ("ABORTED", "Stopped")
    result = json.loads(ended["output"])
    assert done < result["shards"]
    assert (result["records"], result["answered"], result["quarantined"]) == (401, 400, 1)
    assert (counts["succeeded"], counts["total"]) == (result["shards"], result["shards"])
    assert [each["status"] for each in listed] == ["SUCCEEDED", "ABORTED"]


def test_run_that_cannot_be_fails_with_the_functions_own_words(functions, s3):
    """Whoever reads the execution reads what to do, and nothing was tried twice."""

    async def story():
        operator = Operator(functions, s3)
        return await operator.ended(await operator.start(source="s3://records/nothing"))

    ended = asyncio.run(story())
    assert (ended["status"], ended["error"]) == ("FAILED", "BatchRefusedError")
    assert "holds no records" in json.loads(ended["cause"])["errorMessage"]
    assert functions.calls == ["plan"]


@pytest.mark.parametrize(
    ("operation", "asked", "code"),
    [
        ("StartExecution", {"stateMachineArn": "arn:x"}, "StateMachineDoesNotExist"),
        ("StartExecution", {"input": "[]"}, "InvalidExecutionInput"),
        ("StartExecution", {"name": "a b"}, "InvalidName"),
        ("DescribeExecution", {"executionArn": "arn:x"}, "ExecutionDoesNotExist"),
        ("DescribeMapRun", {"mapRunArn": "arn:x"}, "ResourceNotFound"),
        ("CreateStateMachine", {}, "UnknownOperationException"),
    ],
)
def test_call_that_aws_refuses_is_refused(functions, s3, operation, asked, code):
    """By AWS's own codes; what is not known here says so."""

    async def story():
        operator = Operator(functions, s3)
        return await operator.call(operation, **{"stateMachineArn": operator.machine, **asked})

    status, told = asyncio.run(story())
    assert (status, told["__type"]) == (400, code)
