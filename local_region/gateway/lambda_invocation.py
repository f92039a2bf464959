"""What a gateway learns of an invocation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an invocation ended, as far as a gateway can tell."""

    ANSWERED = "answered"
    FUNCTION_ERROR = "function error"
    THROTTLED = "throttled"
    TOO_LARGE = "event over Lambda's own limit"
    MISSING = "no such function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What came back from Lambda."""

    outcome: Outcome
    payload: bytes = b""
    executed_version: str = ""


Invoke = Callable[[str, bytes, str, str], Awaitable[Invocation]]
"""Function ARN, payload, request id, trace header → what came back."""
