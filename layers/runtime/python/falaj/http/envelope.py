"""What every answer of the platform has around it: its names in headers, and a last resort."""

import logging
import os
import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falaj.contract import HEADER_RELEASE, HEADER_REQUEST_ID
from falaj.errors import (
    FalajError,
    MethodNotAllowedError,
    ServiceError,
    UnknownModelError,
    UnknownRouteError,
)
from falaj.http.failures import failure_body, failure_headers, status_of

MODELS: Final = "/v2/models/"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:;=@/+-]{1,128}")
_SCOPE_KEY: Final = "falaj.request_id"
_LOG: Final = logging.getLogger("falaj.platform")


class Envelope:
    """ASGI middleware: a request id, the release, and 500 in the one error body.

    Attributes:
        app: What answers inside.
        release: The version of the function that runs this.
    """

    def __init__(self, app: ASGIApp, *, release: str) -> None:
        self.app, self.release = app, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[_SCOPE_KEY] = request_id = _request_id(scope)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
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
    return refuse(request, UnknownRouteError(path))


def _request_id(scope: Scope) -> str:
    """Return the caller's id of the request, else API Gateway's, else a new one."""
    given = Headers(scope=scope).get(HEADER_REQUEST_ID, "")
    if _REQUEST_ID.fullmatch(given):
        return given
    context = scope.get("aws.event", {}).get("requestContext", {})
    return str(context.get("requestId") or os.urandom(16).hex())
