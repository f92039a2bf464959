"""An HTTP request as it came, and a response as it goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class ApiKind(StrEnum):
    """Which of API Gateway's two products serves an API."""

    HTTP = "HTTP API"
    REST = "REST API"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        method: Upper case.
        path: As sent, percent-encoded, without the query.
        query: As sent, without the question mark.
        headers: Names in lower case, in the order sent, repeated where they were repeated.
        body: Bytes as sent, whatever their content encoding.
        source_ip: The peer's address.
        client_certificate: What the peer has shown and TLS has verified, as DER; empty for none.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    client_certificate: bytes = b""

    def header(self, name: str, default: str = "") -> str:
        """Return the last value of a header."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return default

    def header_values(self, name: str) -> Iterator[str]:
        """Yield every value of a header in the order sent."""
        return (value for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response, ready to send."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
