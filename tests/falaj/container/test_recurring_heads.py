"""Promise: a head that is looked up means what the parser would have said, whatever comes how."""

import asyncio
import socket
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from falaj.container.connection import Connection
from falaj.container.http1 import HttpServer
from falaj.container.limits import ConnectionLimits
from falaj.container.recurring_heads import MOST_HEADS, RecurringHeads
from falaj.domain.clock import SystemClock
from falaj.http.messages import Request


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written = []
        self.is_closed = False

    def write(self, data):
        """Keep it."""
        self.written.append(data)

    def close(self):
        """Note it."""
        self.is_closed = True

    abort = close

    def is_closing(self):
        """Say whether it was closed."""
        return self.is_closed

    def pause_reading(self):
        """Take no notice: all is fed at once."""

    resume_reading = pause_reading


async def heard(pieces, *, taught=(), limits=None):
    """Feed pieces to a connection; return the requests it saw, its answers, whether it closed."""
    seen = []

    def site(exchange):
        seen.append(exchange.request)
        exchange.reply(200, {}, b"")

    with socket.socket() as bound:
        server = HttpServer(site, bound, clock=SystemClock(), limits=limits or ConnectionLimits())
        server.loop = asyncio.get_running_loop()
        server.now, server.date, server.ok_head = 0.0, "", b""
        for stream in (taught, pieces):
            wire = Wire()
            seen.clear()
            connection = Connection(server)
            connection.connection_made(wire)
            for piece in stream:
                if not wire.is_closed:
                    connection.data_received(piece)
            for _ in range(40):
                await asyncio.sleep(0)
            connection.connection_lost(None)
            assert server.buffered == 0
    return list(seen), [answer[9:12] for answer in wire.written], wire.is_closed


HEADS = [
    b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n",
    b"POST /b?c=d HTTP/1.1\r\nhost: x\r\nContent-Length: %d\r\nX-One: 1\r\nx-one: 2\r\n\r\n",
    b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n",
    b"POST /a HTTP/1.0\r\nhost: x\r\ncontent-length: %d\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n",
    b"\r\nPOST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n",
    b"\r\n\r\nPOST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n",
    b"POST /a HTTP/1.1\nhost: x\ncontent-length: %d\n\n",
    b"POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n",
    b"POST /a HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: %d\r\n\r\n",
    b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\ncontent-length: 1\r\n\r\n",
    b"POST /a HTTP/1.1\r\nhost: x\r\nbad header\r\ncontent-length: %d\r\n\r\n",
]
CHUNKED = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
BODIES = st.sampled_from([b"", b"a", b"abc", b"\r\n\r\n", b"POST ", HEADS[0] % 0, b"0" * 40])
MESSAGES = st.one_of(
    st.builds(lambda head, body: head % len(body) + body, st.sampled_from(HEADS), BODIES),
    st.just(CHUNKED),
    st.just(b"\r\n\r\n"),
    st.just(b"junk\r\n\r\n"),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(MESSAGES, min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=5),
    st.lists(MESSAGES, max_size=3),
)
def test_what_is_known_changes_nothing(messages, cuts, others):
    """Any stream, cut anywhere, after it and others were seen: same requests, answers and end."""
    stream = b"".join(messages)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]

    async def compare():
        fresh = await heard(pieces)
        return fresh, await heard(pieces, taught=[*others, *messages])

    fresh, taught = asyncio.run(compare())
    assert taught == fresh


def test_a_recurring_head_is_looked_up():
    """The second request of a connection does without the parser, and says the same."""
    heads = RecurringHeads()
    head = HEADS[0] % 3
    request = Request("POST", "/a", {"host": "x", "content-length": "3"}, b"abc")
    assert heads.find(head + b"abc") is None
    heads.learn(head + b"abc", request)
    found = heads.find(head + b"xyz")
    assert found is not None
    known, at = found
    assert known.with_body(b"xyz") == request._replace(body=b"xyz")
    assert at == len(head)


def test_heads_that_take_turns_are_each_found():
    """The last one is compared first; a longer one that begins alike is another."""
    heads, sizes = RecurringHeads(), (3, 30, 3, 4, 30)
    for size in sizes:
        stated = {"content-length": str(size)}
        heads.learn(HEADS[0] % size + b"x" * size, Request("POST", "/a", stated, b""))
    for size in sizes:
        data = HEADS[0] % size + b"x" * size
        known, at = heads.find(data)
        assert (known.length, at) == (size, len(data) - size)
    assert heads.find(HEADS[0] % 5 + b"xxxxx") is None
    assert heads.find((HEADS[0] % 30)[:-1]) is None


@pytest.mark.parametrize("start", [b"\r\n\r\n", b"\r\n", b"\n"])
def test_nothing_before_a_request_is_learnt(start):
    """Empty lines that a parser skips must never stand for the request behind them."""
    heads = RecurringHeads()
    stated = {"content-length": "3"}
    heads.learn(start + HEADS[0] % 3 + b"abc", Request("POST", "/a", stated, b"abc"))
    assert heads.find(start + b"abc") is None
    assert heads.held == 0


def test_bodies_together_stay_bounded():
    """A known head is no way around the bound on what is held."""
    limits = ConnectionLimits(body_bytes=50, buffered_bytes=45)
    first, second = HEADS[0] % 10 + b"a" * 10, HEADS[0] % 46 + b"a" * 46
    seen, answers, _ = asyncio.run(heard([second], taught=[first], limits=limits))
    assert (seen, answers) == ([], [b"503"])
    wide = ConnectionLimits(body_bytes=50)
    seen, answers, _ = asyncio.run(heard([second, second], limits=wide))
    assert (len(seen), answers) == (2, [b"200", b"200"])


def test_callers_cannot_fill_the_memory():
    """A header of its own in every request: heads are forgotten, not heaped up."""
    heads = RecurringHeads()
    for number in range(3 * MOST_HEADS):
        head = b"POST /a HTTP/1.1\r\nx-trace: %d\r\ncontent-length: 0\r\n\r\n" % number
        heads.learn(head, Request("POST", "/a", {"content-length": "0"}))
        assert heads.held <= MOST_HEADS
