"""Errors as the caller sees them: the one place that knows status codes."""

from http import HTTPStatus
from typing import Any, Final

import orjson

from falaj import errors
from falaj.errors import FalajError, RequestError

STATUS: Final[dict[type[FalajError], HTTPStatus]] = {
    errors.RequestError: HTTPStatus.BAD_REQUEST,
    errors.UnknownModelError: HTTPStatus.NOT_FOUND,
    errors.UnknownVersionError: HTTPStatus.NOT_FOUND,
    errors.UnknownRouteError: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.UnsupportedEncodingError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.PayloadTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ResponseTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ServiceError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ConfigurationError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Status of each error; a leaf that is not here has its parent's."""


def status_of(error: FalajError) -> int:
    """The HTTP status that an error answers with."""
    return int(next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS))


def failure_body(*, message: str, code: str, request_id: str) -> bytes:
    """Write the error body: `error` is a string, as clients of the protocol expect."""
    body: dict[str, Any] = {"error": message, "code": code, "request_id": request_id}
    return orjson.dumps(body)


def failure_headers(error: FalajError) -> dict[str, str]:
    """Headers that an error adds."""
    if isinstance(error, errors.MethodNotAllowedError):
        return {"allow": error.allowed}
    if isinstance(error, errors.UnsupportedEncodingError):
        return {"accept-encoding": "gzip, deflate"}
    return {}


def is_callers(error: FalajError) -> bool:
    """Whether the caller can fix it."""
    return isinstance(error, RequestError)
