"""Promise: what goes on is what was understood, as long as somebody waits, and nothing beside it.

The forwarders themselves before servers that note what they are sent.
"""

import asyncio
import contextlib

import grpc
import pytest

from falaj.config.gate import GateSettings
from falaj.container.forwarding.calls import CallForwarder
from falaj.container.forwarding.places import Places
from falaj.container.forwarding.rest import RestForwarder
from falaj.container.forwarding.served import Served
from falaj.container.forwarding.upstream import Upstream
from falaj.container.grpc.server import GrpcServer
from falaj.container.http1 import HttpServer
from falaj.container.ledger import Ledger
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import SystemClock
from falaj.entrypoints.container_process import bound_socket
from falaj.errors import ConfigurationError, OverloadedError, ShedError

DIGEST = "c" * 64
SERVED = Served(model="rows", version="1", digests={"1": DIGEST})
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INFER = "/inference.GRPCInferenceService/ModelInfer"
REQUEST = b"\x0a\x04rows"
"""A ModelInferRequest with nothing but its model's name."""


class Noting:
    """A server that notes requests, and answers what it is told to, or never."""

    def __init__(self, answer=OK):
        self.answer, self.heads, self.connections = answer, [], 0
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                await reader.readexactly(int(lines.get("content-length", 0)))
                self.heads.append((head.splitlines()[0], lines))
                self.asked.set()
                if self.answer:
                    writer.write(self.answer)
        self.left.set()
        writer.close()


@contextlib.asynccontextmanager
async def forwarding(port, *, timeout_s=30.0, places=8):
    """Run REST's forwarder before a server; yield its port, the places and the upstream."""
    upstream, taken = Upstream("127.0.0.1", port, timeout_s=timeout_s), Places("rows", places)
    site = RestForwarder(SERVED, upstream, taken, Ledger("7", lambda _: None), release="7")
    server = HttpServer(
        site, bound_socket("127.0.0.1", 0), clock=SystemClock(), limits=ConnectionLimits()
    )
    await server.start()
    try:
        yield server.port, taken, upstream
    finally:
        upstream.close()
        await server.drain(grace_s=0, within_s=5)


async def sent(port, *lines, body=b"{}", path="/v2/models/rows/infer"):
    """Send one request as it is written; return its connection and, when read, its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *lines]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    return reader, writer


async def answer(reader):
    """Read an answer's head."""
    return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode()


def test_of_the_headers_only_the_protocols_own_go_on():
    """No token, nobody's name, nothing of the connection that ended here."""

    async def run():
        async with Noting() as server, forwarding(server.port) as (port, *_):
            reader, writer = await sent(
                port,
                "authorization: Bearer secret",
                "x-falaj-tenant: acme",
                "x-falaj-subject: person",
                "x-api-key: key",
                "cookie: a=b",
                "connection: keep-alive, x-secret",
                "x-secret: 1",
                "te: trailers",
                "content-type: application/json",
                f"traceparent: {TRACEPARENT}",
            )
            told = await answer(reader)
            writer.close()
            return server.heads, told

    ((line, headers),), told = asyncio.run(run())
    assert line == "POST /v2/models/rows/infer HTTP/1.1"
    assert set(headers) == {"host", "content-length", "content-type", "traceparent"}
    assert headers["host"].startswith("127.0.0.1:")
    assert "x-falaj-release: 7" in told


def test_an_odd_path_goes_on_as_it_was_understood():
    """Percent signs, doubled slashes at the end and a query: one reading for both."""

    async def run():
        async with Noting() as server, forwarding(server.port) as (port, *_):
            for path in ("/v2/models/%72ows/versions/1/infer/", "/v2/models/rows/infer?x=1&y=2"):
                reader, writer = await sent(port, path=path)
                await answer(reader)
                writer.close()
            return [line for line, _ in server.heads]

    assert asyncio.run(run()) == [
        "POST /v2/models/rows/versions/1/infer HTTP/1.1",
        "POST /v2/models/rows/infer HTTP/1.1",
    ]


def test_connections_are_kept_and_one_that_ended_is_not_used():
    """Three requests over one connection; after the server has closed it, over a new one."""

    async def run():
        async with Noting() as server, forwarding(server.port) as (port, _, upstream):
            for turn in range(4):
                if turn == 3:
                    server.answer = OK.replace(b"content-type", b"connection: close\r\nx")
                reader, writer = await sent(port)
                await answer(reader)
                writer.close()
            kept = len(upstream.idle)
            reader, writer = await sent(port)
            await answer(reader)
            writer.close()
            return server.connections, kept

    assert asyncio.run(run()) == (2, 0)


def test_a_caller_who_leaves_is_waited_for_no_longer():
    """The server sees its connection end, and the place is free again."""

    async def run():
        async with Noting(b"") as server, forwarding(server.port) as (port, places, _):
            _, writer = await sent(port)
            await asyncio.wait_for(server.asked.wait(), 60)
            held = places.taken
            writer.transport.abort()
            await asyncio.wait_for(server.left.wait(), 60)
            return held, places.taken

    assert asyncio.run(run()) == (1, 0)


def test_an_answer_that_does_not_come_is_told():
    """503 with a time to come back, and the connection is not used again."""

    async def run():
        async with Noting(b"") as server, forwarding(server.port, timeout_s=0.2) as (port, *_):
            reader, writer = await sent(port)
            told = await answer(reader)
            await asyncio.wait_for(server.left.wait(), 60)
            writer.close()
            return told

    told = asyncio.run(run())
    assert told.startswith("HTTP/1.1 503 ")
    assert "retry-after: 5" in told


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
)
def test_what_is_no_answer_is_told(garbage):
    """A server that speaks something else is one that cannot be reached."""

    async def run():
        async with Noting(garbage) as server, forwarding(server.port) as (port, *_):
            reader, writer = await sent(port)
            told = await answer(reader)
            writer.close()
            return told

    assert asyncio.run(run()).startswith("HTTP/1.1 503 ")


def test_a_full_server_is_not_asked():
    """Its last place taken, the next is told 503 at once."""

    async def run():
        async with Noting(b"") as server, forwarding(server.port, places=1) as (port, *_):
            _, first = await sent(port)
            await asyncio.wait_for(server.asked.wait(), 60)
            reader, second = await sent(port)
            told = await answer(reader)
            first.transport.abort()
            second.close()
            return told, len(server.heads)

    told, asked = asyncio.run(run())
    assert told.startswith("HTTP/1.1 503 ")
    assert asked == 1


def test_the_last_priority_is_refused_while_places_are_left():
    """Half of the places are the fifth priority's, all of them the first's."""
    places, got = Places("rows", 4), []
    with contextlib.ExitStack() as held:
        for rank in (5, 5, 5, 3, 3, 1, 1):
            try:
                held.enter_context(places.held(rank, "acme"))
                got.append("in")
            except (ShedError, OverloadedError) as error:
                got.append(error.code)

    assert got == ["in", "in", "shed", "in", "shed", "in", "overloaded"]
    assert places.taken == 0


# -------------------------------------------------------------------------- gRPC
@contextlib.asynccontextmanager
async def calling(handler, *, places=8):
    """Run gRPC's forwarder before a server with one handler; yield a channel to it."""
    behind = grpc.aio.server()
    methods = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(handler),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(handler),
    }
    behind.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(INFER.split("/")[1], methods),)
    )
    port = behind.add_insecure_port("127.0.0.1:0")
    await behind.start()
    forwarder = CallForwarder(
        SERVED,
        f"127.0.0.1:{port}",
        Places("rows", places),
        Ledger("7", lambda _: None),
        timeout_s=300,
        body_bytes=1024 * 1024,
    )
    server = GrpcServer(forwarder, host="127.0.0.1", port=0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel, forwarder
    await server.drain(within_s=5)
    await forwarder.close()
    await behind.stop(0)


def test_deadlines_and_metadata_go_on():
    """As long as the caller waits, and no longer; his trace, and not his token."""
    seen = {}

    async def handler(request, context):
        seen["left"] = context.time_remaining()
        seen["names"] = {name for name, _ in context.invocation_metadata()}
        return request

    async def run():
        async with calling(handler) as (channel, _):
            pairs = (
                ("authorization", "Bearer x"),
                ("x-falaj-tenant", "a"),
                ("traceparent", TRACEPARENT),
                ("tracestate", "vendor=1"),
            )
            return await channel.unary_unary(INFER)(REQUEST, timeout=60, metadata=pairs)

    assert asyncio.run(run()) == REQUEST
    assert 0 < seen["left"] <= 60
    assert {"traceparent", "tracestate"} <= seen["names"]
    assert not {"authorization", "x-falaj-tenant"} & seen["names"]


def test_a_call_that_is_given_up_is_given_up_behind():
    """The server hears that nobody waits, and nothing is under way any more."""

    async def run():
        came, ended = asyncio.Event(), asyncio.Event()

        async def handler(_, __):
            came.set()
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()

        async with calling(handler) as (channel, forwarder):
            call = channel.unary_unary(INFER)(REQUEST)
            await asyncio.wait_for(came.wait(), 60)
            under_way = forwarder.under_way
            call.cancel()
            await asyncio.wait_for(ended.wait(), 60)
            return under_way

    assert asyncio.run(run()) == 1


def test_the_servers_status_and_sentence_come_back():
    """As its clients know them."""

    async def handler(_, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")

    async def run():
        async with calling(handler) as (channel, _):
            try:
                await channel.unary_unary(INFER)(REQUEST, timeout=60)
            except grpc.aio.AioRpcError as error:
                return error.code(), error.details()

    assert asyncio.run(run()) == (grpc.StatusCode.FAILED_PRECONDITION, "not today")


def test_a_streams_refusals_keep_their_place_among_answers():
    """Whom the gate refuses is told in his turn, when those before him have their answers."""

    async def run():
        answer = asyncio.Event()

        async def handler(requests, _):
            async for request in requests:
                await answer.wait()
                yield b"\x12\x00" + request

        async with calling(handler, places=1) as (channel, forwarder):
            stream = channel.stream_stream(INFER.replace("ModelInfer", "ModelStreamInfer"))()
            for _ in range(2):  # the second finds no place
                await stream.write(REQUEST)
            refused = asyncio.ensure_future(stream.read())
            done, _ = await asyncio.wait({refused}, timeout=0.5)
            answer.set()
            first, second = await refused, await stream.read()
            await stream.done_writing()
            assert await stream.read() is grpc.aio.EOF
            return done, first, second[:1], await stream.code(), forwarder.under_way

    assert asyncio.run(run()) == (
        set(),
        b"\x12\x00" + REQUEST,
        b"\x0a",
        grpc.StatusCode.OK,
        0,
    )


def test_a_stream_whose_server_leaves_ends_with_its_status():
    """An answer that was on its way comes first; a caller who only waits is told, too."""

    async def handler(requests, context):
        async for request in requests:
            yield request
            await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    async def run():
        async with calling(handler) as (channel, _):
            stream = channel.stream_stream(INFER.replace("ModelInfer", "ModelStreamInfer"))()
            await stream.write(REQUEST)
            return await stream.read(), await stream.code(), await stream.details()

    assert asyncio.run(run()) == (REQUEST, grpc.StatusCode.DATA_LOSS, "gone")


def test_a_gate_that_ends_lets_its_streams_go():
    """What was sent is answered; then the caller is told to go elsewhere."""

    async def run():
        came, answer = asyncio.Event(), asyncio.Event()

        async def handler(requests, _):
            async for request in requests:
                came.set()
                await answer.wait()
                yield request

        async with calling(handler) as (channel, forwarder):
            stream = channel.stream_stream(INFER.replace("ModelInfer", "ModelStreamInfer"))()
            await stream.write(REQUEST)
            await asyncio.wait_for(came.wait(), 60)
            forwarder.drain()
            answer.set()
            return await stream.read(), await stream.code()

    assert asyncio.run(run()) == (REQUEST, grpc.StatusCode.UNAVAILABLE)


# ---------------------------------------------------------------------- settings
RIGHT = {
    "FALAJ_MODEL_NAME": "rows",
    "FALAJ_MODEL_VERSION": "1",
    "FALAJ_DIGESTS": f"1={DIGEST}",
    "FALAJ_ENDPOINT": "http://127.0.0.1:8003",
    "FALAJ_GRPC_ENDPOINT": "127.0.0.1:8004",
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FALAJ_MODEL_NAME", "", "the model behind the gate"),
        ("FALAJ_MODEL_VERSION", "2", "one of 1"),
        ("FALAJ_DIGESTS", "1=abc", "64 hex digits"),
        ("FALAJ_ENDPOINT", "127.0.0.1:8003", "http://host:port"),
        ("FALAJ_ENDPOINT", "http://127.0.0.1:x", "http://host:port"),
        ("FALAJ_GRPC_ENDPOINT", "", "host:port where the server"),
        ("FALAJ_PLACES", "0", "a whole number from 1"),
    ],
)
def test_a_wrong_setting_says_what_to_write(name, value, said):
    """Before anything listens."""
    with pytest.raises(ConfigurationError) as refused:
        GateSettings.from_env(RIGHT | {name: value})

    assert [fault for fault in refused.value.faults if name in fault and said in fault]


def test_right_settings_are_taken():
    """As the stack writes them."""
    read = GateSettings.from_env(RIGHT | {"FALAJ_TIMEOUT_S": "10"})

    assert (read.endpoint, read.grpc_endpoint) == (("127.0.0.1", 8003), "127.0.0.1:8004")
    assert (read.digests, read.timeout_s) == ({"1": DIGEST}, 10)
