"""One tenant's load, in a process of its own: asks at random moments, tells how long each took.

    python -m benchmarks.tenants.caller < orders

The first line of standard input says whom to ask; each further line orders a part: how long, how
often, from which seed. After each part a line of JSON goes to standard output. Requests come at
moments of a Poisson process, drawn from the part's seed, whatever became of those before: where no
connection is free, waiting for one counts. A caller that is late itself, for want of a processor,
counts from when it woke: that is no time of the server's.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import grpc
import httptools
import uvloop

CONNECTIONS = 6
METHOD = "/inference.GRPCInferenceService/ModelInfer"


class Connection(Protocol):
    """Carries one request at a time."""

    async def ask(self) -> str:
        """Return the status."""
        ...


class RestConnection:
    """A kept connection, from an address of its own.

    A web ACL counts by address, and loopback has sixteen million of them.
    """

    def __init__(self, to: dict[str, Any], number: int) -> None:
        self._address = f"127.0.{to['network']}.{number + 1}"
        self._host, _, self._port = to["url"].removeprefix("http://").partition(":")
        body = to["body"].encode()
        head = (
            f"POST /v2/models/{to['model']}/infer HTTP/1.1\r\nhost: {self._host}\r\n"
            f"user-agent: benchmark\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {to['token']}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> str:
        """Send the request and read all of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host, int(self._port), local_addr=(self._address, 0)
            )
        reader, writer = self._streams
        answer = _Whole()
        parser = httptools.HttpResponseParser(answer)
        writer.write(self._request)
        while not answer.is_whole:
            data = await reader.read(65_536)
            if not data:
                self._streams = None
                return "connection lost"
            parser.feed_data(data)
        return str(parser.get_status_code())


class _Whole:
    is_whole = False

    def on_message_complete(self) -> None:
        self.is_whole = True


class GrpcConnection:
    """A channel of its own; the message is written once."""

    def __init__(self, to: dict[str, Any], number: int) -> None:
        channel = grpc.aio.insecure_channel(
            to["address"], options=(("grpc.use_local_subchannel_pool", 1), ("falaj.number", number))
        )
        self._call = channel.unary_unary(METHOD)
        self._message = bytes.fromhex(to["message"])
        self._metadata = (("authorization", f"Bearer {to['token']}"),)

    async def ask(self) -> str:
        """Call, and read the answer's bytes."""
        try:
            await self._call(self._message, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"


class Caller:
    """Keeps connections and asks by them.

    Args:
        to: Whom to ask, on whose behalf.
    """

    def __init__(self, to: dict[str, Any]) -> None:
        make = GrpcConnection if to["wire"] == "grpc" else RestConnection
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        self._all: Sequence[Connection] = [make(to, number) for number in range(CONNECTIONS)]
        for connection in self._all:
            self._free.put_nowait(connection)

    async def warm(self, times: int) -> dict[str, int]:
        """Ask by all connections at once, some times."""
        found = [
            await asyncio.gather(*(connection.ask() for connection in self._all))
            for _ in range(times)
        ]
        return dict(Counter(status for each in found for status in each))

    async def part(self, *, rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """Ask for some seconds; return statuses and milliseconds."""
        rng, moments, moment = random.Random(seed), list[float](), 0.0
        while (moment := moment + rng.expovariate(rate)) < seconds:
            moments.append(moment)
        statuses, took_ms, running = Counter[str](), list[float](), set[asyncio.Task[None]]()

        async def one() -> None:
            woke = time.perf_counter()
            connection = await self._free.get()
            status = await connection.ask()
            took_ms.append(round((time.perf_counter() - woke) * 1000, 4))
            statuses[status] += 1
            self._free.put_nowait(connection)

        began = time.perf_counter()
        for due in moments:
            await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
            task = asyncio.ensure_future(one())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(max(0.0, began + seconds - time.perf_counter()))
        await asyncio.gather(*running)
        return {"statuses": dict(statuses), "ms": took_ms}


async def serve() -> None:
    """Do what the lines of standard input order."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=1_000_000)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    caller = Caller(json.loads(await reader.readline()))
    while line := await reader.readline():
        order = json.loads(line)
        work = caller.warm(**order["warm"]) if "warm" in order else caller.part(**order["part"])
        sys.stdout.write(json.dumps(await work) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve())
