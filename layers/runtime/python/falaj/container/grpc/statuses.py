"""Errors as gRPC's callers see them: the one place that knows its status codes."""

from typing import Final

import grpc  # type: ignore[import-untyped]

from falaj import errors
from falaj.errors import FalajError, QuotaExceededError, UnavailableError

STATUS: Final[dict[type[FalajError], grpc.StatusCode]] = {
    errors.FalajError: grpc.StatusCode.INTERNAL,
    errors.RequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownModelError: grpc.StatusCode.NOT_FOUND,
    errors.UnknownVersionError: grpc.StatusCode.NOT_FOUND,
    errors.UnsupportedExtensionError: grpc.StatusCode.UNIMPLEMENTED,
    errors.ImmutableRepositoryError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    errors.QuotaExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.CrowdedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""Status of each error; a leaf that is not here has its parent's."""


def code_of(error: FalajError) -> grpc.StatusCode:
    """The status that an error answers with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def trailers_of(error: FalajError) -> tuple[tuple[str, str], ...]:
    """Trailing metadata that an error adds."""
    if isinstance(error, UnavailableError | QuotaExceededError):
        return (("falaj-code", error.code), ("retry-after", str(error.retry_after_s)))
    return (("falaj-code", error.code),)
