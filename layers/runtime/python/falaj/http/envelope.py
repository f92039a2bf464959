"""What every answer of the platform has around it: its names in headers, and a last resort."""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falaj.contract import HEADER_RELEASE, HEADER_REQUEST_ID
from falaj.errors import (
    MethodNotAllowedError,
    RequestError,
    ServiceError,
    UnknownModelError,
    UnknownRouteError,
)

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
MODELS: Final = "/v2/models/"
STATUSES: Final = {
    UnknownModelError: HTTPStatus.NOT_FOUND,
    UnknownRouteError: HTTPStatus.NOT_FOUND,
    MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
}
"""Statuses of the refusals that are not a plain 400."""

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
            _LOG.exception("unforeseen", extra={"request_id": request_id})
            sentence = "the service failed, and has recorded how; try again"
            answer = _refusal(Request(scope), 500, ServiceError.code, sentence, {})
            await answer(scope, receive, send_named)


def refuse_request(request: Request, error: Exception) -> Response:
    """Answer an error that the caller can fix."""
    if not isinstance(error, RequestError):
        raise error
    status = STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
    headers = {"allow": error.allowed} if isinstance(error, MethodNotAllowedError) else {}
    return _refusal(request, status, error.code, str(error), headers)


def refuse_route(request: Request, error: Exception) -> Response:
    """Answer a path or method that the platform does not have."""
    path = request.url.path
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = Headers(error.headers).get("allow", "")
        return refuse_request(request, MethodNotAllowedError(request.method, allowed))
    if path.startswith(MODELS) and (model := path.removeprefix(MODELS).split("/")[0]):
        return refuse_request(request, UnknownModelError(model))
    return refuse_request(request, UnknownRouteError(path))


def _refusal(
    request: Request, status: int, code: str, sentence: str, headers: Mapping[str, str]
) -> Response:
    body = {"error": sentence, "code": code, "request_id": request.scope[_SCOPE_KEY]}
    return Response(json.dumps(body), status, media_type="application/json", headers=dict(headers))


def _request_id(scope: Scope) -> str:
    """Return API Gateway's id of the request; outside of it the caller's, or a new one."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    if named := context.get("requestId"):
        return str(named)
    given = dict(scope["headers"]).get(HEADER_REQUEST_ID.encode(), b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid4())
