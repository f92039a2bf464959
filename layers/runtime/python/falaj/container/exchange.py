"""One request and its one answer, without saying how they travel."""

from collections.abc import Callable, Mapping
from typing import Protocol

from falaj.http.messages import Request


class Exchange(Protocol):
    """A complete request that waits for its answer."""

    request: Request
    on_gone: Callable[[], None] | None
    """Called once if the caller leaves before the answer."""

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer; a caller who has left is not missed."""
        ...

    def reply_ok(self, lines: bytes, body: bytes) -> None:
        """Answer 200 under headers that are written already, each line with its end."""
        ...


Site = Callable[[Exchange], None]
"""Answers exchanges, at once or later, on the event loop; never raises."""
