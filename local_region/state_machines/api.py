"""The calls of Step Functions that operators make, as boto3 sends them.

Source:
    botocore's stepfunctions model (protocol json 1.0, target prefix AWSStepFunctions) and
    docs.aws.amazon.com/step-functions/latest/apireference. Read 2026-11-22.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from local_region.gateway.messages import Request, Response
from local_region.state_machines.execution import MapRun
from local_region.state_machines.service import PAYLOAD_BYTES, Execution, StateMachines

_OK: Final = 200
_REFUSED: Final = 400
_TYPE: Final = "application/x-amz-json-1.0"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")
"""AWS refuses white space, brackets, wildcards and some other characters; this is stricter."""


class StatesApiError(Exception):
    """A call that Step Functions refuses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StatesApi:
    """Answers Step Functions' API.

    Args:
        machines: The machines and their executions.
    """

    def __init__(self, machines: StateMachines) -> None:
        self._machines = machines
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "DescribeExecution": self._describe_execution,
            "DescribeMapRun": self._describe_map_run,
            "ListExecutions": self._list_executions,
            "ListMapRuns": self._list_map_runs,
            "ListStateMachines": self._list_machines,
            "StartExecution": self._start,
            "StopExecution": self._stop,
        }

    async def serve(self, request: Request) -> Response:
        """Answer one call."""
        operation = request.header("x-amz-target").rpartition(".")[2]
        handler = self._operations.get(operation, _refuse)
        try:
            return _answer(_OK, handler(orjson.loads(request.body or b"{}")))
        except StatesApiError as error:
            return _answer(_REFUSED, {"__type": error.code, "message": str(error)})
        except orjson.JSONDecodeError as error:
            return _answer(_REFUSED, {"__type": "SerializationException", "message": str(error)})

    def _start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        machine, name = self._machine(asked), str(asked.get("name", ""))
        text = str(asked.get("input", "{}"))
        if name and not _NAME.fullmatch(name):
            raise StatesApiError("InvalidName", f"Invalid Name: '{name[:120]}'")
        try:
            is_object = isinstance(orjson.loads(text), dict)
        except orjson.JSONDecodeError:
            is_object = False
        if not is_object or len(text.encode()) > PAYLOAD_BYTES:
            raise StatesApiError(
                "InvalidExecutionInput", "the input is no JSON object, or too long"
            )
        execution = self._machines.start(machine, name, text)
        if execution.input != text or (name and execution.status != "RUNNING"):
            raise StatesApiError(
                "ExecutionAlreadyExists", f"Execution Already Exists: '{execution.arn}'"
            )
        return {"executionArn": execution.arn, "startDate": _seconds(execution.started)}

    def _stop(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(asked)
        error, cause = str(asked.get("error", "")), str(asked.get("cause", ""))
        return {"stopDate": _seconds(self._machines.stop(execution, error, cause))}

    def _describe_execution(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(asked)
        ended = {
            "output": execution.output,
            "error": execution.error or None,
            "cause": execution.cause or None,
        }
        return {
            **_listed(execution),
            "input": execution.input,
            **{name: value for name, value in ended.items() if value is not None},
        }

    def _list_executions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        machine, status = self._machine(asked), asked.get("statusFilter")
        found = [
            each
            for each in reversed(self._machines.executions.values())
            if each.machine == machine and status in {None, each.status}
        ]
        return {"executions": [_listed(each) for each in found[: asked.get("maxResults", 100)]]}

    def _list_machines(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "stateMachines": [
                {"stateMachineArn": arn, "name": arn.rpartition(":")[2], "type": "STANDARD"}
                for arn in self._machines.machines()
            ]
        }

    def _list_map_runs(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(asked)
        return {
            "mapRuns": [
                {
                    "executionArn": execution.arn,
                    "mapRunArn": arn,
                    "stateMachineArn": execution.machine,
                    "startDate": _seconds(execution.started),
                }
                for arn in execution.maps
            ]
        }

    def _describe_map_run(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        arn = str(asked.get("mapRunArn"))
        for execution in self._machines.executions.values():
            if arn in execution.maps:
                return _map_run(arn, execution, execution.maps[arn])
        raise StatesApiError("ResourceNotFound", f"Resource not found: '{arn[:200]}'")

    def _machine(self, asked: Mapping[str, Any]) -> str:
        arn = str(asked.get("stateMachineArn"))
        if not self._machines.has(arn):
            raise StatesApiError(
                "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn[:200]}'"
            )
        return arn

    def _execution(self, asked: Mapping[str, Any]) -> Execution:
        arn = str(asked.get("executionArn"))
        execution = self._machines.executions.get(arn)
        if execution is None:
            raise StatesApiError(
                "ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn[:200]}'"
            )
        return execution


def _refuse(_: Mapping[str, Any]) -> dict[str, Any]:
    raise StatesApiError(
        "UnknownOperationException", "this call of Step Functions is not known here"
    )


def _listed(execution: Execution) -> dict[str, Any]:
    stopped = execution.stopped
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine,
        "name": execution.name,
        "status": execution.status,
        "startDate": _seconds(execution.started),
        **({"stopDate": _seconds(stopped)} if stopped else {}),
    }


def _map_run(arn: str, execution: Execution, run: MapRun) -> dict[str, Any]:
    done = run.running + run.succeeded + run.failed + run.aborted
    counts = {
        "pending": run.total - done,
        "running": run.running,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "timedOut": 0,
        "aborted": run.aborted,
        "total": run.total,
        "resultsWritten": 0,
    }
    return {
        "mapRunArn": arn,
        "executionArn": execution.arn,
        "status": run.status,
        "startDate": _seconds(execution.started),
        "maxConcurrency": run.concurrency,
        "toleratedFailurePercentage": 0.0,
        "toleratedFailureCount": run.tolerated,
        "itemCounts": counts,
        "executionCounts": counts,
    }


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(
        status=status, headers=(("content-type", _TYPE),), body=orjson.dumps(dict(body))
    )
