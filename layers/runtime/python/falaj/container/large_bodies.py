"""Large binary bodies, read where they stay: from the socket into the memory that a tensor views.

The usual way copies each piece out of the loop's buffer, joins the pieces and moves the tensor to
an aligned address: three copies of an image, under the interpreter's lock, while the model waits.
Only requests whose head is known are read this way, and every byte is counted as in the usual one.
"""

import asyncio
from typing import Final, Protocol, cast

import numpy as np

from falaj.container.recurring_heads import Head
from falaj.contract import HEADER_BINARY_LENGTH
from falaj.http.messages import Request

LARGE_BYTES: Final = 64 * 1024
_ALIGNMENT: Final = 64
"""Bytes of a cache line, and of the widest vectors."""
_DIGITS: Final = 9
_ASIDE_BYTES: Final = 4096
"""Read by who finds no room, before the usual way takes over."""


class Reader(Protocol):
    """The connection whose bodies are read."""

    def reserve(self, size: int) -> bool:
        """Set memory aside, of all connections', or give it back; False if there is not enough."""
        ...

    def begin_body(self) -> None:
        """Start a request whose head has come, and its body's clock."""
        ...

    def count_body(self, size: int) -> bool:
        """Count what has come of a body; False if it is refused."""
        ...

    def end_body(self, request: Request) -> None:
        """Take the whole request."""
        ...


def is_read_in_place(head: Head) -> bool:
    """Whether a head announces a tensor that is worth it."""
    request = head.request
    return (
        head.length >= LARGE_BYTES
        and HEADER_BINARY_LENGTH in request.headers
        and "content-encoding" not in request.headers
        and request.path.endswith("/infer")
    )


class LargeBodies(asyncio.BufferedProtocol):
    """Reads one connection while its requests are large and alike; then gives it back.

    Memory for a request is taken when something of it has come, never before, and all that is
    taken is bounded: a page that is touched may be a large one.

    Args:
        reader: The connection.
        usual: Its protocol.
        transport: Its transport.
    """

    def __init__(
        self, reader: Reader, usual: asyncio.Protocol, transport: asyncio.Transport
    ) -> None:
        self._reader, self._usual, self._transport = reader, usual, transport
        self._head: Head | None = None
        self._text = b""
        self._memory = memoryview(b"")
        self._filled = self._reserved = 0

    @property
    def held(self) -> memoryview:
        """Memory of the request that is being read; empty between two."""
        return self._memory

    def begin(self, head: Head, data: bytes, at: int) -> bool:
        """Take a request's beginning, its body from `at` on; False if there is no room."""
        self._head, self._text = head, data[:at]
        if not self._found_room(head):
            return False
        self._memory[: len(data)] = data
        self._filled = len(data)
        self._hand_to(self)
        self._take(len(data) - at)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the connection."""
        self._leave_room()
        self._usual.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the connection."""
        self._usual.pause_writing()

    def resume_writing(self) -> None:
        """Tell the connection."""
        self._usual.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where what comes belongs: the rest of this request, or the next one like it."""
        if not self._memory and not (self._head is not None and self._found_room(self._head)):
            self._memory = memoryview(bytearray(_ASIDE_BYTES))
        return self._memory[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        before, at = self._filled, len(self._text)
        self._filled += nbytes
        if before:
            self._take(nbytes)
        elif self._reserved and self._memory[:at] == self._text:
            self._reader.begin_body()
            self._take(nbytes - at)
        else:
            self._give_back(bytes(self._memory[: self._filled]))

    def _take(self, size: int) -> None:
        if not self._reader.count_body(size):
            self._give_back(b"")
        elif self._filled == len(self._memory) and self._head is not None:
            body = self._memory[len(self._text) :].toreadonly()
            self._leave_room()
            # All that reads binary tensors takes any buffer; elsewhere bodies are bytes.
            self._reader.end_body(self._head.with_body(cast("bytes", body)))

    def _found_room(self, head: Head) -> bool:
        size = len(self._text) + head.length
        if not self._reader.reserve(size):
            return False
        self._reserved, self._memory = size, _memory_for(head, len(self._text))
        return True

    def _leave_room(self) -> None:
        self._reader.reserve(-self._reserved)
        self._memory, self._filled, self._reserved = memoryview(b""), 0, 0

    def _give_back(self, data: bytes) -> None:
        self._leave_room()
        self._hand_to(self._usual)
        self._usual.data_received(data)

    def _hand_to(self, protocol: asyncio.BaseProtocol) -> None:
        transport = self._transport
        if not transport.is_closing():
            # uvloop chooses how it reads when reading begins.
            transport.pause_reading()
            transport.set_protocol(protocol)
            transport.resume_reading()


def _memory_for(head: Head, at: int) -> memoryview:
    """Room for a head of `at` bytes and its body, the first tensor at an aligned address."""
    size = at + head.length
    room = np.empty(size + _ALIGNMENT, np.uint8)
    stated = head.request.headers[HEADER_BINARY_LENGTH]
    text = int(stated[:_DIGITS]) if stated.isdecimal() else 0  # refused later if it is wrong
    first = -(room.ctypes.data + at + text) % _ALIGNMENT
    return room.data[first : first + size]
