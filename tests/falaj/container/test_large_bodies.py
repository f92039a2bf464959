"""Promise: a large body read in place is the body that was sent, whatever comes beside it."""

import asyncio
import socket
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
import uvloop
from hypothesis import given, settings, strategies as st

from falaj.container.connection import Connection
from falaj.container.http1 import HttpServer
from falaj.container.large_bodies import LARGE_BYTES
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import SystemClock
from falaj.entrypoints.container_process import bound_socket

HEAD = (
    b"POST /v2/models/%b/infer HTTP/1.1\r\nhost: x\r\ninference-header-content-length: %d\r\n"
    b"content-length: %d\r\n\r\n"
)


def message(model, size, stated=7):
    """A request and its body, no byte of which stands where it would by chance."""
    body = (sha256(model).digest() * (size // 32 + 1))[:size]
    return HEAD % (model, stated, size) + body


LARGE, OTHER = message(b"a", LARGE_BYTES + 3), message(b"b", LARGE_BYTES + 50)
SMALL = message(b"s", 40)
PLAIN = LARGE.replace(b"inference-header-content-length: 7\r\n", b"", 1)
ASKED = {
    "large": LARGE,
    "other": OTHER,
    "small": SMALL,
    "plain": PLAIN,
    "known length only": message(b"a", LARGE_BYTES + 4),
    "odd header": message(b"a", LARGE_BYTES + 3, stated=10**12),
}


class Wire:
    """A transport that hands pieces to whichever protocol it has, in the way it asks for."""

    def __init__(self, protocol, most):
        self.protocol, self.most = protocol, most
        self.written, self.is_closed, self.is_reading = [], False, True

    def feed(self, data):
        """Give data as a loop does, never more than there is room for."""
        while data and not self.is_closed:
            assert self.is_reading
            if isinstance(self.protocol, asyncio.BufferedProtocol):
                room = self.protocol.get_buffer(-1)
                count = min(len(room), len(data))
                assert count
                room[:count] = data[:count]
                self.protocol.buffer_updated(count)
            else:
                count = min(self.most, len(data))
                self.protocol.data_received(bytes(data[:count]))
            data = data[count:]

    def set_protocol(self, protocol):
        """Change who reads, while nobody does: uvloop looks when reading begins."""
        assert not self.is_reading
        self.protocol = protocol

    def pause_reading(self):
        """Stop."""
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self):
        """Go on."""
        self.is_reading = True

    def write(self, data):
        """Keep it."""
        self.written.append(data[9:12])

    def close(self):
        """Note it."""
        self.is_closed = True

    abort = close

    def is_closing(self):
        """Say whether it was closed."""
        return self.is_closed


async def heard(pieces, *, most=2**18, limits=None, lose=True):
    """Feed pieces to one connection; return the bodies it saw, its answers, and what is held."""
    seen = []

    def site(exchange):
        seen.append((exchange.request.path, exchange.request.body))
        exchange.reply(200, {}, b"")

    with socket.socket() as bound:
        server = HttpServer(site, bound, clock=SystemClock(), limits=limits or ConnectionLimits())
        server.loop = asyncio.get_running_loop()
        server.now, server.date, server.ok_head = 0.0, "", b""
        connection = Connection(server)
        wire = Wire(connection, most)
        connection.connection_made(wire)
        for piece in pieces:
            wire.feed(piece)
            for _ in range(3):
                await asyncio.sleep(0)
        if lose:
            wire.protocol.connection_lost(None)
    return seen, wire, server


def said(stream):
    """Path and body of a message."""
    head, _, body = stream.partition(b"\r\n\r\n")
    return head.split()[1].decode(), body


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(ASKED)), min_size=2, max_size=7),
    st.lists(st.integers(0, 3 * LARGE_BYTES), max_size=8),
    st.sampled_from([300, 1000, LARGE_BYTES, 2**18]),
)
def test_every_body_is_what_was_sent(names, cuts, most):
    """Any order of large, small and unlike requests, cut anywhere and read in any pieces."""
    asked = [ASKED[name] for name in names]
    stream = b"".join([LARGE, LARGE, *asked])
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    seen, wire, server = asyncio.run(heard(pieces, most=most))
    assert [(path, bytes(body)) for path, body in seen] == [
        said(one) for one in (LARGE, LARGE, *asked)
    ]
    assert wire.written == [b"200"] * len(seen)
    assert (server.buffered, server.reserved) == (0, 0)


def test_the_first_tensor_is_aligned():
    """No copy is needed before vector instructions may read it."""
    seen, wire, _ = asyncio.run(heard([LARGE] * 4, most=1000))
    assert isinstance(wire.protocol, asyncio.BufferedProtocol)
    views = [body for _, body in seen if isinstance(body, memoryview)]
    assert len(views) == 3
    for view in views:
        assert np.frombuffer(view[7:], np.uint8).ctypes.data % 64 == 0
        assert view.readonly


def test_what_others_hold_counts():
    """Reading in place is no way around the bound on all bodies together."""
    limits = ConnectionLimits(buffered_bytes=LARGE_BYTES + 10)
    seen, wire, server = asyncio.run(
        heard([LARGE, LARGE, OTHER, OTHER], most=1000, limits=limits, lose=False)
    )
    assert [path for path, _ in seen] == ["/v2/models/a/infer"] * 2
    assert wire.written == [b"200", b"200", b"503"]
    assert server.buffered == 0


@pytest.mark.parametrize("part", [1, 40, 200, LARGE_BYTES // 2, len(LARGE) - 1])
def test_a_client_that_leaves_halfway_holds_nothing(part):
    """Its bytes are given back when its connection is lost, wherever it stopped."""
    seen, _, server = asyncio.run(heard([LARGE, LARGE, LARGE[:part]], most=1000))
    assert len(seen) == 2
    assert (server.buffered, server.reserved) == (0, 0)


def test_without_room_bodies_are_read_in_the_usual_way():
    """What is set aside for half-sent images is bounded; whoever finds none is served as before."""
    limits = ConnectionLimits(buffered_bytes=LARGE_BYTES + 100)
    seen, wire, _ = asyncio.run(heard([LARGE, LARGE, LARGE], most=1000, limits=limits))
    assert [(path, bytes(body)) for path, body in seen] == [said(LARGE)] * 3
    assert wire.written == [b"200"] * 3
    assert isinstance(wire.protocol, Connection)


def test_room_that_another_took_meanwhile_is_not_missed():
    """Between two images of one client another begins: the second image is read as before."""

    async def play():
        limits = ConnectionLimits(buffered_bytes=LARGE_BYTES + 5000)
        seen, first, server = await heard([LARGE, LARGE], most=1000, limits=limits, lose=False)
        assert isinstance(first.protocol, asyncio.BufferedProtocol)
        other = Connection(server)
        wire = Wire(other, 1000)
        other.connection_made(wire)
        wire.feed(LARGE[:2000])
        assert isinstance(wire.protocol, asyncio.BufferedProtocol)
        first.feed(LARGE)
        assert [(path, bytes(body)) for path, body in seen] == [said(LARGE)] * 3
        assert isinstance(first.protocol, Connection)
        wire.protocol.connection_lost(None)
        first.protocol.connection_lost(None)
        assert (server.buffered, server.reserved) == (0, 0)

    asyncio.run(play())


def test_memory_is_taken_when_a_request_begins():
    """Thousands of idle connections that once sent an image must not hold room for the next."""
    _, wire, _ = asyncio.run(heard([LARGE] * 3, most=1000, lose=False))
    assert isinstance(wire.protocol, asyncio.BufferedProtocol)
    assert len(wire.protocol.held) == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_over_sockets(run):
    """Both kinds of loop change protocols in mid-stream; other clients are served beside."""

    async def play():
        def site(exchange):
            digest = sha256(exchange.request.body).digest()
            exchange.reply(200, {}, digest)

        bound = bound_socket("127.0.0.1", 0)
        server = HttpServer(site, bound, clock=SystemClock(), limits=ConnectionLimits())
        await server.start()

        async def ask(*asked):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            answers = []
            for one in asked:
                writer.write(one[:100])
                await writer.drain()
                writer.write(one[100:])
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                answers.append(await reader.readexactly(32))
            writer.close()
            await writer.wait_closed()
            return answers

        asked = [LARGE, LARGE, LARGE, SMALL, LARGE, OTHER, OTHER, OTHER, PLAIN, LARGE]
        found = await asyncio.gather(*(ask(*asked) for _ in range(5)))
        await server.drain(grace_s=0, within_s=10)
        assert found == [[sha256(said(one)[1]).digest() for one in asked]] * 5
        assert server.buffered == 0

    run(play())
