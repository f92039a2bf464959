"""What every answer of the platform has around it: its names in headers, a last resort, a line."""

import logging
import os
import re
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter_ns
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falaj.contract import HEADER_RELEASE, HEADER_REQUEST_ID
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import (
    FalajError,
    MethodNotAllowedError,
    ServiceError,
    UnknownModelError,
)
from falaj.http.absent import absent
from falaj.http.failures import failure_body, failure_headers, status_of
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.trace import traces

MODELS: Final = "/v2/models/"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:;=@/+-]{1,128}")
_SCOPE_KEY: Final = "falaj.request_id"
_LOG: Final = logging.getLogger("falaj.platform")


class Record:
    """Leaves one line for each answer: a log entry that is its metrics as well.

    Args:
        log: Writes outcomes as lines.
        write: Takes each line, its break included.
        clock: Tells when a request began.
    """

    def __init__(
        self, log: OutcomeLog, write: Callable[[str], object], clock: Clock | None = None
    ) -> None:
        self._log, self._write = log, write
        self._clock = clock or SystemClock()
        self._is_cold = True

    def __call__(self, scope: Scope, *, status: int, begun_ns: int) -> None:
        """Record an answer.

        Only the route's pattern is named: a path can hold what a log must not.

        Args:
            scope: The request, as its router left it.
            status: What it was answered.
            begun_ns: When it began, by `perf_counter_ns`.
        """
        is_cold, self._is_cold = self._is_cold, False
        latency_ns = perf_counter_ns() - begun_ns
        line = self._log.line(
            Outcome(ending=_ending(status), operation=_operation(scope)),
            at=self._clock.now(),
            latency_ns=latency_ns,
            is_cold=is_cold,
            keys=_keys(scope, status),
        )
        self._write(line + "\n")


class Envelope:
    """ASGI middleware: a request id, the release, 500 in the one error body, a line.

    Attributes:
        app: What answers inside.
        release: The version of the function that runs this.
        record: Leaves a line for each answer.
    """

    def __init__(self, app: ASGIApp, *, release: str, record: Record | None = None) -> None:
        self.app, self.release, self.record = app, release, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun_ns, status = perf_counter_ns(), 0
        scope[_SCOPE_KEY] = request_id = _request_id(scope)

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER_REQUEST_ID] = request_id
                headers[HEADER_RELEASE] = self.release
            await send(message)

        try:
            await self.app(scope, receive, send_named)
        except Exception:  # noqa: BLE001 - the last resort: a caller gets a body, never a traceback
            _LOG.exception("request %s failed", request_id)
            error = ServiceError("internal error")
            await refuse(Request(scope), error)(scope, receive, send_named)
        if self.record is not None:
            self.record(scope, status=status, begun_ns=begun_ns)


def refuse(request: Request, error: Exception) -> Response:
    """Answer with the one error body.

    Raises:
        Exception: The error itself, if it is none of ours.
    """
    if not isinstance(error, FalajError):
        raise error
    body = failure_body(message=str(error), code=error.code, request_id=request.scope[_SCOPE_KEY])
    return Response(
        b"" if request.method == "HEAD" else body,
        status_of(error),
        headers=failure_headers(error),
        media_type="application/json",
    )


def refuse_route(request: Request, error: Exception) -> Response:
    """Answer a path or method that the platform does not have."""
    path = request.url.path
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = Headers(error.headers).get("allow", "")
        return refuse(request, MethodNotAllowedError(request.method, allowed))
    if path.startswith(MODELS) and (model := path.removeprefix(MODELS).split("/")[0]):
        return refuse(request, UnknownModelError(model))
    return refuse(request, absent(path))


def _request_id(scope: Scope) -> str:
    """Return the caller's id of the request, else API Gateway's, else a new one."""
    given = Headers(scope=scope).get(HEADER_REQUEST_ID, "")
    if _REQUEST_ID.fullmatch(given):
        return given
    context = scope.get("aws.event", {}).get("requestContext", {})
    return str(context.get("requestId") or os.urandom(16).hex())


def _ending(status: int) -> Ending:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ending.ERROR
    return Ending.CLIENT_ERROR if status >= HTTPStatus.BAD_REQUEST else Ending.OK


def _operation(scope: Scope) -> str:
    pattern = getattr(scope.get("route"), "path", "")
    return f"{scope['method']} {pattern}" if pattern else ""


def _keys(scope: Scope, status: int) -> dict[str, Any]:
    keys: dict[str, Any] = {"request_id": scope[_SCOPE_KEY], "status": status}
    if (context := scope.get("aws.context")) is not None:
        keys["function_request_id"] = context.aws_request_id
        keys["function_arn"] = context.invoked_function_arn
    return keys | traces(Headers(scope=scope))
