"""The Lambda Runtime API: how one environment gets its requests and answers them.

A raw protocol, since every invocation crosses it twice.

Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and the paths that awslambdaric 4.2.2
calls; error bodies as aws-lambda-runtime-interface-emulator's `internal/lambda/rapi` writes them,
read 2026-11-22.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, cast

from local_region.lambda_service import extensions

_ROOT: Final = "/2018-06-01/runtime/"
_REASONS: Final = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
}
_ACCEPTED: Final = b'{"status":"OK"}\n'
_HEADERS: Final = (
    "content-length",
    "lambda-runtime-function-error-type",
    "expect",
    "lambda-extension-name",
    extensions.IDENTIFIER.lower(),
)
_LONGEST_HEAD_BYTES: Final = 2 * 1024 * 1024  # X-Ray causes may take 1 MiB of header

# The 6 MB of the quota page and 100 bytes: the figure in the real service's message, recorded in
# localstack's test_lambda.snapshot.json, test_lambda_too_large_response.
LARGEST_RESPONSE_BYTES: Final = 6 * 1024 * 1024 + 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An invocation as the runtime sees it."""

    request_id: str
    payload: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What the runtime answered.

    `body` is empty when it was longer than `LARGEST_RESPONSE_BYTES`; `too_large` says so.
    """

    body: bytes
    is_error: bool = False
    error_type: str = ""
    too_large: bool = False


class RuntimeListener(Protocol):
    """The environment behind an endpoint."""

    def runtime_waits(self, endpoint: "RuntimeConnection") -> None:
        """Note that the runtime asks for its next invocation."""
        ...

    def runtime_posted(self, request_id: str, posted: Posted) -> bool:
        """Take the answer of an invocation; false if no such invocation is under way."""
        ...

    def runtime_failed_to_start(self, posted: Posted) -> None:
        """Take the reason why the runtime cannot start."""
        ...

    def runtime_left(self, endpoint: "RuntimeConnection") -> None:
        """Note that a connection is gone."""
        ...

    def extension_registers(self, name: str, body: bytes) -> extensions.Answer:
        """Take an extension, or refuse it."""
        ...

    def extension_waits(
        self, identifier: str, endpoint: "RuntimeConnection"
    ) -> extensions.Answer | None:
        """Note that an extension asks for its next event; answer at once only to refuse."""
        ...


class RuntimeConnection(asyncio.Protocol):
    """One HTTP/1.1 connection of a runtime; requests on it follow each other."""

    def __init__(self, listener: RuntimeListener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: _Head | None = None
        self._to_discard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the environment."""
        del exc
        self._transport = None
        self._listener.runtime_left(self)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while self._transport is not None and self._take_request():
            pass

    def deliver(self, delivery: Delivery) -> None:
        """Answer the runtime's wait with an invocation."""
        head = {"Lambda-Runtime-Aws-Request-Id": delivery.request_id, **delivery.headers}
        self.reply(200, delivery.payload, head)

    def _take_request(self) -> bool:
        if self._head is None and not self._take_head():
            return False
        head = self._head
        if head is None:
            return False
        if self._to_discard:
            dropped = min(self._to_discard, len(self._buffer))
            del self._buffer[:dropped]
            self._to_discard -= dropped
            if self._to_discard:
                return False
        elif len(self._buffer) < head.kept_length:
            return False
        body = bytes(self._buffer[: head.kept_length])
        del self._buffer[: head.kept_length]
        self._head = None
        self._route(head, body)
        return True

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD_BYTES:
                self.close()
            return False
        text = bytes(self._buffer[:end])
        self._head = head = _asking(text) if text.startswith(b"GET ") else _Head.parse(text)
        del self._buffer[: end + 4]
        if head.too_large:
            self._to_discard = head.length
        if head.expects_continue and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _route(self, head: "_Head", body: bytes) -> None:
        if head.path.startswith(extensions.ROOT):
            self._route_extension(head, body)
            return
        failure = Posted(body=body, error_type=head.error_type, is_error=True)
        match head.method, head.path.removeprefix(_ROOT).split("/"):
            case "GET", ["invocation", "next"]:
                self._listener.runtime_waits(self)
            case "POST", ["invocation", request_id, "response"]:
                self._acknowledge(request_id, Posted(body=body, too_large=head.too_large))
            case "POST", ["invocation", request_id, "error"]:
                self._acknowledge(request_id, failure)
            case "POST", ["init", "error"]:
                self._listener.runtime_failed_to_start(failure)
                self.reply(202, _ACCEPTED)
            case _:
                self.reply(404, b"404 page not found\n")

    def _route_extension(self, head: "_Head", body: bytes) -> None:
        answer: extensions.Answer | None
        match head.method, head.path.removeprefix(extensions.ROOT).split("/"):
            case "POST", ["register"]:
                answer = self._listener.extension_registers(head.extension_name, body)
            case "GET", ["event", "next"]:
                answer = self._listener.extension_waits(head.extension_identifier, self)
            case _:
                answer = extensions.Answer(status=404, body=b"404 page not found\n", headers={})
        if answer is not None:
            self.reply(answer.status, answer.body, answer.headers)

    def _acknowledge(self, request_id: str, posted: Posted) -> None:
        if not self._listener.runtime_posted(request_id, posted):
            self.reply(
                400,
                b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n',
            )
        elif posted.too_large:
            self.reply(
                413,
                b'{"errorMessage":"Exceeded maximum allowed payload size (%d bytes).",'
                b'"errorType":"RequestEntityTooLarge"}\n' % LARGEST_RESPONSE_BYTES,
            )
        else:
            self.reply(202, _ACCEPTED)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer the request that waits on this connection."""
        if self._transport is None:
            return
        lines = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self._transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    path: str
    length: int
    error_type: str
    expects_continue: bool
    extension_name: str
    extension_identifier: str

    @property
    def too_large(self) -> bool:
        return self.length > LARGEST_RESPONSE_BYTES

    @property
    def kept_length(self) -> int:
        return 0 if self.too_large else self.length

    @classmethod
    def parse(cls, head: bytes) -> "_Head":
        start, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = start.split(" ", 2)
        headers = dict.fromkeys(_HEADERS, "")
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            if name in headers:
                headers[name] = value.strip()
        length, error_type, expects, extension, identifier = headers.values()
        return cls(
            method,
            path,
            int(length or "0"),
            error_type,
            expects.lower() == "100-continue",
            extension,
            identifier,
        )


@lru_cache(maxsize=64)  # a runtime asks for its next invocation in the same words every time
def _asking(head: bytes) -> _Head:
    return _Head.parse(head)
