"""One HTTP/1.1 connection: httptools parses, this keeps the order, the bounds and the time."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

import httptools

from falaj.container.busy_poll import BusyPoll
from falaj.container.exchange import Site
from falaj.container.large_bodies import LargeBodies, is_read_in_place
from falaj.container.limits import ConnectionLimits
from falaj.container.recurring_heads import Head, RecurringHeads
from falaj.http.messages import NOTHING, Request

_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_SMALL: Final = 64 * 1024
"""Bodies below are sent with their headers in one piece; copying larger ones costs more."""

_UNLIKE: Final = 32
"""Requests in a row after which nobody looks whether a connection's heads recur."""

_KNOWN: Final[dict[bytes, str]] = {
    name.encode(): name.lower()
    for lower in (
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "content-encoding",
        "connection",
        "x-request-id",
        "x-falaj-tenant",
        "inference-header-content-length",
        "traceparent",
    )
    for name in (lower, lower.title())
}

_OF_THE_HOP: Final = frozenset({"connection", "upgrade", "http2-settings", "expect"})
"""What is said of one connection; `expect` has been answered when the head was complete."""


class Phase(Enum):
    """What a connection is about; each has its own time limit."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    SERVING = auto()
    REFUSED = auto()


# An Enum's member costs a tenth of a microsecond to look up in CPython 3.11.
_IDLE, _HEAD, _BODY, _SERVING, _REFUSED = Phase


class Host(Protocol):
    """The server that connections belong to.

    Attributes:
        site: Answers.
        limits: Bounds on clients.
        heads: What its connections have parsed.
        buffered: Bytes of bodies that all of them hold.
        reserved: Bytes set aside for bodies that are being read in place.
        is_draining: Whether every answer ends its connection.
        loop: The event loop.
        now: Its time, as of late.
        date: The header of that name, with its line's end.
        ok_head: How an answer of 200 begins.
        poll: Keeps the loop awake after answers; None to let it sleep.
    """

    site: Site
    limits: ConnectionLimits
    heads: RecurringHeads
    buffered: int
    reserved: int
    is_draining: bool
    loop: asyncio.AbstractEventLoop
    now: float
    date: str
    ok_head: bytes
    poll: BusyPoll | None

    def add(self, connection: "Connection") -> bool:
        """Note a new connection; False if it is one too many."""
        ...

    def remove(self, connection: "Connection") -> None:
        """Forget a closed connection."""
        ...

    def make_room(self, asking: "Connection") -> bool:
        """Refuse whoever has long been sending a body; False if there is no room even then."""
        ...

    def refusal(self, status: HTTPStatus, sentence: str) -> tuple[Mapping[str, str], bytes]:
        """Write the answer to something that is no request."""
        ...


class HttpExchange:
    """One request on a connection."""

    __slots__ = ("_connection", "is_last", "on_gone", "request", "size")

    def __init__(
        self, connection: "Connection", request: Request, size: int, *, is_last: bool = False
    ) -> None:
        self._connection = connection
        self.request = request
        self.is_last = is_last
        self.size = size
        self.on_gone: Callable[[], None] | None = None

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer; a caller who has left is not missed."""
        self.on_gone = None
        self._connection.send(self, status, headers, body)

    def reply_ok(self, lines: bytes, body: bytes) -> None:
        """Answer 200 under headers that are written already, each line with its end."""
        self.on_gone = None
        self._connection.send_ok(self, lines, body)


class Connection(asyncio.Protocol):
    """Reads requests one after the other and writes their answers in the same order."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._limits = server.limits
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._active: HttpExchange | None = None
        self._waiting: deque[HttpExchange] = deque()
        self._is_choked = False
        self._is_paused = False
        self._is_partial = False
        self._is_upgrade = False
        self._head: Head | None = None
        self._large: LargeBodies | None = None
        self._first = b""
        self._unlike = 0
        self.phase = _IDLE
        self.since = server.now
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = self._header_count = 0
        self._chunks: list[bytes | memoryview] = []
        self._body_bytes = 0

    # ------------------------------------------------------------- transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or close at once when there are too many already."""
        self._transport = transport  # type: ignore[assignment]
        if not self._server.add(self):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell whoever works for this caller that nobody waits."""
        self._transport = None
        self._server.remove(self)
        self._server.buffered -= self._body_bytes
        for exchange in (self._active, *self._waiting):
            if exchange is not None:
                self._server.buffered -= exchange.size
                if exchange.on_gone is not None:
                    exchange.on_gone()
        self._active, self._body_bytes = None, 0
        self._waiting.clear()

    def pause_writing(self) -> None:
        """Serve no further request while the client does not read."""
        self._is_choked = True

    def resume_writing(self) -> None:
        """Go on with what waits."""
        self._is_choked = False
        self._next()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self.phase is _REFUSED:
            return
        if self._head is not None:
            self._collect(data)
            return
        if not self._is_partial and self._unlike < _UNLIKE:
            known = self._server.heads.find(data)
            # What is longer may hold a second request: the parser divides them.
            if known is not None and len(data) - known[1] <= known[0].length:
                self._unlike = 0
                self._begin(*known, data)
                return
            self._first = data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_upgrade:
                self._stay(data[upgrade.args[0] :])
                return
            # No other protocol is spoken here: what follows the request is not read.
            self._server.loop.call_soon(self._end_after_answer)
        except httptools.HttpParserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"this is not HTTP/1.1: {error}")

    # -------------------------------------------------------- recurring heads
    def _begin(self, head: Head, at: int, data: bytes) -> None:
        """Take the body, or the beginning of it, of a request whose head is known."""
        server, length = self._server, head.length
        is_whole = len(data) - at == length
        if is_whole and server.buffered + length <= self._limits.buffered_bytes:
            server.buffered += length
            self._take(HttpExchange(self, head.with_body(data[at:]), length))
            return
        self.begin_body()
        if is_read_in_place(head) and self._transport is not None and not self._is_paused:
            if self._large is None:
                self._large = LargeBodies(self, self, self._transport)
            if self._large.begin(head, data, at):
                return
        self._head = head
        self._collect(memoryview(data)[at:])

    def begin_body(self) -> None:
        """Start a request whose head is known, and its body's clock."""
        self._reset()
        self._is_partial = True
        if self._active is None:
            self.phase, self.since = _BODY, self._server.now

    def reserve(self, size: int) -> bool:
        """Set memory aside for bodies that are read in place, or give it back."""
        server = self._server
        if size > 0 and server.reserved + size > self._limits.buffered_bytes:
            return False
        server.reserved += size
        return True

    def end_body(self, request: Request) -> None:
        """Take a request that was read in place."""
        size, self._body_bytes = self._body_bytes, 0
        self._is_partial = False
        self._received(request, size, is_last=False)

    def _collect(self, data: bytes | memoryview) -> None:
        head = self._head
        if head is None:
            return
        left = head.length - self._body_bytes
        self.on_body(data[:left])
        if self.phase is _REFUSED or left > len(data):
            return
        self._head = None
        self._is_partial = False
        chunks, size = self._chunks, self._body_bytes
        self._chunks, self._body_bytes = [], 0
        self._received(head.with_body(b"".join(chunks)), size, is_last=False)
        if left < len(data):
            self.data_received(bytes(data[left:]))

    # ---------------------------------------------------------------- parser
    def on_message_begin(self) -> None:
        """Start the clock of a request's head."""
        self._reset()
        self._is_partial = True
        if self._active is None:
            self.phase, self.since = _HEAD, self._server.now

    def on_url(self, url: bytes) -> None:
        """Collect the request target, which may come in pieces."""
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; repeated ones become a list, as RFC 9110 section 5.3 allows."""
        self._header_count += 1
        self._count(len(name) + len(value))
        known = _KNOWN.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        headers[known] = f"{headers[known]}, {text}" if known in headers else text

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too large, or ask for it."""
        if self._active is None and self.phase is _HEAD:
            self.phase, self.since = _BODY, self._server.now
        headers = self._headers
        host = headers.get("host")
        if ("," in host) if host is not None else self._parser.get_http_version() != "1.0":
            self._refuse(HTTPStatus.BAD_REQUEST, "a request names its Host, and one only")
        if "content-length" in headers:
            size = headers["content-length"]
            if size.isdecimal() and int(size[:18]) > self._limits.body_bytes:
                self._refuse_body()
        if headers.get("expect", "").lower() == "100-continue" and self._can_write():
            self._write(_CONTINUE)

    def on_body(self, body: bytes | memoryview) -> None:
        """Collect a piece of the body."""
        if self.phase is not _REFUSED:
            self._chunks.append(body)
            self.count_body(len(body))

    def count_body(self, size: int) -> bool:
        """Count what has come of a body; False if it is refused."""
        if self.phase is _REFUSED:
            return False
        server = self._server
        self._body_bytes += size
        server.buffered += size
        if self._body_bytes > self._limits.body_bytes:
            self._refuse_body()
        elif server.buffered > self._limits.buffered_bytes and not server.make_room(self):
            self.make_way()
        return self.phase is not _REFUSED

    def stalled_bytes(self, now: float) -> int:
        """How much it holds of a body that should have been there by now."""
        is_late = self.phase is _BODY and now - self.since >= self._limits.stall_s
        return self._body_bytes if is_late else 0

    def make_way(self) -> None:
        """Give up what has come of a body."""
        self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many large requests at once")

    def on_message_complete(self) -> None:
        """Hand over the request, or let it wait for its turn."""
        if self.phase is _REFUSED:
            return
        if self._parser.should_upgrade() and self._announces_body():
            self._is_upgrade = True  # the parser stops here, and its body has yet to come
            return
        self._is_partial = False
        chunks, size = self._chunks, self._body_bytes
        self._chunks, self._body_bytes = [], 0
        request = self._request(b"".join(chunks))
        is_last = not self._parser.should_keep_alive()
        first, self._first = self._first, b""
        if first and not is_last:
            self._unlike += 1
            self._server.heads.learn(first, request)
        self._received(request, size, is_last=is_last)

    def _announces_body(self) -> bool:
        """Whether a body follows: clients that offer HTTP/2 do so beside their first one."""
        headers = self._headers
        return self._parser.get_method() != b"CONNECT" and (
            "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        )

    def _stay(self, rest: bytes) -> None:
        """Read a request without the other protocol that it offers, as RFC 9110 7.8 allows."""
        self._is_upgrade, self._first = False, b""
        lines = [f"{self._parser.get_method().decode()} {self._url.decode('latin-1')} HTTP/1.1"]
        options = self._headers.get("connection", "").lower()
        lines += [f"{name}: {self._headers[name]}" for name in self._headers.keys() - _OF_THE_HOP]
        if "close" in options:
            lines.append("connection: close")
        self._parser = httptools.HttpRequestParser(self)
        self._is_partial = True
        self.data_received("\r\n".join([*lines, "", ""]).encode("latin-1") + rest)

    def _received(self, request: Request, size: int, *, is_last: bool) -> None:
        self._take(HttpExchange(self, request, size, is_last=is_last))

    def _take(self, exchange: HttpExchange) -> None:
        if self._active is None and not self._is_choked:
            self._active = exchange
            self.phase = _SERVING
            self._server.site(exchange)
            if self._active is not exchange and self._server.poll is not None:
                self._server.poll.answered()
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= self._limits.pipelined and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    # ---------------------------------------------------------------- answers
    def send(
        self, exchange: HttpExchange, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Write an exchange's answer and go on to the next."""
        if exchange is self._active and self._transport is not None:
            is_last = exchange.is_last or self._server.is_draining
            told = None if exchange.request.method == "HEAD" else body
            self._answer(status, headers, told, is_last=is_last)
            self._answered(exchange, is_last=is_last)

    def send_ok(self, exchange: HttpExchange, lines: bytes, body: bytes) -> None:
        """Write a 200 whose headers are written already, and go on to the next."""
        if exchange is self._active and self._transport is not None:
            server = self._server
            is_last = exchange.is_last or server.is_draining
            close = _CLOSE if is_last else b""
            parts = (server.ok_head, len(body), lines, close)
            if len(body) < _SMALL:
                self._write(b"%bcontent-length: %d\r\n%b%b\r\n%b" % (*parts, body))
            else:
                self._send(b"%bcontent-length: %d\r\n%b%b\r\n" % parts, body)
            self._answered(exchange, is_last=is_last)

    def _answered(self, exchange: HttpExchange, *, is_last: bool) -> None:
        self._active = None
        self._server.buffered -= exchange.size
        if is_last:
            self.close()
            return
        self.phase = _HEAD if self._is_partial else _IDLE
        self.since = self._server.now
        if self._waiting:
            self._server.loop.call_soon(self._next)

    def check_time(self, now: float) -> None:
        """Cut a client that has taken too long; called now and then."""
        transport, limits, spent = self._transport, self._limits, now - self.since
        if transport is None:
            return
        if self._is_choked and spent > limits.write_s:
            transport.abort()
        elif self.phase is _IDLE and spent > limits.idle_s:
            transport.close()
        elif self.phase is _HEAD and spent > limits.head_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the headers did not arrive in time")
        elif self.phase is _BODY and spent > limits.body_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time")
        elif self.phase is _REFUSED and self._active is None and spent > limits.linger_s:
            transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come that is not answered."""
        return self.phase is _IDLE and not self._waiting

    def close(self, *, at_once: bool = False) -> None:
        """Close when what was written has been sent, or at once."""
        if self._transport is not None:
            (self._transport.abort if at_once else self._transport.close)()

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it is closed."""
        held = self._transport.get_extra_info("socket") if self._transport else None
        return held.fileno() if held is not None else -1

    # ----------------------------------------------------------------- inside
    def _count(self, size: int) -> None:
        self._header_bytes += size
        if (
            self._header_bytes > self._limits.header_bytes
            or self._header_count > self._limits.headers
        ):
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the headers exceed {self._limits.header_bytes} bytes or "
                f"{self._limits.headers} in number",
            )

    def _request(self, body: bytes) -> Request:
        path, _, query = self._url.decode("latin-1").partition("?")
        if not path.startswith("/"):
            path = urlsplit(path).path or "/"
        found = dict(parse_qsl(query, max_num_fields=None)) if query else NOTHING
        return Request(self._parser.get_method().decode(), path, self._headers, body, found)

    def _next(self) -> None:
        if self._active is None and self._waiting and not self._is_choked:
            exchange = self._waiting.popleft()
            if self._is_paused and self._transport is not None:
                self._is_paused = False
                self._transport.resume_reading()
            self._take(exchange)

    def _end_after_answer(self) -> None:
        last = self._waiting[-1] if self._waiting else self._active
        if last is not None:
            last.is_last = True
        else:
            self.close()

    def _refuse_body(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body exceeds {self._limits.body_bytes} bytes; send fewer rows at a time",
        )

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Answer what is no request; its connection is closed when the client stops sending."""
        if self.phase is _REFUSED:
            return
        busy = self._active is not None
        self.phase, self.since = _REFUSED, self._server.now
        self._server.buffered -= self._body_bytes
        self._chunks, self._body_bytes = [], 0
        if busy:  # an earlier answer is still due: it goes out, then the connection ends
            self._end_after_answer()
            return
        headers, body = self._server.refusal(status, sentence)
        self._answer(status, headers, body, is_last=True)

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes | None, *, is_last: bool
    ) -> None:
        """Write an answer; without a body to HEAD, which is not told the length of another."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = "" if body is None else f"content-length: {len(body)}\r\n"
        head = (
            f"{_LINES[status]}{self._server.date}{length}{lines}"
            f"{_CLOSE.decode() if is_last else ''}\r\n"
        ).encode("latin-1")
        self._send(head, body or b"")

    def _send(self, head: bytes, body: bytes) -> None:
        if len(body) < _SMALL:
            self._write(head + body)
        else:
            self._write(head)
            self._write(body)

    def _can_write(self) -> bool:
        return self._active is None and self.phase is not _REFUSED

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


_CLOSE: Final = b"connection: close\r\n"
