"""A fast HTTP/1.1 server on 127.0.0.1 that hostile clients do not take down.

uvicorn's httptools protocol, with three bounds of ours: the size of request line and headers, the
size of the body, and how long a client may take to send a request.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, Protocol, Self

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from falaj.domain.clock import Clock
from local_region.errors import PortInUseError
from local_region.gateway.messages import Request, Response

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 2048
_IDLE_S: Final = 60
_SEND_WITHIN_S: Final = 30.0
_DRAIN_S: Final = 5.0
_CERTIFICATE: Final = "client_certificate"
_PATIENCE: Final = 4
"""Times the body limit that is read and thrown away, so that a client that only reads after it has
sent everything sees the refusal and not a reset connection."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Largest request line with headers, and largest body."""

    header_bytes: int
    body_bytes: int


class Site(Protocol):
    """What answers behind a port."""

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        ...

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:
        """Answer a request whose body, or else whose headers, are too large."""
        ...


class _BodyTooLargeError(Exception):
    pass


class Listener:
    """One bound port and the application behind it.

    Args:
        bound: The port.
        site: What answers.
        clock: Dates answers.
        limits: Largest request.
        tls: What speaks TLS; plain HTTP by default.
    """

    def __init__(
        self,
        *,
        bound: socket.socket,
        site: Site,
        clock: Clock,
        limits: Limits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._socket, self._tls = bound, tls
        self._site, self._clock, self._limits = site, clock, limits
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._second, self._date = -1, b""
        self.url = url_of(bound) if tls is None else url_of(bound, scheme="https")

    async def start(self) -> Self:
        """Accept connections."""
        config = Config(
            self._application,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_IDLE_S,
        )
        config.load()
        # A client's malformed request is the client's affair, not a line in our log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _BoundedProtocol(
                config, self._state, {}, header_limit=self._limits.header_bytes
            ),
            sock=self._socket,
            backlog=_BACKLOG,
            ssl=self._tls,
        )
        return self

    async def close(self) -> None:
        """Stop accepting, let what is under way finish, and cut the rest."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=_DRAIN_S)
        for connection in list(self._state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        raw_path = scope["raw_path"].decode("latin-1") or "/"
        host = next((value for name, value in headers if name == "host"), "")
        if sum(len(name) + len(value) for name, value in headers) > self._limits.header_bytes:
            refusal = self._site.refuse(host, raw_path, is_body=False)
            return await self._send(send, refusal, close=True)
        try:
            async with asyncio.timeout(_SEND_WITHIN_S):
                body = await self._read(headers, receive)
        except _BodyTooLargeError:
            refusal = self._site.refuse(host, raw_path, is_body=True)
            return await self._send(send, refusal, close=True)
        except TimeoutError:
            return await self._send(send, Response(status=408, headers=(), body=b""), close=True)
        if body is None:
            return None
        request = Request(
            method=scope["method"],
            path=raw_path,
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            source_ip=scope["client"][0] if scope["client"] else HOST,
            client_certificate=scope["state"].get(_CERTIFICATE, b""),
        )
        return await self._send(send, await self._site.answer(request))

    async def _read(self, headers: Iterable[tuple[str, str]], receive: Receive) -> bytes | None:
        """Return the body; None if the client went away."""
        stated = next((value for name, value in headers if name == "content-length"), "0")
        size = int(stated) if stated.isdecimal() else 0
        limit = self._limits.body_bytes
        if size > _PATIENCE * limit:
            raise _BodyTooLargeError
        is_too_large, size = size > limit, 0
        chunks: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            is_too_large = is_too_large or size > limit
            if size > _PATIENCE * limit:
                raise _BodyTooLargeError
            if is_too_large:
                chunks.clear()
            else:
                chunks.append(chunk)
            if not message.get("more_body"):
                break
        if is_too_large:
            raise _BodyTooLargeError
        return b"".join(chunks)

    async def _send(self, send: Send, response: Response, *, close: bool = False) -> None:
        headers = [
            (b"date", self._now()),
            (b"content-length", str(len(response.body)).encode()),
            *((n.encode("latin-1", "replace"), _safe(v)) for n, v in response.headers),
        ]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _now(self) -> bytes:
        second = int(self._clock.now().timestamp())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


def _safe(value: str) -> bytes:
    """Encode a header value; a line break in it would let a function forge a second header."""
    return value.replace("\r", " ").replace("\n", " ").encode("utf-8")


def url_of(bound: socket.socket, *, scheme: str = "http") -> str:
    """Return the address clients use, also when an ephemeral port was asked for."""
    return f"{scheme}://{HOST}:{bound.getsockname()[1]}"


def bind(port: int, *, setting: str) -> socket.socket:
    """Return a socket bound to 127.0.0.1; port 0 takes any free one.

    Raises:
        PortInUseError: Somebody else listens there.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(port=port, setting=setting) from error
        raise
    bound.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return bound


class _BoundedProtocol(HttpToolsProtocol):
    """Cuts a client whose request line and headers do not end, in bytes or in time."""

    def __init__(
        self, config: Config, state: ServerState, app_state: dict[str, Any], *, header_limit: int
    ) -> None:
        super().__init__(config, state, app_state)
        self._header_limit = 2 * header_limit
        self._received = self._header_bytes = 0
        self._in_headers = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.app_state[_CERTIFICATE] = tls.getpeercert(binary_form=True) or b""
        self._deadline = self.loop.call_later(_SEND_WITHIN_S, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._received += len(data)
        super().data_received(data)
        if self._in_headers and self._received > self._header_limit:
            self._cut()

    def on_message_begin(self) -> None:
        self._in_headers, self._received, self._header_bytes = True, 0, 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(_SEND_WITHIN_S, self._cut)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Counted here as well, since trailers arrive after the headers are complete.
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > self._header_limit:
            self._cut()
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._stop_clock()
        super().on_headers_complete()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()
