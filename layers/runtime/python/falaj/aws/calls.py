"""Foreign exceptions become ours at this one door."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from falaj.errors import DependencyError

Client = Any
"""A boto3 client; boto3 makes its classes at run time."""

NOT_FOUND: Final = frozenset(
    {"ResourceNotFoundException", "ParameterNotFound", "NoSuchKey", "404", "NotFound"}
)


@contextmanager
def calling(service: str, doing: str) -> Iterator[None]:
    """Translate what a call raises.

    Args:
        service: `dynamodb`, `s3`, `kms`, `ssm`, `lambda`, `cloudwatch` or `sns`.
        doing: What was wanted, to read after "did not".

    Raises:
        DependencyError: The service refused or did not answer.
    """
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise DependencyError(service=service, doing=doing, reason=str(error)) from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of a refusal."""
    response: Mapping[str, Any] = error.response
    return str(response.get("Error", {}).get("Code", ""))
