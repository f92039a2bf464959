"""An HTTP request and response without a transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falaj.telemetry.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller sent.

    Attributes:
        method: In capitals.
        path: Percent-encoded, without stage, host or query.
        headers: Names in lower case.
        body: As received, perhaps compressed.
        query: Query parameters; the last one of a name counts.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What the caller gets.

    Attributes:
        status: HTTP status code.
        headers: Names in lower case.
        body: As sent, perhaps compressed.
        outcome: The record for logs and metrics; never sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    outcome: Outcome = field(default_factory=Outcome)
