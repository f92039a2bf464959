"""What it costs to read gRPC messages on demand: grpc's own unary handler beside the container's.

    PYTHONPATH=.:layers/runtime/python python -m benchmarks.grpc_reading [--calls N] [--rounds R]

Both handlers are on one server, in a process of their own, and answer alike. Prints the processor
time that the server's process takes for a call of each, the least of all rounds, for messages of a
row of numbers and of an image. What the container's buys: the bytes of all messages together are
bounded, since what there is no room for is not read (falaj/container/grpc/intake.py).
"""

# ruff: noqa: ANN401 - grpc's objects have no usable static types

import argparse
import asyncio
import subprocess
import sys
from typing import Any

import grpc
import psutil

from falaj.container.grpc.handlers import unary
from falaj.container.grpc.intake import Intake

SIZES = {"a row": 300, "an image": 3 * 224 * 224 * 4}
WAYS = ("grpc's own", "on demand")
CALLERS = 8
LARGEST = 17 * 2**20
OPTIONS = (("grpc.max_receive_message_length", LARGEST),)


async def serve() -> None:
    """Serve both handlers until the parent closes this process's input."""
    intake = Intake(capacity_bytes=16 * LARGEST, message_bytes=LARGEST)

    async def answer(data: bytes, _: Any) -> bytes:
        return data[:8]

    async def known(context: Any) -> Any:
        return context

    handlers = {
        "own": grpc.unary_unary_rpc_method_handler(answer),
        "demand": unary(answer, None, intake, known=known),
    }
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench", handlers)])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


async def cost(port: int, process: psutil.Process, asked: argparse.Namespace) -> None:
    """Print the least processor time of a call, each way in turn."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        calls = [channel.unary_unary(f"/bench/{name}") for name in ("own", "demand")]

        async def burst(call: Any, data: bytes, count: int) -> float:
            async def caller() -> None:
                for _ in range(count // CALLERS):
                    await call(data)

            before = sum(process.cpu_times()[:2])
            await asyncio.gather(*(caller() for _ in range(CALLERS)))
            return (sum(process.cpu_times()[:2]) - before) / count * 1e6

        for what, size in SIZES.items():
            data, least = bytes(size), [float("inf"), float("inf")]
            for _ in range(asked.rounds):
                for place, call in enumerate(calls):
                    least[place] = min(least[place], await burst(call, data, asked.calls))
            for way, took in zip(WAYS, least, strict=True):
                print(f"{what:9} {way:10} {took:7.0f} µs of processor a call", flush=True)


def main() -> None:
    """Start the server, measure it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--calls", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true")
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve())
        return
    command = [sys.executable, "-m", "benchmarks.grpc_reading", "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        asyncio.run(cost(int(process.stdout.readline()), psutil.Process(process.pid), asked))
        process.communicate("")


if __name__ == "__main__":
    main()
