"""One invocation from admission to answer, with the log lines and error payloads Lambda writes.

Source: payloads as the real service answered them, recorded in localstack's
test_lambda.snapshot.json;
log lines from docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
lambda-runtime-environment.html ("Failures during the Init phase"), read 2026-11-22.
"""

import math
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from falaj.domain.clock import Clock, SystemClock
from local_region.lambda_service.control_plane import ControlPlane
from local_region.lambda_service.environment import End, Phase
from local_region.lambda_service.names import LATEST
from local_region.lambda_service.pool import Lease, Pools
from local_region.lambda_service.refusals import (
    InvalidRequestContentError,
    RequestTooLargeError,
    TooManyRequestsError,
)
from local_region.lambda_service.routing import pick_version
from local_region.lambda_service.runtime_api import LARGEST_RESPONSE_BYTES, Delivery
from local_region.lambda_service.values import (
    FunctionError,
    InvocationType,
    Invoked,
    InvokeResult,
    VersionView,
)

# docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-22: 6 MB
# synchronous, 1 MB asynchronous.
LARGEST_REQUEST_BYTES: Final = 6 * 1024 * 1024
LARGEST_EVENT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An invocation that was admitted: it exists, and its payload is acceptable."""

    function: str
    qualifier: str
    arn: str
    payload: bytes
    request_id: str
    trace: str
    client_context: str | None

    def accepted(self, status: int) -> InvokeResult:
        """Answer a dry run or an event, which carry no payload."""
        return InvokeResult(
            status_code=status,
            payload=b"",
            function_error=None,
            executed_version="",
            log_tail="",
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """What came of the environment's phases."""

    phase: Phase
    is_cold: bool
    init_ms: float
    duration_ms: float


class Invoker:
    """Runs invocations.

    Args:
        plane: Resolves names and aliases.
        pools: Gives environments.
        seed: Seeds request ids, and each alias's own stream of routing draws.
        on_invocation: Told of every attempt, throttled ones included.
        process_clock: What function processes take for the time; deadlines are told by it.
        process_speed: Seconds of theirs that pass in one of the machine's, which limits count.
    """

    def __init__(
        self,
        plane: ControlPlane,
        pools: Pools,
        *,
        seed: int,
        on_invocation: Callable[[Invoked], None] | None = None,
        process_clock: Clock | None = None,
        process_speed: float = 1.0,
    ) -> None:
        self._plane, self._pools, self._seed = plane, pools, seed
        self._tell = on_invocation or (lambda _: None)
        self._ids = random.Random(f"{seed}/ids")  # noqa: S311 - names, not secrets
        self._routing: dict[tuple[str, str], random.Random] = {}
        self._process_clock = process_clock or SystemClock()
        self._process_speed = process_speed

    def admit(
        self,
        function: str,
        qualifier: str | None,
        payload: bytes,
        *,
        invocation_type: InvocationType,
        request_id: str | None,
        trace: str | None,
        client_context: str | None,
    ) -> Call:
        """Refuse what AWS refuses before anything runs."""
        name, resolved = self._plane.home.locate(function, qualifier)
        self._plane.version(name, resolved)
        _check_payload(payload, invocation_type)
        return Call(
            function=name,
            qualifier=resolved or LATEST,
            arn=self._plane.home.arn(name, resolved),
            payload=payload or b"{}",
            request_id=request_id or str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            trace=trace or self._new_trace(),
            client_context=client_context,
        )

    async def run(self, call: Call) -> InvokeResult:
        """Run an invocation to its end; it always gets an answer.

        Raises:
            TooManyRequestsError: The function, or the account, is at its concurrency.
        """
        at = self._pools.now()
        version = self._route(call)
        try:
            lease = self._pools.acquire(version, call.qualifier, call.request_id)
        except TooManyRequestsError:
            self._tell(self._invoked(call, at))
            raise
        is_alive = False
        try:
            ran = await self._phases(call, lease)
            is_alive = ran.phase.is_alive
            payload, error = self._answer(call, version, ran.phase)
            self._report(call, lease, ran, payload if error else b"")
            self._tell(
                self._invoked(call, at, version.version, ran=ran, is_error=error is not None)
            )
            return InvokeResult(
                status_code=200,
                payload=payload,
                function_error=error,
                executed_version=version.version,
                log_tail=lease.tail.text(),
                request_id=call.request_id,
                cold_start=ran.is_cold,
                init_ms=ran.init_ms,
                duration_ms=ran.duration_ms,
            )
        finally:
            lease.environment.request_id = ""
            self._pools.release(lease, is_alive=is_alive)

    # ----------------------------------------------------------------- private
    def _invoked(
        self,
        call: Call,
        at: datetime,
        executed_version: str | None = None,
        *,
        ran: _Ran | None = None,
        is_error: bool = False,
    ) -> Invoked:
        return Invoked(
            function=call.function,
            qualifier=None if call.qualifier == LATEST else call.qualifier,
            is_alias=self._plane.find_alias(call.function, call.qualifier) is not None,
            executed_version=executed_version,
            request_id=call.request_id,
            trace=call.trace,
            at=at,
            duration_ms=ran.duration_ms if ran else 0.0,
            is_cold=ran is not None and ran.is_cold,
            is_error=is_error,
            is_timeout=ran is not None and ran.phase.end is End.TIMED_OUT,
        )

    def _route(self, call: Call) -> VersionView:
        alias = self._plane.find_alias(call.function, call.qualifier)
        if alias is None:
            return self._plane.version(call.function, call.qualifier)
        key = (call.function, alias.name)
        if key not in self._routing:
            self._routing[key] = random.Random(f"{self._seed}/{call.function}:{alias.name}")  # noqa: S311
        return self._plane.version(call.function, pick_version(alias, self._routing[key]))

    async def _phases(self, call: Call, lease: Lease) -> _Ran:
        environment, settings = lease.environment, lease.environment.version.settings
        init_ms = spent_ms = 0.0
        if lease.is_cold:
            init = await environment.init(self._plane.limits.init_phase_s)
            init_ms = init.milliseconds
            if not init.is_alive:
                self._log_init(lease, init, "init")
                self._start(call, lease)
                again = await environment.init(settings.timeout_s)
                spent_ms = again.milliseconds
                if not again.is_alive:
                    self._log_init(lease, again, "invoke")
                    return _Ran(phase=again, is_cold=True, init_ms=init_ms, duration_ms=spent_ms)
            else:
                self._start(call, lease)
        else:
            self._start(call, lease)
        left_s = max(0.0, settings.timeout_s - spent_ms / 1000)
        phase = await environment.run(self._delivery(call, left_s), left_s)
        return _Ran(
            phase=phase,
            is_cold=lease.is_cold,
            init_ms=init_ms,
            duration_ms=spent_ms + phase.milliseconds,
        )

    def _delivery(self, call: Call, left_s: float) -> Delivery:
        left = timedelta(seconds=left_s * self._process_speed)
        deadline = self._process_clock.now() + left
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(int(deadline.timestamp() * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": call.arn,
            "Lambda-Runtime-Trace-Id": call.trace,
        }
        if call.client_context:
            headers["Lambda-Runtime-Client-Context"] = call.client_context
        return Delivery(request_id=call.request_id, payload=call.payload, headers=headers)

    def _answer(
        self, call: Call, version: VersionView, phase: Phase
    ) -> tuple[bytes, FunctionError | None]:
        posted = phase.posted
        if posted is not None and phase.end is not End.OUT_OF_MEMORY:
            if posted.too_large:
                return _error(
                    "Response payload size exceeded maximum allowed payload size "
                    f"({LARGEST_RESPONSE_BYTES} bytes).",
                    "Function.ResponseSizeTooLarge",
                )
            is_error = posted.is_error
            return posted.body, "Unhandled" if is_error else None
        match phase.end:
            case End.TIMED_OUT:
                sentence = f"Task timed out after {version.settings.timeout_s:.2f} seconds"
                return _error(f"RequestId: {call.request_id} Error: {sentence}", "Sandbox.Timedout")
            case End.OUT_OF_MEMORY:
                reason = "Runtime exited with error: signal: killed"
            case _:
                reason = _exit_reason(phase.exit_status)
        return _error(f"RequestId: {call.request_id} Error: {reason}", "Runtime.ExitError")

    def _start(self, call: Call, lease: Lease) -> None:
        lease.environment.request_id = call.request_id
        version = lease.environment.version.version
        self._log(lease, f"START RequestId: {call.request_id} Version: {version}", call)

    def _report(self, call: Call, lease: Lease, ran: _Ran, error: bytes) -> None:
        settings = lease.environment.version.settings
        kind = orjson.loads(error)["errorType"] if _is_platform(ran.phase) and error else ""
        if ran.phase.end is End.TIMED_OUT:
            now = (
                f"{self._pools.now():%Y-%m-%dT%H:%M:%S}.{self._pools.now().microsecond // 1000:03}Z"
            )
            self._log(
                lease,
                f"{now} {call.request_id} Task timed out after {settings.timeout_s:.2f} seconds",
                call,
            )
        elif kind == "Runtime.ExitError":
            self._log(lease, f"{orjson.loads(error)['errorMessage']}\n{kind}", call)
        self._log(lease, f"END RequestId: {call.request_id}", call)
        billed = ran.duration_ms + (ran.init_ms if ran.is_cold else 0.0)
        parts = [
            f"REPORT RequestId: {call.request_id}",
            f"Duration: {ran.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(billed)} ms",
            f"Memory Size: {settings.memory_mib} MB",
            f"Max Memory Used: {math.ceil(ran.phase.peak_mib)} MB",
        ]
        if ran.is_cold:
            parts.append(f"Init Duration: {ran.init_ms:.2f} ms")
        if ran.phase.end is End.TIMED_OUT:
            parts.append("Status: timeout")
        elif kind:
            parts.append(f"Status: error\tError Type: {kind}")
        self._log(lease, "\t".join(parts) + "\t", call)

    def _log_init(self, lease: Lease, phase: Phase, name: str) -> None:
        line = f"INIT_REPORT Init Duration: {phase.milliseconds:.2f} ms\tPhase: {name}\t"
        if phase.end is End.TIMED_OUT:
            line += "Status: timeout"
        else:
            kind = phase.posted.error_type if phase.posted else "Runtime.ExitError"
            line += f"Status: error\tError Type: {kind}"
        self._pools.log(lease.environment, line)

    def _log(self, lease: Lease, text: str, call: Call) -> None:
        lease.environment.request_id = call.request_id
        self._pools.log(lease.environment, text)

    def _new_trace(self) -> str:
        root, parent = self._ids.getrandbits(128), self._ids.getrandbits(64)
        text = f"{root:032x}"
        return f"Root=1-{text[:8]}-{text[8:]};Parent={parent:016x};Sampled=0"


def _check_payload(payload: bytes, invocation_type: InvocationType) -> None:
    if invocation_type == "Event" and len(payload) > LARGEST_EVENT_BYTES:
        raise RequestTooLargeError(
            f"{len(payload)} byte payload is too large for the Event invocation type "
            f"(limit {LARGEST_EVENT_BYTES} bytes)"
        )
    if len(payload) > LARGEST_REQUEST_BYTES:
        raise RequestTooLargeError(
            f"Request must be smaller than {LARGEST_REQUEST_BYTES} bytes for the InvokeFunction "
            "operation"
        )
    if payload:
        try:
            orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise InvalidRequestContentError(
                "Could not parse request body into json: Could not parse payload into json: "
                f"{error}"
            ) from error


def _error(message: str, kind: str) -> tuple[bytes, FunctionError]:
    return orjson.dumps({"errorType": kind, "errorMessage": message}), "Unhandled"


def _exit_reason(status: int | None) -> str:
    """Word an exit as Lambda's Go supervisor does."""
    if status is None or status == 0:
        return "Runtime exited without providing a reason"
    if status < 0:
        return f"Runtime exited with error: signal: {_SIGNALS.get(-status, str(-status))}"
    return f"Runtime exited with error: exit status {status}"


_SIGNALS: Final = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}
"""Go's names of signals, which the message carries: src/syscall/zerrors_linux_amd64.go."""


def _is_platform(phase: Phase) -> bool:
    """Tell an error that Lambda worded from one that the handler raised."""
    return phase.end is not End.WAITING or (phase.posted is not None and phase.posted.too_large)
