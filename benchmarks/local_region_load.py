"""Requests a second through the local region, beside its listener alone, in one run.

    python benchmarks/local_region_load.py [--requests 2000] [--cdk-out cdk.out]

Three lines: the listener with a static answer, the gateway with a function that does nothing, and
the same through the function's process. Without an assembly, a small one is written by hand.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import uvloop

from falaj.domain.clock import SystemClock
from local_region.gateway.front_door import API_LIMITS, FrontDoor, Invocation, Outcome
from local_region.gateway.messages import Request, Response
from local_region.listener import Listener, bind
from local_region.region import Region
from tests.local_region.test_region import write

CONCURRENCY = 16
ANSWER = json.dumps({"statusCode": 200, "body": "{}"}).encode()


class Static:
    """Answers at once."""

    async def answer(self, _: Request) -> Response:
        """Answer two bytes."""
        return Response(status=200, headers=(), body=b"{}")

    def refuse(self, _host: str, path: str, *, is_body: bool) -> Response:
        """Answer what was too large."""
        return Response(status=413 if is_body else 431, headers=(), body=path.encode())


async def nothing(_arn: str, _payload: bytes, _request_id: str, _trace: str) -> Invocation:
    """Stand for a function that costs nothing."""
    return Invocation(outcome=Outcome.ANSWERED, payload=ANSWER, executed_version="1")


async def load(url: str, path: str, requests: int) -> tuple[float, Counter[int]]:
    """Send requests over kept connections; return seconds and statuses."""
    host, port = url.removeprefix("http://").split(":")
    body = b'{"inputs":[]}'
    message = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body
    statuses: Counter[int] = Counter()
    turns = iter(range(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in turns:
            writer.write(message)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            statuses[int(head[9:12])] += 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
    return time.perf_counter() - started, statuses


async def compare(cdk_out: Path, path: str, requests: int) -> None:
    """Print the three rates."""
    async with await Region.open(cdk_out, api_port=0, aws_port=0) as region:
        apis = region._parts.surroundings.apis  # noqa: SLF001 - the same routes, without Lambda
        door = FrontDoor(
            apis=apis,
            invoke=nothing,
            allows=lambda _arn, _source: True,
            clock=SystemClock(),
            rng=random.Random(0),
            account="000000000000",
            region="me-central-1",
        )
        rates: dict[str, float] = {}
        for name, site in (("listener", Static()), ("+ gateway", door)):
            bound = bind(0, setting="-")
            listener = Listener(bound=bound, site=site, clock=SystemClock(), limits=API_LIMITS)
            await listener.start()
            seconds, _ = await load(listener.url, path, requests)
            rates[name] = requests / seconds
            await listener.close()
        await load(region.api_url, path, 4 * CONCURRENCY)  # cold starts
        seconds, statuses = await load(region.api_url, path, requests)
        rates["+ function process"] = requests / seconds
    for name, rate in rates.items():
        print(f"{name:20} {rate:8.0f} req/s  {rate / rates['listener']:5.2f} of the listener")
    print(f"{requests} requests at {CONCURRENCY} clients: {dict(statuses)}")


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--cdk-out", type=Path)
    parser.add_argument("--path", default="/v2/models/m/infer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cdk_out = options.cdk_out or write(Path(folder))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(compare(cdk_out, options.path, options.requests))


if __name__ == "__main__":
    main()
