"""The server behind the gate, over HTTP/1.1: connections that are kept and never shared.

Source:
    RFC 9112, section 9.3 (persistence) and RFC 9110, section 9.2.2 (what is not idempotent is not
    asked again by itself: a sequence's step would be taken twice). So nothing is ever sent twice.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import httptools

from falaj.errors import ServiceUnreachableError

CONNECT_S: Final = 5.0
"""In one task a connection is made, or refused, at once, unless the machine is out of breath."""
ANSWER_BYTES: Final = 256 * 1024 * 1024
"""The largest answer that is held; as much as of all requests together."""
_SMALL: Final = 64 * 1024


class Answered(NamedTuple):
    """What the server answered; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """Asks the server.

    Args:
        host: Where it is.
        port: Its port.
        timeout_s: How long it may take.

    Attributes:
        idle: Connections that wait for a request.
        opened: How many there ever were.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._host_line = f"host: {host}:{port}\r\n"
        self.idle: list[_Link] = []
        self.opened = 0

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answered:
        """Return what the server answers.

        Cancelling whoever waits closes the connection, by which the server learns that nobody does.

        Raises:
            ServiceUnreachableError: There is no connection, or no answer in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                link = self.idle.pop() if self.idle else await self._connected()
                try:
                    answered = await link.ask(self._head(method, path, headers, body), body)
                except BaseException:
                    link.close()
                    raise
        except TimeoutError as error:
            raise ServiceUnreachableError(
                reason=f"no answer within {self._timeout_s:g} s"
            ) from error
        if link.is_reusable:
            self.idle.append(link)
        else:
            link.close()
        return answered

    def close(self) -> None:
        """Close what is kept."""
        while self.idle:
            self.idle.pop().close()

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = f"content-length: {len(body)}\r\n" if method == "POST" else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._host_line}{length}{lines}\r\n"
        return head.encode("latin-1")

    async def _connected(self) -> "_Link":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, link = await loop.create_connection(
                    lambda: _Link(self.idle), self._host, self._port
                )
        except OSError as error:  # TimeoutError is one
            raise ServiceUnreachableError(
                reason=f"no connection: {type(error).__name__}"
            ) from error
        self.opened += 1
        return link


class _Link(asyncio.Protocol):
    """One connection; it leaves the idle ones when the server closes it."""

    def __init__(self, idle: "list[_Link]") -> None:
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answered] | None = None
        self.is_reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._transport, self.is_reusable = None, False
        with suppress(ValueError):
            self._idle.remove(self)
        self._fail(f"the connection ended: {type(exc).__name__ if exc else 'closed'}")

    def ask(self, head: bytes, body: bytes) -> "asyncio.Future[Answered]":
        """Send a request; its answer is awaited."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._status, self._headers = 0, dict[str, str]()
        self._chunks, self._size = list[bytes](), 0
        self._parser = httptools.HttpResponseParser(self)
        self.is_reusable = False
        if self._transport is None:
            self._fail("the connection has ended")
        elif len(body) < _SMALL:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return self._waiting

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody has asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("its answer is not HTTP/1.1")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Collect a piece."""
        self._size += len(body)
        if self._size > ANSWER_BYTES:
            self._fail(f"its answer exceeds {ANSWER_BYTES} bytes")
            self.close()
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over, or wait on where it was not the last one."""
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - RFC 9110, section 15.2: another one follows
            self._headers, self._chunks, self._size = {}, [], 0
            return
        self.is_reusable = self._transport is not None and self._parser.should_keep_alive()
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answered(status, self._headers, body))

    def _fail(self, reason: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ServiceUnreachableError(reason=reason))
