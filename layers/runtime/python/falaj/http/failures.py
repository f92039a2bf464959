"""Errors as the caller sees them: the one place that knows status codes."""

from typing import Any, Final

import orjson

from falaj import errors
from falaj.errors import FalajError, RequestError

STATUS: Final[dict[type[FalajError], int]] = {
    errors.RequestError: 400,
    errors.UnknownModelError: 404,
    errors.UnknownVersionError: 404,
    errors.UnknownRouteError: 404,
    errors.UnsupportedExtensionError: 404,
    errors.UnknownExperimentError: 404,
    errors.UnknownResultError: 404,
    errors.RepeatedKeyError: 422,
    errors.ExperimentRefusedError: 409,
    errors.MethodNotAllowedError: 405,
    errors.UnsupportedEncodingError: 415,
    errors.PayloadTooLargeError: 413,
    errors.ResponseTooLargeError: 413,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.QuotaExceededError: 429,
    errors.ServiceError: 500,
    errors.UnavailableError: 503,
    errors.DeadlineExceededError: 504,
    errors.FunctionFailedError: 502,
    errors.FunctionTimeoutError: 504,
    errors.AbandonedError: 503,
    errors.ConfigurationError: 500,
}
"""Status of each error; a leaf that is not here has its parent's."""


def status_of(error: FalajError) -> int:
    """The HTTP status that an error answers with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


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
    if isinstance(error, errors.UnauthenticatedError):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, errors.UnavailableError | errors.QuotaExceededError):
        return {"retry-after": str(error.retry_after_s)}
    return {}


def is_callers(error: FalajError) -> bool:
    """Whether the caller can fix it."""
    return isinstance(error, RequestError)
