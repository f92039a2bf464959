"""Kept connections from a load balancer to one target: HTTP/1.1, one request at a time on each."""

import asyncio
from typing import Final

import httptools

from local_region.container_service.target_group import Address
from local_region.gateway.messages import Request, Response

_KEPT: Final = 128
_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
)
_NO_BODY: Final = frozenset({204, 304})


class UpstreamError(Exception):
    """A target gave no answer."""


class ConnectionRefusedUpstreamError(UpstreamError):
    """Nobody listens there; nothing was sent."""


class _Exchange(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._is_head = False
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, data: bytes, *, is_head: bool) -> "asyncio.Future[Response]":
        """Send a request and promise its answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._is_head = is_head
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.is_open:
            self._answer.set_exception(UpstreamError("the target closed the connection"))
        else:
            self._transport.write(data)
        return self._answer

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the target did not answer in HTTP/1.1")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(str(exc) if exc else "the target closed the connection")

    def close(self) -> None:
        """Drop the connection."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # ---------------------------------------------------------------- parser
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._is_head or self._parser.get_status_code() in _NO_BODY:
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        answer, self._answer = self._answer, None
        if not self._parser.should_keep_alive():
            self.is_open = False
            if self._transport is not None:
                self._transport.close()
        if answer is not None and not answer.done():
            kept = tuple(pair for pair in self._headers if pair[0] not in _HOP_BY_HOP)
            status = self._parser.get_status_code()
            answer.set_result(Response(status=status, headers=kept, body=b"".join(self._chunks)))

    def _fail(self, reason: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(UpstreamError(reason))


class Upstream:
    """The connections to one address."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[_Exchange] = []

    async def ask(self, request: Request, *, timeout_s: float) -> Response:
        """Send a request and return its answer.

        Raises:
            ConnectionRefusedUpstreamError: Nobody listens there; nothing was sent.
            UpstreamError: The connection broke, or what came back is not HTTP.
            TimeoutError: No answer came in time.
        """
        exchange = await self._connected()
        try:
            async with asyncio.timeout(timeout_s):
                data, is_head = _on_the_wire(request), request.method == "HEAD"
                response = await exchange.ask(data, is_head=is_head)
        except BaseException:
            exchange.close()
            raise
        if exchange.is_open and len(self._idle) < _KEPT:
            self._idle.append(exchange)
        else:
            exchange.close()
        return response

    def close(self) -> None:
        """Drop every connection that is not in use."""
        for exchange in self._idle:
            exchange.close()
        self._idle.clear()

    async def _connected(self) -> _Exchange:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_open:
                return kept
        try:
            _, made = await asyncio.get_running_loop().create_connection(_Exchange, *self._address)
        except OSError as error:
            raise ConnectionRefusedUpstreamError(error.strerror or "connection refused") from error
        return made


def _on_the_wire(request: Request) -> bytes:
    target = request.path + (f"?{request.query}" if request.query else "")
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers if name not in _HOP_BY_HOP]
    if request.body or request.method not in {"GET", "HEAD"}:
        lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + request.body
