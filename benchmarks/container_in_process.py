"""What a request costs the container's own code: bytes in, bytes out, no sockets.

    PYTHONPATH=.:layers/runtime/python python -m benchmarks.container_in_process [--callers 1,8,32]

T of benchmarks/container.py through the container's connections, front, queue and model, on
transports that only count. `static` answers without looking at the request: its share is the HTTP
server's. The least of many short repetitions is hardly touched by what else the machine does, so
that changes of a microsecond can be seen where requests over sockets show noise.
"""

# ruff: noqa: ANN001, ANN201, ANN204, ASYNC110 - a script

import argparse
import asyncio
import gc
import socket
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.container import front_of, request_of, static_site, write_models
from falaj.container.connection import Connection
from falaj.container.http1 import HttpServer
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import SystemClock

REPEATS = 1500


class Counted:
    """A transport that counts what is written."""

    def __init__(self):
        self.writes = 0

    def write(self, _):
        """Count it."""
        self.writes += 1

    def is_closing(self):
        """It never closes."""
        return False


async def cost(site, callers):
    """Seconds of one request when so many come together: the least, and the best twentieth's."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = HttpServer(site, bound, clock=SystemClock(), limits=ConnectionLimits())
        await server.start()
        data, took, wires, held = request_of("t", "127.0.0.1"), [], [], []
        for _ in range(callers):
            wires.append(Counted())
            held.append(Connection(server))
            held[-1].connection_made(wires[-1])
        for _ in range(REPEATS):
            began, written = time.perf_counter(), wires[-1].writes
            for connection in held:
                connection.data_received(data)
            while any(wire.writes == written for wire in wires):
                await asyncio.sleep(0)
            took.append((time.perf_counter() - began) / callers)
        for connection in held:
            connection.connection_lost(None)
        await server.drain(grace_s=0, within_s=0)
    took.sort()
    return took[0], took[REPEATS // 20]


async def main():
    """Print both sites at each number of callers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--callers", default="1,8,32")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        write_models(Path(root), "t")
        front = front_of(root, asyncio.get_running_loop())
    gc.collect()
    gc.freeze()
    for callers in map(int, asked.callers.split(",")):
        for name, site in (("static", static_site), ("falaj", front)):
            least, best = await cost(site, callers)
            print(
                f"{name:8} T {callers:>3}  least {least * 1e6:6.1f} µs  "
                f"best twentieth {best * 1e6:6.1f} µs a request",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
