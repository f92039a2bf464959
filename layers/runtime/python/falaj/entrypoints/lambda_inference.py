"""A Lambda handler that answers inference requests and leaves one line for each."""

import sys
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from falaj.config.settings import Settings
from falaj.contract import (
    HEADER_EXPERIMENT,
    HEADER_REQUEST_ID,
    HEADER_VARIANT,
    RESPONSE_LIMIT_BYTES,
)
from falaj.entrypoints.lambda_events import request_of, result_of
from falaj.errors import RequestError, ResponseTooLargeError
from falaj.http.messages import Request, Response
from falaj.http.oip import answer, failed
from falaj.http.service import Service
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.trace import trace_keys, xray_root

if TYPE_CHECKING:
    from falaj.entrypoints.capturing import Capture
    from falaj.entrypoints.lambda_experiments import Experiments

WORST_GROWTH: Final = 3
"""A body grows at most so much when it becomes a JSON string: two bytes become `\\u0634`."""

_ENVELOPE_BYTES: Final = 4096  # status, headers and braces around the body


class LambdaInference:
    """Handles the events of one function.

    Args:
        service: What it serves.
        settings: The function's environment.
        write: Takes each line; by default standard output, which Lambda sends to CloudWatch.
        response_limit_bytes: Largest result that Lambda takes back.
        experiments: What assigns requests to arms; None where no arms are packaged.
        capture: What tells auditors who asked; None where nobody records.

    Attributes:
        capture: As given.
    """

    def __init__(
        self,
        service: Service,
        settings: Settings,
        *,
        write: Callable[[str], object] | None = None,
        response_limit_bytes: int = RESPONSE_LIMIT_BYTES,
        experiments: "Experiments | None" = None,
        capture: "Capture | None" = None,
    ) -> None:
        self._service = service
        self._experiments = experiments
        self.capture = capture
        self._write = write or _to_stdout
        self._limit = response_limit_bytes
        self._is_cold = True
        self._log = OutcomeLog(
            model=settings.model_name or "all",
            release=service.release,
            level=settings.log_level,
            fixed={
                "service": settings.model_name or "falaj",
                "function_name": settings.function_name,
                "function_memory_size": settings.memory_mib,
            },
        )

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer one event; nothing is ever raised.

        A direct invocation with `{"falaj": "verify"}` runs the packaged golden cases instead.
        """
        if isinstance(event, dict) and event.get("falaj") == "verify":
            return self._verified()
        begun = perf_counter_ns()
        at = self._service.clock.now()
        seen = None
        try:
            request = request_of(event)
        except RequestError as error:
            request = Request("", "")
            response = failed(error, request, self._service)
        else:
            if (capture := self.capture) is not None:
                seen = capture.seen(event, request.body, at)
                self._write(capture.begun(seen, self._service, at, context))
            if (experiments := self._experiments) is None:
                response = answer(request, self._service)
            else:
                response = experiments.answer(event, request, self._service, at)
        result = result_of(response)
        if len(response.body) * WORST_GROWTH > self._limit:
            response, result = self._fitted(request, response, result)
        is_cold, self._is_cold = self._is_cold, False
        keys = _keys(request, response, context, self._experiments)
        if self.capture is not None:
            keys["audit"] = seen or self.capture.seen(event, request.body, at)
        line = self._log.line(
            response.outcome,
            at=at,
            latency_ns=perf_counter_ns() - begun,
            is_cold=is_cold,
            keys=keys,
        )
        self._write(line + "\n")
        return result

    def _verified(self) -> dict[str, Any]:
        from falaj.http.golden import verify  # noqa: PLC0415 - asked once in a release's life

        self._is_cold = False
        return verify(self._service)

    def _fitted(
        self, request: Request, response: Response, result: dict[str, Any]
    ) -> tuple[Response, dict[str, Any]]:
        """Replace a result that Lambda would refuse by an error that says what to do."""
        size = len(result["body"])
        if not result["isBase64Encoded"]:
            # As the runtime client writes it: python3.11's escapes every letter beyond ASCII.
            from json import dumps  # noqa: PLC0415 - for answers near the limit only

            size = len(dumps(result["body"]))
        size += _ENVELOPE_BYTES
        if size <= self._limit:
            return response, result
        error = ResponseTooLargeError(
            size_bytes=size, limit_bytes=self._limit, model=response.outcome.model
        )
        replaced = failed(error, request, self._service, outcome=response.outcome)
        for name in (HEADER_EXPERIMENT, HEADER_VARIANT):
            if name in response.headers:
                replaced.headers[name] = response.headers[name]
        return replaced, result_of(replaced)


def _keys(
    request: Request,
    response: Response,
    context: Any,  # noqa: ANN401
    experiments: "Experiments | None",
) -> dict[str, Any]:
    headers = request.headers
    keys: dict[str, Any] = {
        "request_id": response.headers.get(HEADER_REQUEST_ID),
        "status": response.status,
        "variant": response.headers.get(HEADER_VARIANT),
        "experiment_id": None,
    }
    if context is not None:
        keys["function_request_id"] = context.aws_request_id
        keys["function_arn"] = context.invoked_function_arn
    if "x-amzn-trace-id" in headers:
        keys["xray_trace_id"] = xray_root(headers["x-amzn-trace-id"])
    if "traceparent" in headers:
        keys |= trace_keys(headers["traceparent"])
    if experiments is not None:
        keys |= experiments.taken()
    return keys


def _to_stdout(line: str) -> None:
    sys.stdout.write(line)
