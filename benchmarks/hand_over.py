"""What it costs to run a batch on a thread: an executor's futures beside the container's threads.

    PYTHONPATH=.:layers/runtime/python python -m benchmarks.hand_over

Prints the median and the best tenth of 300 pauses of 4 ms, each handed to a thread and awaited.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import uvloop

from falaj.batching.threads import Threads

PAUSE_S = 0.004
RUNS = 300


async def timed(run: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """The best tenth's bound and the median, in milliseconds."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await run()
        took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return took[RUNS // 10], took[RUNS // 2]


async def main() -> None:
    """Print all three in turn, twice."""
    loop = asyncio.get_running_loop()
    threads, executor = Threads(loop), ThreadPoolExecutor()
    lane = threads.lane(1)

    def on_threads() -> Awaitable[object]:
        future = loop.create_future()
        lane.start(lambda: time.sleep(PAUSE_S), future.set_result)
        return future

    async def alone() -> None:
        time.sleep(PAUSE_S)  # noqa: ASYNC251 - what the others are beside

    ways = {
        "no thread": alone,
        "executor": lambda: loop.run_in_executor(executor, time.sleep, PAUSE_S),
        "threads": on_threads,
    }
    for _ in range(2):
        for name, run in ways.items():
            best, median = await timed(run)
            print(f"{name:10} best tenth {best:.3f} ms, median {median:.3f} ms", flush=True)
    threads.close(wait=True)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
