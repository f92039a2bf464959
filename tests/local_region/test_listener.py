"""Promise: every client is served, and none takes the server down."""

import asyncio
import json
import socket
from datetime import UTC, datetime

import pytest

from local_region.errors import PortInUseError
from local_region.gateway.messages import Response
from local_region.listener import Limits, Listener, bind

LIMITS = Limits(header_bytes=1000, body_bytes=5000)


class Noon:
    """A clock that stands at noon."""

    def now(self):
        """Return noon."""
        return datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class Mirror:
    """Answers with what it was asked."""

    async def answer(self, request):
        """Answer with what was asked."""
        body = json.dumps([request.method, request.path, request.query, len(request.body)])
        return Response(
            status=200, headers=(("x-odd", "a\r\nset-cookie: forged"),), body=body.encode()
        )

    def refuse(self, _host, path, *, is_body):
        """Answer with the path."""
        return Response(status=413 if is_body else 431, headers=(), body=path.encode())


def talk(*messages, limits=LIMITS):
    """Send each message on a connection of its own; return the raw answers."""

    async def run():
        listener = Listener(
            bound=bind(0, setting="PORT"), site=Mirror(), clock=Noon(), limits=limits
        )
        await listener.start()
        port = int(listener.url.rpartition(":")[2])
        answers = []
        for message in messages:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(message)
            await writer.drain()
            writer.write_eof()
            try:
                answers.append(await asyncio.wait_for(reader.read(), 10))
            except ConnectionError:
                answers.append(b"")
            writer.close()
        await listener.close()
        return answers

    return asyncio.run(run())


def get(path="/", extra=b"", body=b"", method=b"GET"):
    """Write a request as bytes."""
    return b"%s %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%s\r\n%s" % (
        method,
        path.encode(),
        extra,
        body,
    )


GOOD = get("/a?b=c")


def test_request_is_answered():
    """Status, date, length and body."""
    (answer,) = talk(GOOD)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"date: Sun, 22 Nov 2026 12:00:00 GMT" in answer
    assert answer.endswith(b'["GET", "/a", "b=c", 0]')


def test_path_stays_as_sent():
    """Percent-encoding is the API's affair."""
    (answer,) = talk(get("/a%20b%2Fc"))

    assert b'"/a%20b%2Fc"' in answer


def test_chunked_body_is_joined():
    """A body without a stated length arrives whole."""
    chunks = b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"

    (answer,) = talk(get(extra=b"transfer-encoding: chunked\r\n", body=chunks, method=b"POST"))

    assert answer.endswith(b'["POST", "/", "", 7]')


def test_connection_is_kept():
    """Two requests share a connection."""
    two = (
        b"GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )

    (answer,) = talk(two)

    assert (answer.count(b"200 OK"), b'"/2"' in answer) == (2, True)


def test_function_cannot_forge_headers():
    """A line break in a header value stays inside the value."""
    (answer,) = talk(GOOD)

    assert b"\r\nset-cookie" not in answer


HOSTILE = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no such method": b"FROBNICATE / HTTP/1.1\r\n\r\n",
    "two lengths": get(extra=b"content-length: 1\r\ncontent-length: 2\r\n"),
    "length and chunks": get(extra=b"content-length: 4\r\ntransfer-encoding: chunked\r\n"),
    "negative length": get(extra=b"content-length: -1\r\n"),
    "huge length": get(extra=b"content-length: 99999999999999999999\r\n"),
    "bad chunk": get(extra=b"transfer-encoding: chunked\r\n", body=b"zz\r\n"),
    "half a request": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-le",
    "half a body": get(extra=b"content-length: 100\r\n", body=b"abc", method=b"POST"),
    "endless headers": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000,
    "endless header": b"GET / HTTP/1.1\r\nx: " + b"y" * 50_000,
    "endless line": b"GET /" + b"y" * 50_000,
    "endless trailers": get(
        extra=b"transfer-encoding: chunked\r\n", body=b"0\r\n" + b"t: y\r\n" * 5000
    ),
    "websocket": get(extra=b"upgrade: websocket\r\nconnection: upgrade\r\n"),
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    "null in a header": get(extra=b"x: a\x00b\r\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_client_hurts_nobody(name):
    """Whatever it sends, the next client is served."""
    *_, answer = talk(HOSTILE[name], GOOD)

    assert answer.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (get(extra=b"content-length: 50001\r\n", method=b"POST"), b"413"),
        (
            get(extra=b"content-length: 5001\r\n", body=b"a" * 5001, method=b"POST"),
            b"413",
        ),
        (
            get(
                extra=b"transfer-encoding: chunked\r\n",
                body=b"1000\r\n" + b"a" * 4096 + b"\r\n1000\r\n" + b"a" * 4096 + b"\r\n0\r\n\r\n",
                method=b"POST",
            ),
            b"413",
        ),
        (get(extra=b"x: " + b"y" * 1100 + b"\r\n"), b"431"),
    ],
)
def test_too_much_is_refused(message, status):
    """A body or headers over the limit get an answer, and the connection ends."""
    (answer,) = talk(message)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer


def test_closed_listener_frees_its_port():
    """The same port can be bound at once."""

    async def run():
        bound = bind(0, setting="PORT")
        listener = Listener(bound=bound, site=Mirror(), clock=Noon(), limits=LIMITS)
        await listener.start()
        port = bound.getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await listener.close()
        writer.close()
        bind(port, setting="PORT").close()
        return port

    assert asyncio.run(run()) > 0


def test_taken_port_names_its_setting():
    """One sentence: which port, and what to set."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"port {port} .* in use; set FALAJ_PORT"):
            bind(port, setting="FALAJ_PORT")
