"""The state machines of a region and their executions, and the world that states reach."""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from botocore.exceptions import ClientError

from falaj.domain.clock import Clock
from local_region.backends.moto_backends import MotoBackends
from local_region.background import begin
from local_region.lambda_service import LambdaApiError, LambdaService
from local_region.state_machines.definition import read
from local_region.state_machines.execution import Interpreter, MapRun
from local_region.state_machines.paths import Json, StateError

PAYLOAD_BYTES: Final = 256 * 1024
"""Largest input and output of a state.

Source: docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, read 2026-11-22.
"""
_THROTTLED: Final = 429


@dataclass(slots=True, kw_only=True)
class Execution:
    """One execution.

    Attributes:
        arn: Its ARN.
        machine: Its machine's ARN.
        name: Its name.
        input: What it began with.
        started: When it began.
        stopped: When it ended.
        status: As DescribeExecution says it.
        output: What it came to; None until it succeeded.
        error: Why it failed.
        cause: The same for people.
        maps: Its maps, by ARN.
        task: What carries it out.
    """

    arn: str
    machine: str
    name: str
    input: str
    started: datetime
    stopped: datetime | None = None
    status: str = "RUNNING"
    output: str | None = None
    error: str = ""
    cause: str = ""
    maps: dict[str, MapRun] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class StateMachines:
    """Keeps machines and carries executions out.

    Args:
        functions: What tasks invoke.
        aws: Where maps read.
        clock: Dates executions.
        rng: Names executions and spreads retries.
        account: Account id in ARNs.
        region: Region in ARNs.
    """

    def __init__(
        self,
        functions: LambdaService,
        aws: MotoBackends,
        *,
        clock: Clock,
        rng: random.Random,
        account: str,
        region: str,
    ) -> None:
        self._functions, self._aws, self._clock, self._rng = functions, aws, clock, rng
        self._home = f"{region}:{account}"
        self._machines: dict[str, dict[str, Any]] = {}
        self.executions: dict[str, Execution] = {}

    # ---------------------------------------------------------------- machines
    def put(self, name: str, definition: str) -> str:
        """Make or change a machine; return its ARN.

        Raises:
            ConfigurationError: Everything in its definition that is not carried out here.
        """
        arn = f"arn:aws:states:{self._home}:stateMachine:{name}"
        self._machines[arn] = read(definition)
        return arn

    def delete(self, arn: str) -> None:
        """Forget a machine; its executions go on."""
        self._machines.pop(arn, None)

    def machines(self) -> tuple[str, ...]:
        """Return the ARNs of all machines."""
        return tuple(self._machines)

    def has(self, arn: str) -> bool:
        """Whether there is such a machine."""
        return arn in self._machines

    # -------------------------------------------------------------- executions
    def start(self, machine: str, name: str, text: str) -> Execution:
        """Begin an execution; whoever asks again by the same name and input gets the same."""
        name = name or str(UUID(int=self._rng.getrandbits(128), version=4))
        short = machine.rpartition(":")[2]
        arn = f"arn:aws:states:{self._home}:execution:{short}:{name}"
        if arn not in self.executions:
            execution = Execution(
                arn=arn, machine=machine, name=name, input=text, started=self._clock.now()
            )
            self.executions[arn] = execution
            execution.task = begin(self._carried_out(execution, self._machines[machine]))
        return self.executions[arn]

    def stop(self, execution: Execution, error: str, cause: str) -> datetime:
        """End an execution and whatever it has under way."""
        if execution.status == "RUNNING":
            self._end(execution, "ABORTED", error=error, cause=cause)
            if execution.task is not None:
                execution.task.cancel()
        return execution.stopped or self._clock.now()

    async def close(self) -> None:
        """End every execution."""
        tasks = [each.task for each in self.executions.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carried_out(self, execution: Execution, machine: Mapping[str, Any]) -> None:
        def begun(run: MapRun) -> None:
            id_ = UUID(int=self._rng.getrandbits(128), version=4)
            short = execution.machine.rpartition(":")[2]
            execution.maps[f"arn:aws:states:{self._home}:mapRun:{short}/map:{id_}"] = run

        interpreter = Interpreter(
            world=_World(self._functions, self._aws), rng=self._rng, on_map=begun
        )
        context = {"Execution": {"Id": execution.arn, "Name": execution.name}}
        try:
            output = await interpreter.run(machine, json.loads(execution.input), context)
        except StateError as error:
            status = "TIMED_OUT" if error.error == "States.Timeout" else "FAILED"
            self._end(execution, status, error=error.error, cause=error.cause)
        else:
            execution.output = json.dumps(output)
            self._end(execution, "SUCCEEDED")

    def _end(self, execution: Execution, status: str, *, error: str = "", cause: str = "") -> None:
        if execution.status != "RUNNING":
            return
        execution.status, execution.stopped = status, self._clock.now()
        execution.error, execution.cause = error, cause


class _World:
    """Functions and S3, as states see them."""

    def __init__(self, functions: LambdaService, aws: MotoBackends) -> None:
        self._functions, self._aws = functions, aws

    async def invoke(self, function: str, payload: Json) -> Json:
        """Invoke a function and return its answer."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        _check_size(body)
        try:
            result = await self._functions.invoke(function, None, body)
        except LambdaApiError as error:
            name = (
                "Lambda.TooManyRequestsException"
                if error.http_status == _THROTTLED
                else f"Lambda.{error.aws_code}"
            )
            raise StateError(name, error.message) from error
        if result.function_error:
            raise _failure(result.payload)
        _check_size(result.payload)
        return json.loads(result.payload)

    async def read(self, bucket: str, key: str) -> bytes:
        """Return an object."""

        def got() -> bytes:
            content: bytes = (
                self._aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            )
            return content

        try:
            return await asyncio.to_thread(got)
        except ClientError as error:
            raise StateError("States.ItemReaderFailed", str(error)) from error


def _failure(payload: bytes) -> StateError:
    """Name what a function raised as Step Functions does: by its class."""
    try:
        told = json.loads(payload)
    except ValueError:
        told = {}
    name = told.get("errorType") if isinstance(told, dict) else None
    return StateError(str(name or "Lambda.Unknown"), payload.decode("utf-8", "replace"))


def _check_size(body: bytes) -> None:
    if len(body) > PAYLOAD_BYTES:
        raise StateError(
            "States.DataLimitExceeded", f"{len(body)} bytes; a state takes {PAYLOAD_BYTES}"
        )
