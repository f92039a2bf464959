"""An HTTP request and response without a transport."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from falaj.telemetry.outcome import Outcome

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


# Named tuples rather than frozen dataclasses: as immutable, and a microsecond quicker to make.
class Request(NamedTuple):
    """What a caller sent.

    Attributes:
        method: In capitals.
        path: Percent-encoded, without stage, host or query.
        headers: Names in lower case.
        body: As received, perhaps compressed; a container may give a view of binary tensors.
        query: Query parameters; the last one of a name counts.
    """

    method: str
    path: str
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""
    query: Mapping[str, str] = NOTHING


class Response(NamedTuple):
    """What the caller gets.

    Attributes:
        status: HTTP status code.
        headers: Names in lower case.
        body: As sent, perhaps compressed.
        outcome: The record for logs and metrics; never sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    outcome: Outcome
