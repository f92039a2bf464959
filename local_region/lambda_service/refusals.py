"""What the Lambda API refuses, with AWS's error code, HTTP status and wording.

    LambdaApiError                                 falaj.errors.RequestError
    ├── InvalidParameterValueError            400
    ├── ConstraintError                       400  ValidationException: the service model forbids it
    ├── InvalidRequestContentError            400
    ├── ResourceNotFoundError                 404
    ├── ProvisionedConfigNotFoundError        404
    ├── ResourceConflictError                 409
    ├── PreconditionFailedError               412
    ├── RequestTooLargeError                  413
    └── TooManyRequestsError                  429

Source: codes and statuses from botocore's `lambda/2015-03-31/service-2.json`; wording from the
answers of the real service recorded in localstack's
`tests/aws/services/lambda_/test_lambda*.snapshot.json`,
read 2026-11-22.
"""

from collections.abc import Sequence
from typing import ClassVar

from falaj.errors import RequestError

STALE_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


class LambdaApiError(RequestError):
    """The Lambda API refuses the call."""

    code: ClassVar[str] = "lambda_api"
    aws_code: ClassVar[str]
    http_status: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, str]:
        """Return the error's JSON body, as the REST API writes it."""
        return {"Type": "User", "message": self.message}


class InvalidParameterValueError(LambdaApiError):
    """A parameter's value is understood and refused."""

    aws_code = "InvalidParameterValueException"
    http_status = 400


class ConstraintError(LambdaApiError):
    """A value lies outside what the service model allows.

    Args:
        value: The value as sent.
        member: The member's path, for example `routingConfig.additionalVersionWeights`.
        constraint: The rule, for example `Member must have value less than or equal to 1.0`.
    """

    aws_code = "ValidationException"
    http_status = 400

    def __init__(self, *, value: object, member: str, constraint: str) -> None:
        super().__init__(
            f"1 validation error detected: Value '{value}' at '{member}' "
            f"failed to satisfy constraint: {constraint}"
        )
        self.value, self.member, self.constraint = value, member, constraint

    def body(self) -> dict[str, str]:
        """Return the error's JSON body; validation errors carry no type."""
        return {"message": self.message}


class InvalidRequestContentError(LambdaApiError):
    """The payload is not JSON."""

    aws_code = "InvalidRequestContentException"
    http_status = 400


class ResourceNotFoundError(LambdaApiError):
    """No such function, version or alias."""

    aws_code = "ResourceNotFoundException"
    http_status = 404

    def body(self) -> dict[str, str]:
        """Return the error's JSON body; this shape alone capitalises `Message`."""
        return {"Type": "User", "Message": self.message}


class ProvisionedConfigNotFoundError(LambdaApiError):
    """The qualifier has no provisioned concurrency."""

    aws_code = "ProvisionedConcurrencyConfigNotFoundException"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("No Provisioned Concurrency Config found for this function")


class ResourceConflictError(LambdaApiError):
    """The resource exists already, or another one depends on it."""

    aws_code = "ResourceConflictException"
    http_status = 409


class PreconditionFailedError(LambdaApiError):
    """The caller's RevisionId is not the latest."""

    aws_code = "PreconditionFailedException"
    http_status = 412

    def __init__(self, message: str = STALE_REVISION) -> None:
        super().__init__(message)


class RequestTooLargeError(LambdaApiError):
    """The payload is over the limit of its invocation type."""

    aws_code = "RequestEntityTooLargeException"
    http_status = 413


class TooManyRequestsError(LambdaApiError):
    """Every environment the function may have is busy.

    Args:
        reason: A value of the service model's `ThrottleReason`.
    """

    aws_code = "TooManyRequestsException"
    http_status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason

    def body(self) -> dict[str, str]:
        """Return the error's JSON body, which says which limit was hit."""
        return {"Reason": self.reason, **super().body()}


def enum_of(values: Sequence[str]) -> str:
    """Word the constraint that a value is one of a set."""
    return f"Member must satisfy enum value set: [{', '.join(values)}]"
