"""Promise: a client that stalls, sends half or does not read is cut off, and hurts nobody else.

The server is the container's own, with limits of fractions of a second in place of minutes.
"""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest

from falaj.container.http1 import HttpServer
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import SystemClock
from falaj.entrypoints.container_process import bound_socket

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
BIG = b"x" * 16_000_000
SHORT = ConnectionLimits(head_s=0.2, body_s=0.2, idle_s=0.2, write_s=0.2, linger_s=0.2)


class Served:
    """What the server was asked, and what it still holds."""

    def __init__(self, server, asked):
        self.server, self.asked = server, asked

    def connected(self):
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)

    def answers(self):
        """Whether a well-behaved client is served."""
        with self.connected() as held:
            held.sendall(HEAD + b"content-length: 2\r\n\r\nok")
            return held.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.fixture
def serve():
    """Run a server on a loop of its own thread."""

    @contextmanager
    def serving(limits, size=2):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        asked = []

        def site(exchange):
            asked.append(exchange.request)
            is_large = exchange.request.path == "/big"
            exchange.reply(200, {}, BIG if is_large else b"x" * size)

        async def start():
            server = HttpServer(
                site, bound_socket("127.0.0.1", 0), clock=SystemClock(), limits=limits
            )
            await server.start()
            return server

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        try:
            yield Served(server, asked)
        finally:
            drained = asyncio.run_coroutine_threadsafe(server.drain(grace_s=0, within_s=0.1), loop)
            drained.result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    return serving


def said(held):
    """Everything until the server closes."""
    received = b""
    try:
        while piece := held.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (HEAD, b"HTTP/1.1 408"),
        (b"P", b"HTTP/1.1 408"),
        (HEAD + b"content-length: 10\r\n\r\nhalf", b"HTTP/1.1 408"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab", b"HTTP/1.1 408"),
        (b"", b""),
    ],
    ids=["head", "byte", "body", "chunk", "nothing"],
)
def test_what_does_not_arrive_in_time_is_cut(serve, sent, answer):
    """Half a head or body is told so; a silent connection is closed without a word."""
    with serve(SHORT) as served:
        with served.connected() as held:
            held.sendall(sent)
            assert said(held)[: len(b"HTTP/1.1 408")] == answer
        assert served.asked == []
        assert served.answers()


def test_a_byte_now_and_then_does_not_prolong_the_time(serve):
    """Trickling a head byte by byte ends like sending none of it."""
    with serve(SHORT) as served, served.connected() as held:
        held.settimeout(0.05)
        answer = b""
        for _ in range(100):
            try:
                held.sendall(b"a")
                answer = held.recv(64)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
        assert served.asked == []
        assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400"))


def test_a_client_that_does_not_read_is_dropped(serve):
    """Its answer is thrown away, its next requests are not served, others are."""
    with serve(SHORT) as served, served.connected() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.sendall((b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n") * 3)
        while not served.asked:
            pass
        while served.server.open_connections:  # until the server has dropped it
            pass
        assert served.server.buffered == 0
        assert len(served.asked) == 1
        assert served.answers()


def test_bodies_of_all_clients_together_are_bounded(serve):
    """Many half bodies at once: the one too many is told to come back, the rest may go on."""
    limits = ConnectionLimits(buffered_bytes=1_000_000, body_bytes=600_000, stall_s=60)
    with serve(limits) as served:
        stalled = [served.connected() for _ in range(3)]
        for count, held in enumerate(stalled):
            while served.server.buffered < 400_000 * count:
                pass
            held.sendall(HEAD + b"content-length: 500000\r\n\r\n" + b"x" * 400_000)
        assert b"HTTP/1.1 503" in stalled[2].recv(200)
        assert served.answers()
        for held in stalled[:2]:
            held.sendall(b"x" * 100_000)
            assert held.recv(200).startswith(b"HTTP/1.1 200")
        for held in stalled:
            held.close()


def test_who_stalls_makes_room_for_whoever_has_sent_all(serve):
    """Half bodies that fill the room cost nobody an answer but one of those who sent them."""
    limits = ConnectionLimits(buffered_bytes=1_000_000, body_bytes=600_000, stall_s=0)
    with serve(limits) as served:
        stalled = [served.connected() for _ in range(2)]
        for held, size in zip(stalled, (400_000, 500_000), strict=True):
            held.sendall(HEAD + b"content-length: 600000\r\n\r\n" + b"x" * size)
        while served.server.buffered < 900_000:
            pass
        with served.connected() as whole:
            whole.sendall(HEAD + b"content-length: 300000\r\n\r\n" + b"x" * 300_000)
            assert whole.recv(200).startswith(b"HTTP/1.1 200")
        assert stalled[1].recv(200).startswith(b"HTTP/1.1 503")
        stalled[0].sendall(b"x" * 200_000)
        assert stalled[0].recv(200).startswith(b"HTTP/1.1 200")
        for held in stalled:
            held.close()


def test_connections_beyond_the_limit_are_closed(serve):
    """The next one finds a place as soon as somebody leaves."""
    with serve(ConnectionLimits(connections=4)) as served:
        held = [served.connected() for _ in range(4)]
        for one in held:
            one.sendall(HEAD + b"content-length: 2\r\n\r\nok")
            assert one.recv(200).startswith(b"HTTP/1.1 200")
        with served.connected() as fifth:
            assert said(fifth) == b""
        held.pop().close()
        while served.server.open_connections > 3:
            pass
        assert served.answers()
        for one in held:
            one.close()
