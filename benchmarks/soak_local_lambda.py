"""Soak the local Lambda service: requests, kills among them, and what was lost.

    python benchmarks/soak_local_lambda.py [REQUESTS] [KILLS]

Sends requests to a trivial handler, from one client and then from sixteen while processes are
killed, and prints requests per second side by side and how many requests were lost. At most one
request may be lost for each kill; otherwise the exit code is 3.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parents[1]),
    str(Path(__file__).parents[1] / "layers/runtime/python"),
]

from falaj.domain.clock import SystemClock  # noqa: E402 - needs the path above
from local_region.lambda_service import (  # noqa: E402
    FunctionSettings,
    LambdaService,
    RuntimeFolders,
)

CONCURRENCY = 16


async def soak(requests: int, kills: int, code: Path) -> None:
    """Run the soak and print what came of it."""
    service = LambdaService(
        clock=SystemClock(),
        rng=random.Random(7),
        log_sink=lambda _: None,
        runtime=RuntimeFolders.prepare(Path(__file__).parents[1] / ".build" / "host"),
    )
    await service.start()
    service.create_function(FunctionSettings(name="f", code_folder=code))
    alone = await rate(service, 500, clients=1)
    lost: list[int] = []
    killer = asyncio.create_task(kill_some(service, kills))
    together = await rate(service, requests, clients=CONCURRENCY, lost=lost)
    killed = await killer
    print(f"1 client          {alone:8.0f} requests/s")
    print(f"{CONCURRENCY} clients        {together:8.0f} requests/s  ({together / alone:.2f} x)")
    print(f"killed {killed} processes, lost {len(lost)} of {requests} requests")
    await service.close()
    if len(lost) > killed:
        raise SystemExit(3)


async def rate(
    service: LambdaService, requests: int, *, clients: int, lost: list[int] | None = None
) -> float:
    """Return requests per second; wrong and failed answers go to `lost`."""
    numbers = iter(range(requests))

    async def client() -> None:
        for number in numbers:
            result = await service.invoke("f", None, b"%d" % number)
            if result.payload != b"%d" % number and lost is not None:
                lost.append(number)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return requests / (time.perf_counter() - started)


async def kill_some(service: LambdaService, kills: int) -> int:
    """Kill a random process now and then; return how many."""
    choice, done = random.Random(11), 0
    for _ in range(kills):
        await asyncio.sleep(0.2)
        pids = [environment.pid for environment in service.environments("f") if environment.pid]
        if pids:
            os.kill(choice.choice(pids), signal.SIGKILL)
            done += 1
    return done


if __name__ == "__main__":
    wanted = [int(argument) for argument in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "handler.py").write_text("def handler(event, context):\n    return event\n")
        asyncio.run(soak(*(wanted + [10_000, 20][len(wanted) :]), Path(folder)))
