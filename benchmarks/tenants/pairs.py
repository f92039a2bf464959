"""Pairs of parts: a tenant alone, and beside another's flood; either first, by a seeded draw."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Self

import psutil

from benchmarks.tenants.bed import ASKED, ISSUER_FOLDER, ROOT, SURFACES, destination, folder_of
from local_region.region import Region

PART_S: Final = 2.0
AHEAD_S: Final = 0.3
"""The flood begins so much sooner, so that its bucket is empty; alone the same time is waited."""
REST_S: Final = 0.05
WARM_UPS: Final = 4


class CallerProcess:
    """A caller in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process, self.pid = process, process.pid

    @classmethod
    async def start(cls, to: Mapping[str, Any]) -> Self:
        """Start it and say whom to ask."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.tenants.caller",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=10_000_000,
        )
        caller = cls(process)
        caller._tell(to)
        return caller

    async def warm(self, times: int) -> Any:  # noqa: ANN401 - JSON
        """Ask by every connection at once; cold starts are not what is compared."""
        return await self._ask({"warm": {"times": times}})

    async def part(self, rate: float, seconds: float, seed: int) -> Any:  # noqa: ANN401 - JSON
        """Have it ask for a while."""
        return await self._ask({"part": {"rate": rate, "seconds": seconds, "seed": seed}})

    async def close(self) -> None:
        """Let it end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, order: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        self._tell(order)
        if self._process.stdout is None or not (line := await self._process.stdout.readline()):
            raise RuntimeError("a caller has ended; its standard error says why")
        return json.loads(line)

    def _tell(self, words: Mapping[str, Any]) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(words).encode() + b"\n")


class Meter:
    """What the region takes: processor seconds of it and its functions, and calls of DynamoDB."""

    def __init__(self, region: Region, without: frozenset[int]) -> None:
        self._process, self._without = psutil.Process(), without
        self._answer, self._calls = region.backends.answer, 0
        region.backends.answer = self._counted  # type: ignore[method-assign]

    def read(self) -> dict[str, float]:
        """Return both, so far."""
        spent = 0.0
        for process in (self._process, *self._process.children(recursive=True)):
            if process.pid not in self._without:
                times = process.cpu_times()
                spent += times.user + times.system
        return {"cpu_s": spent, "calls": self._calls}

    def _counted(self, **asked: Any) -> Any:  # noqa: ANN401 - passed on as it is
        self._calls += any(
            name.lower() == "x-amz-target" and value.startswith("DynamoDB")
            for name, value in asked["headers"]
        )
        return self._answer(**asked)


async def block(profile: str, surface: str, *, number: int, pairs: int) -> dict[str, Any]:
    """Open a region and measure some pairs in it."""
    async with AsyncExitStack() as held:
        region = await held.enter_async_context(
            await Region.open(
                folder_of(profile, SURFACES[surface]) / "out",
                api_port=0,
                aws_port=0,
                build_folder=ROOT / ".build" / "host",
                issuer_folder=ISSUER_FOLDER,
                grpc_port=0,
                ticks=False,
            )
        )
        # Auditors' records are made by a function of their own, which here takes a core from the
        # requests that it writes of: both kinds of parts are measured without it.
        for function in region.functions.list_functions():
            region.control.subscriptions.set_group(function.function_name, None)
        callers = {}
        for network, tenant in enumerate(ASKED, start=1):
            callers[tenant] = await CallerProcess.start(
                destination(region, surface, tenant, network)
            )
            held.push_async_callback(callers[tenant].close)
        # All at once: as many environments as there are connections, none of which starts later.
        warmed = await asyncio.gather(*(caller.warm(WARM_UPS) for caller in callers.values()))
        bench = _Bench(callers, Meter(region, frozenset(c.pid for c in callers.values())))
        rng = random.Random(f"{profile}/{surface}/{number}")
        load = os.getloadavg()[0]
        await bench.beside(rng.getrandbits(32))  # what is made once is made here
        measured = [await bench.pair(rng) for _ in range(pairs)]
    return {
        "profile": profile,
        "surface": surface,
        "block": number,
        "began": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "warmed": warmed,
        "pairs": measured,
    }


class _Bench:
    def __init__(self, callers: Mapping[str, CallerProcess], meter: Meter) -> None:
        self._callers, self._meter = callers, meter

    async def pair(self, rng: random.Random) -> dict[str, Any]:
        """Measure both ways, the tenant's requests at the same moments of each."""
        seed, ways = rng.getrandbits(32), [self.alone, self.beside]
        rng.shuffle(ways)
        found = {}
        for way in ways:
            found[way.__name__] = await way(seed)
            await asyncio.sleep(REST_S)
        return {"first": ways[0].__name__, **found}

    async def alone(self, seed: int) -> dict[str, Any]:
        """The tenant alone."""
        before = self._meter.read()
        await asyncio.sleep(AHEAD_S)
        globex = await self._callers["globex"].part(ASKED["globex"], PART_S, seed)
        return {"globex": globex, **_since(before, self._meter.read())}

    async def beside(self, seed: int) -> dict[str, Any]:
        """The tenant beside the flood."""
        before = self._meter.read()
        flood = asyncio.ensure_future(
            self._callers["acme"].part(ASKED["acme"], AHEAD_S + PART_S, seed ^ 1)
        )
        await asyncio.sleep(AHEAD_S)
        globex = await self._callers["globex"].part(ASKED["globex"], PART_S, seed)
        acme = await flood
        return {"globex": globex, "acme": acme, **_since(before, self._meter.read())}


def _since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: round(after[name] - before[name], 6) for name in before}
