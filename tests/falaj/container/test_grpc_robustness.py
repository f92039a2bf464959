"""Promise: over gRPC, too, nobody's call costs another's, and stopping loses nothing."""

import asyncio
import socket
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress

import grpc
import numpy as np
import psutil
import pytest
from tritonclient.grpc import service_pb2

from falaj.container.grpc.server import GrpcServer
from tests.falaj.container.conftest import running
from tests.falaj.container.test_container_grpc import METHOD, raw_call

LARGEST = {"options": [("grpc.max_send_message_length", -1)]}


def request(model, *shape, datatype="FP32", raw=None, name="x", strings=None):
    """A ModelInferRequest, as wrong as is asked for."""
    made = service_pb2.ModelInferRequest(model_name=model)
    item = made.inputs.add(name=name, datatype=datatype, shape=shape)
    if strings is not None:
        item.contents.bytes_contents.extend(strings)
    if raw is not None:
        made.raw_input_contents.append(raw)
    return made.SerializeToString()


def executed(container, model):
    """How often a model ran."""
    with grpc.insecure_channel(container.grpc) as channel:
        asked = service_pb2.ModelStatisticsRequest(name=model).SerializeToString()
        method = METHOD.replace("ModelInfer", "ModelStatistics")
        answer = channel.unary_unary(method)(asked, timeout=60)
    return service_pb2.ModelStatisticsResponse.FromString(answer).model_stats[0].execution_count


HOSTILE = {
    "huge": request("doubled", 2**62, 2**62, raw=b""),
    "overflow": request("doubled", 2**63 - 1, 4, raw=b"\0" * 16),
    "negative": request("doubled", -1, 2, raw=b"\0" * 8),
    "rank": request("doubled", *([1] * 4000), raw=b"\0" * 4),
    "short": request("doubled", 1, 2, raw=b"\0" * 7),
    "long": request("doubled", 1, 2, raw=b"\0" * 9),
    "none": request("doubled", 1, 2, raw=b""),
    "zeros": request("doubled", 0, 2**40, raw=b"\0" * 4),
    "type": request("doubled", 1, 2, datatype="FP99", raw=b"\0" * 8),
    "input": request("doubled", 1, 2, name="\0", raw=b"\0" * 8),
    "text": request("words", 1, 2, datatype="BYTES", strings=[b"\xff\xfe", b"ok"]),
    "lengths": request("words", 1, 2, datatype="BYTES", raw=b"\xff\xff\xff\xff" + b"a" * 8),
    "half": request("words", 1, 2, datatype="BYTES", raw=b"\x01\0\0\0a\x02\0"),
    "utf8": request("words", 1, 2, datatype="BYTES", raw=b"\x01\0\0\0\xff\x01\0\0\0a"),
    "crowd": request("words", 300_000, 2, datatype="BYTES", raw=b"\0" * 2_400_000),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_tensors_are_the_callers_fault(container, data):
    """Shape bombs, lengths that lie, text that is none: INVALID_ARGUMENT with a sentence."""
    code, details = raw_call(container, data, **LARGEST)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details


def test_hostile_calls_leave_no_memory_behind(container):
    """Every hostile tensor, and many large ones, many at a time: the process stays its size."""
    process = psutil.Process(container.process.pid)
    calls = [
        *HOSTILE.values(),
        *(request("doubled", 2**30, 2, raw=b"\0" * 8_000_000) for _ in "ab"),
    ]

    def all_of_them():
        with ThreadPoolExecutor(4) as pool:
            return [end[0] for end in pool.map(lambda d: raw_call(container, d, **LARGEST), calls)]

    sizes, codes = [], set()
    for _ in range(12):
        codes |= set(all_of_them())
        sizes.append(process.memory_info().rss >> 20)
    assert codes == {grpc.StatusCode.INVALID_ARGUMENT}
    # What is freed stays with the allocator for a while: a round ends higher or lower by chance,
    # but what is kept adds up, 16 MiB of the largest two each time, and no round would end low.
    assert min(sizes[8:]) - min(sizes[4:8]) < 64, sizes


def test_methods_that_are_not_there_are_unimplemented(container):
    """An unknown method, and an unknown service, end with gRPC's own status."""
    with grpc.insecure_channel(container.grpc) as channel:
        for method in (METHOD + "s", "/some.Other/Service"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(method)(b"", timeout=60)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_too_much_metadata_is_refused(container):
    """Headers are bounded as well as messages; the next call is served."""
    flood = tuple((f"x-{n}", "y" * 1000) for n in range(64))
    with grpc.insecure_channel(container.grpc) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(METHOD)(b"", timeout=60, metadata=flood)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(raw_call(container, request("doubled", 1, 2, raw=b"\0" * 8)), bytes)


def test_nothing_runs_for_a_call_that_was_cancelled(container):
    """Calls that wait when their client hangs up are given up, not computed."""
    data = request("small-queue", 1, 1, 1, raw=np.ones(1, np.float32).tobytes())
    before = executed(container, "small-queue")
    with grpc.insecure_channel(container.grpc) as channel:
        call = channel.unary_unary(METHOD)
        first = call.future(data, timeout=20)
        others = [call.future(data, timeout=20) for _ in range(4)]
        for other in others:
            other.cancel()
        assert first.code() is grpc.StatusCode.OK
    with grpc.insecure_channel(container.grpc) as channel:
        channel.unary_unary(METHOD)(data, timeout=20)
    assert executed(container, "small-queue") - before <= 4


def test_a_stopping_container_answers_the_calls_under_way(container_models, tmp_path):
    """SIGTERM under load: every call is answered, or told before anything ran to go elsewhere.

    So is a stream that is open, and says nothing.
    """
    data = request("slow", 1, 1, 1, raw=np.ones(1, np.float32).tobytes())

    async def callers(container):
        ends = []

        async def one():
            async with grpc.aio.insecure_channel(container.grpc) as channel:
                call = channel.unary_unary(METHOD)
                while True:
                    try:
                        await call(data, timeout=20)
                    except grpc.aio.AioRpcError as error:
                        ends.append(error.code())
                        return
                    ends.append(grpc.StatusCode.OK)

        async with grpc.aio.insecure_channel(container.grpc) as channel:
            idle = channel.stream_stream(METHOD.replace("ModelInfer", "ModelStreamInfer"))()
            await idle.write(data)
            await idle.read()
            working = [asyncio.ensure_future(one()) for _ in range(8)]
            while len(ends) < 40:  # noqa: ASYNC110 - what is waited for is no event
                await asyncio.sleep(0.01)
            container.terminate()
            await asyncio.gather(*working)
            assert await idle.code() is grpc.StatusCode.UNAVAILABLE
        return ends

    with running(container_models, tmp_path) as container:
        ends = asyncio.run(callers(container))
        assert container.wait() == 0
    answered = ends.count(grpc.StatusCode.OK) + 1
    assert set(ends) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    counted = sum(line["Requests"] for line in container.lines() if line.get("Model") == "slow")
    assert counted == answered


def frame(kind, flags, stream, payload=b""):
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header as HPACK writes it that never compresses (RFC 7541, section 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


CALL = b"".join(
    literal(name, value)
    for name, value in (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", METHOD.encode()),
        (b":authority", b"x"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
)
HEADERS, RESET, SETTINGS, CANCEL = 1, 3, 4, struct.pack(">I", 8)
END_HEADERS = 4


@contextmanager
def raw_connection(container):
    """A connection that speaks HTTP/2 as its holder likes."""
    host, _, port = container.grpc.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as held:
        held.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        yield held


def answered(container):
    """Whether inferences and the balancer's health checks are, at once, on another connection."""
    data = request("doubled", 1, 2, raw=b"\0" * 8)
    with grpc.insecure_channel(container.grpc) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        for _ in range(10):
            channel.unary_unary(METHOD)(data, timeout=30)
            if check(b"", timeout=30) != b"\x08\x01":
                return False
    return True


def test_calls_that_send_nothing_hurt_nobody(container):
    """Five hundred begun on one connection, and no message on any: others are answered."""
    begun = b"".join(frame(HEADERS, END_HEADERS, 2 * n + 1, CALL) for n in range(500))
    with raw_connection(container) as held:
        held.sendall(begun)
        assert answered(container)
    assert answered(container)


def test_calls_that_are_reset_as_soon_as_begun_hurt_nobody(container):
    """The rapid reset of CVE-2023-44487, five hundred times on each of four connections."""
    flood = b"".join(
        frame(HEADERS, END_HEADERS, 2 * n + 1, CALL) + frame(RESET, 0, 2 * n + 1, CANCEL)
        for n in range(500)
    )
    for _ in range(4):
        with raw_connection(container) as held, suppress(ConnectionError):
            held.sendall(flood)
        assert answered(container)


def test_streams_are_bounded_and_nobody_has_all_of_them(container):
    """Of 32 one caller gets 24; the rest waits for others, and whoever ends one makes room."""
    data = request("doubled", 1, 2, raw=b"\0" * 8)
    method = METHOD.replace("ModelInfer", "ModelStreamInfer")
    options = [("grpc.use_local_subchannel_pool", 1)]

    async def ask():
        ends = Counter()
        async with AsyncExitStack() as stack:
            channels = [
                await stack.enter_async_context(
                    grpc.aio.insecure_channel(container.grpc, options=options)
                )
                for _ in range(2)
            ]

            async def opened(number):
                call = channels[number].stream_stream(method)()
                try:
                    await call.write(data)
                    return call if await call.read() else None
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    ends[number, (await call.code()).name] += 1
                    return None

            first = [await opened(0) for _ in range(26)]
            second = [await opened(1) for _ in range(9)]
            for call in first[:2]:
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
            third = await opened(1)
            opens = [len([call for call in calls if call]) for calls in (first, second, [third])]
            return opens, ends

    opens, ends = asyncio.run(ask())
    assert opens == [24, 8, 1]
    assert ends == {(0, "RESOURCE_EXHAUSTED"): 2, (1, "RESOURCE_EXHAUSTED"): 1}


def test_calls_begun_at_once_are_all_answered():
    """Six clients begin 400 calls each while the server is busy: each waits, none is cancelled."""

    async def answer(data, _):
        return data

    class Echo(Silent):
        def handlers(self):
            echo = {"Say": grpc.unary_unary_rpc_method_handler(answer)}
            return (grpc.method_handlers_generic_handler("Echo", echo),)

    def begun(port):
        own = [("grpc.use_local_subchannel_pool", 1)]
        with ExitStack() as stack:
            channels = [
                stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", own))
                for _ in range(6)
            ]
            calls = [channel.unary_unary("/Echo/Say") for channel in channels]
            for call in calls:
                call(b"")
            yield
            futures = [call.future(b"", timeout=120) for call in calls for _ in range(400)]
            yield
            yield Counter(future.code() for future in futures)

    async def ask():
        server = GrpcServer(Echo(), host="127.0.0.1", port=0)
        await server.start()
        clients = begun(server.port)
        await asyncio.to_thread(next, clients)
        next(clients)  # and nothing else happens on the server's loop
        ends = await asyncio.to_thread(next, clients)
        await asyncio.to_thread(clients.close)
        await server.drain(within_s=0)
        return ends

    assert asyncio.run(ask()) == {grpc.StatusCode.OK: 2400}


class Silent:
    """Answers nothing."""

    under_way, message_bytes = 0, 1024

    def handlers(self):
        """None."""
        return ()

    def drain(self):
        """Nothing is under way."""


def is_taken(port):
    """Open a connection of HTTP/2; return it if the server speaks, None if it closes."""
    held = socket.create_connection(("127.0.0.1", port), timeout=60)
    with suppress(ConnectionError):
        held.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        if held.recv(9):
            return held
    held.close()
    return None


def test_connections_beyond_the_limit_are_closed():
    """The next one finds a place as soon as somebody leaves."""

    async def crowd():
        server = GrpcServer(Silent(), host="127.0.0.1", port=0, connections=3)
        await server.start()
        taken = [await asyncio.to_thread(is_taken, server.port) for _ in range(5)]
        for held in taken[:1]:
            held.close()
        while (late := await asyncio.to_thread(is_taken, server.port)) is None:
            pass
        await server.drain(within_s=0)
        for held in (late, *taken[1:3]):
            held.close()
        return [held is not None for held in taken]

    assert asyncio.run(crowd()) == [True, True, True, False, False]
