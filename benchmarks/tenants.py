"""What a tenant's flood costs another tenant: p99 alone, and beside ten times a quota.

    .venv/bin/python -m benchmarks.tenants [--profile smb] [--rounds 120] [--seconds 1]

A local region with bounded tenants is opened over the repository's own catalogue. `globex` asks
steadily, within its quota, alone and then while `acme` sends ten times what it may. Short parts of
both kinds alternate, each kind first in every other round, so that whatever else the machine does
falls on both alike. The p99 of all parts of a kind is Harrell and Davis's: every value near it
counts, and not the one that happens to stand there. Printed is the ratio of both, with the interval
that holds it in nine of ten resamplings of the rounds; where all of it lies below 1.2 the program
ends with 0, where all of it lies above with 3, and else with 4. So are the calls of DynamoDB. 120
rounds take four minutes. Local processes share this machine's cores, which Lambda's do not.

Source:
    Harrell and Davis (1982), "A new distribution-free quantile estimator", Biometrika 69(3),
    doi:10.1093/biomet/69.3.635; Efron and Tibshirani (1993), "An Introduction to the Bootstrap",
    chapters 8 (what is resampled are the units that were drawn: rounds) and 13 (percentiles).
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httptools
import numpy as np
import uvloop
from scipy.stats import beta

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "runtime" / "python")]

from falaj.domain.clock import SystemClock  # noqa: E402
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer  # noqa: E402
from local_region.region import Region  # noqa: E402

MODEL = "breast-cancer"
QUOTA = {"acme": 1.0, "globex": 60.0}
ASKED = {"acme": 10 * QUOTA["acme"], "globex": 30.0}
CONNECTIONS = 4
WARM_UPS = 6
RESAMPLINGS = 2000
TOLERATED = 1.2


class Verdict(NamedTuple):
    """What the interval says of the tolerated ratio."""

    word: str
    exit_code: int


PROVEN, REFUTED, OPEN = Verdict("shown", 0), Verdict("refuted", 3), Verdict("not shown", 4)
TENANTS = "default: {rate_per_s: 1, burst: 1}\ntenants:\n" + "".join(
    f"  {name}: {{rate_per_s: {rate}, burst: {int(rate)}}}\n" for name, rate in QUOTA.items()
)
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30}]}
).encode()


class Client:
    """One kept connection of one tenant, from an address of its own.

    A web ACL counts by address, and loopback has sixteen million of them.
    """

    def __init__(self, url: str, token: str, address: str) -> None:
        self._address = address
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        head = (
            f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nhost: {self._host}\r\n"
            f"user-agent: benchmark\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {token}\r\n"
            f"content-length: {len(BODY)}\r\n\r\n"
        )
        self._request = head.encode() + BODY
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> tuple[int, float]:
        """Return the status and the milliseconds."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host, int(self._port), local_addr=(self._address, 0)
            )
        reader, writer = self._streams
        began = time.perf_counter()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        writer.write(self._request)
        while not answer.is_whole:
            parser.feed_data(await reader.read(65_536))
        return parser.get_status_code(), (time.perf_counter() - began) * 1000


class _Answer:
    is_whole = False

    def on_message_complete(self) -> None:
        self.is_whole = True


async def steadily(
    clients: list[Client], rate: float, seconds: float
) -> tuple[Counter[object], list[float]]:
    """Ask at a rate, whatever the answers take; return statuses and latencies."""
    statuses, latencies, running = Counter(), [], set()

    async def one(client: Client) -> None:
        status, took_ms = await client.ask()
        statuses[status] += 1
        latencies.append(took_ms)
        free.append(client)

    free, began = list(clients), time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        if not free:
            statuses["no connection free"] += 1
            continue
        task = asyncio.ensure_future(one(free.pop()))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return statuses, latencies


@lru_cache(maxsize=4)
def weights_of(count: int) -> Any:  # noqa: ANN401 - float64[count]
    """Return how much each of so many values in order counts for the 99th percentile."""
    edges = np.arange(count + 1) / count
    return np.diff(beta.cdf(edges, 0.99 * (count + 1), 0.01 * (count + 1)))


def p99(values: Sequence[float]) -> float:
    """The 99th percentile, by Harrell and Davis.

    Example:
        >>> round(p99(range(1, 1001)), 1)
        990.5
    """
    return float(np.sort(np.asarray(values, dtype=float)) @ weights_of(len(values)))


@dataclass
class Seen:
    """What was measured.

    Attributes:
        rounds: Latencies of `globex` alone and beside, by round.
        statuses: What became of every request by tenant.
        calls: Calls of DynamoDB while `globex` was alone, and beside the flood.
    """

    rounds: list[tuple[list[float], list[float]]] = field(default_factory=list)
    statuses: dict[str, Counter[object]] = field(
        default_factory=lambda: {"globex": Counter(), "acme": Counter()}
    )
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def ratio(self) -> float:
        """How much longer the slowest hundredth takes beside the flood."""
        return ratio_of(self.rounds)

    def interval(self) -> tuple[float, float]:
        """Where nine of ten resamplings of the rounds have the ratio."""
        rng = random.Random(7)
        drawn = sorted(
            ratio_of(rng.choices(self.rounds, k=len(self.rounds))) for _ in range(RESAMPLINGS)
        )
        return drawn[RESAMPLINGS // 20], drawn[-RESAMPLINGS // 20]


def ratio_of(rounds: Sequence[tuple[list[float], list[float]]]) -> float:
    """Divide the p99s of all parts of both kinds."""
    alone = [took for part, _ in rounds for took in part]
    beside = [took for _, part in rounds for took in part]
    return p99(beside) / p99(alone)


class Meter:
    """Counts what DynamoDB is asked for, on its way to the region's own."""

    def __init__(self, region: Region) -> None:
        self._answer, self.count = region.backends.answer, 0
        region.backends.answer = self._counted  # type: ignore[method-assign]

    def _counted(self, **asked: Any) -> Any:  # noqa: ANN401 - passed on as it is
        self.count += any(
            name.lower() == "x-amz-target" and value.startswith("DynamoDB")
            for name, value in asked["headers"]
        )
        return self._answer(**asked)


async def compare(region: Region, issuer: LocalIssuer, rounds: int, seconds: float) -> Seen:
    """Alternate parts alone and beside the flood."""

    def clients(tenant: str, network: int) -> list[Client]:
        token = issuer.token(clock=SystemClock(), tenant=tenant, scopes=[f"model:{MODEL}:invoke"])
        return [
            Client(region.api_url, token, f"127.0.{network}.{number + 1}")
            for number in range(CONNECTIONS)
        ]

    globex, acme = clients("globex", 1), clients("acme", 2)
    # Cold starts are not what is compared: as many environments as there are connections.
    for _ in range(WARM_UPS):
        await asyncio.gather(*(client.ask() for client in (*globex, *acme)))
    seen, meter = Seen(), Meter(region)

    async def alone() -> list[float]:
        before = meter.count
        statuses, latencies = await steadily(globex, ASKED["globex"], seconds)
        seen.statuses["globex"] += statuses
        seen.calls["alone"] += meter.count - before
        return latencies

    async def beside() -> list[float]:
        before = meter.count
        (statuses, latencies), (flood, _) = await asyncio.gather(
            steadily(globex, ASKED["globex"], seconds), steadily(acme, ASKED["acme"], seconds)
        )
        seen.statuses["globex"] += statuses
        seen.statuses["acme"] += flood
        seen.calls["beside"] += meter.count - before
        return latencies

    for number in range(rounds):
        if number % 2:
            flooded, quiet = await beside(), await alone()
        else:
            quiet, flooded = await alone(), await beside()
        seen.rounds.append((quiet, flooded))
    return seen


def synthesize(profile: str, folder: Path) -> Path:
    """Write the stacks of one model with bounded tenants; return where."""
    (folder / "tenants.yaml").write_text(TENANTS)
    context = {
        "profile": profile,
        "access": "jwt",
        "jwtIssuer": ISSUER,
        "jwtAudience": AUDIENCE,
        "jwtKeys": f".build/issuer/{KEYS_FILE}",
        "tenants": f"{folder}/tenants.yaml",
        "models": MODEL,
    }
    words = [w for key, value in context.items() for w in ("-c", f"falaj:{key}={value}")]
    subprocess.run(
        [sys.executable, "app.py", *words, "--output", str(folder / "out")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "out"


async def run(profile: str, rounds: int, seconds: float, out: Path) -> int:
    """Open, compare, print; return what the program ends with."""
    folder = ROOT / ".build" / "issuer"
    async with await Region.open(
        out, api_port=0, aws_port=0, build_folder=ROOT / ".build" / "host", issuer_folder=folder
    ) as region:
        # Auditors' records are made by a function of their own, which here takes a core from the
        # requests that it writes of: both kinds of parts are measured without it.
        for function in region.functions.list_functions():
            region.control.subscriptions.set_group(function.function_name, None)
        seen = await compare(region, LocalIssuer.open(folder), rounds, seconds)
    print(f"profile {profile}, {rounds} rounds of {seconds:g} s each way")
    for tenant, statuses in seen.statuses.items():
        rates = f"asked {ASKED[tenant]:g}/s of {QUOTA[tenant]:g}/s"
        print(f"  {tenant:7} {rates}: {dict(sorted(statuses.items(), key=str))}")
    for name, index in (("alone", 0), ("beside the flood", 1)):
        all_parts = [took for parts in seen.rounds for took in parts[index]]
        print(f"  globex {name}: median {median(all_parts):.1f} ms, p99 {p99(all_parts):.1f} ms")
    print(f"  calls of DynamoDB: {dict(seen.calls)}")
    least, most = seen.interval()
    verdict = PROVEN if most <= TOLERATED else REFUTED if least > TOLERATED else OPEN
    print(f"  ratio {seen.ratio:.2f} ({least:.2f}–{most:.2f}); at most {TOLERATED}: {verdict.word}")
    return verdict.exit_code


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", choices=("smb", "enterprise"), default="enterprise")
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    LocalIssuer.open(ROOT / ".build" / "issuer")
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        out = synthesize(options.profile, Path(folder))
        return runner.run(run(options.profile, options.rounds, options.seconds, out))


if __name__ == "__main__":
    raise SystemExit(main())
