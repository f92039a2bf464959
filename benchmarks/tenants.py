"""What a tenant's flood costs another tenant: p99 alone, and beside ten times a quota.

    .venv/bin/python benchmarks/tenants.py [--profile enterprise] [--seconds 10]

A local region with bounded tenants is opened over the repository's own catalogue. `globex` asks
steadily, within its quota, alone and then while `acme` sends ten times what it may; rounds of both
kinds alternate in one run, and the median ratio of their p99s is printed, at most 1.2 where tenants
are isolated. Local processes share this machine's cores, which Lambda's do not.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import httptools
import uvloop

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "runtime" / "python")]

from falaj.domain.clock import SystemClock  # noqa: E402
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer  # noqa: E402
from local_region.region import Region  # noqa: E402

MODEL = "breast-cancer"
QUOTA = {"acme": 5.0, "globex": 40.0}
ASKED = {"acme": 10 * QUOTA["acme"], "globex": 20.0}
ROUNDS = 5
WARM_UP_S = 5.0
TENANTS = "default: {rate_per_s: 1, burst: 1}\ntenants:\n" + "".join(
    f"  {name}: {{rate_per_s: {rate}, burst: {int(rate)}}}\n" for name, rate in QUOTA.items()
)
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30}]}
).encode()


class Client:
    """One kept connection of one tenant."""

    def __init__(self, url: str, token: str) -> None:
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        head = (
            f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nhost: {self._host}\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {token}\r\n"
            f"content-length: {len(BODY)}\r\n\r\n"
        )
        self._request = head.encode() + BODY
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> tuple[int, float]:
        """Return the status and the milliseconds."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, int(self._port))
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


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


async def compare(
    region: Region, issuer: LocalIssuer, seconds: float
) -> tuple[list[tuple[float, float]], dict[str, Counter[object]]]:
    """Alternate rounds alone and beside the flood.

    Returns:
        Both p99s of each round, and what became of every request by tenant.
    """

    def clients(tenant: str, count: int) -> list[Client]:
        token = issuer.token(clock=SystemClock(), tenant=tenant, scopes=[f"model:{MODEL}:invoke"])
        return [Client(region.api_url, token) for _ in range(count)]

    globex, acme = clients("globex", 8), clients("acme", 8)
    rounds: list[tuple[float, float]] = []
    seen: dict[str, Counter[object]] = {"globex": Counter(), "acme": Counter()}
    # Cold starts are not what is compared: both tenants warm the function first.
    await asyncio.gather(
        steadily(globex, ASKED["globex"], WARM_UP_S), steadily(acme, ASKED["acme"], WARM_UP_S)
    )
    for _ in range(ROUNDS):
        await asyncio.sleep(1)
        statuses, alone = await steadily(globex, ASKED["globex"], seconds)
        seen["globex"] += statuses
        (statuses, beside), (flood, _) = await asyncio.gather(
            steadily(globex, ASKED["globex"], seconds), steadily(acme, ASKED["acme"], seconds)
        )
        seen["globex"] += statuses
        seen["acme"] += flood
        rounds.append((p99(alone), p99(beside)))
    return rounds, seen


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


async def run(profile: str, seconds: float, out: Path) -> None:
    """Open, compare, print."""
    folder = ROOT / ".build" / "issuer"
    async with await Region.open(
        out, api_port=0, aws_port=0, build_folder=ROOT / ".build" / "host", issuer_folder=folder
    ) as region:
        rounds, seen = await compare(region, LocalIssuer.open(folder), seconds)
    print(f"profile {profile}, {ROUNDS} rounds of {seconds:g} s each way")
    for tenant, statuses in seen.items():
        rates = f"asked {ASKED[tenant]:g}/s of {QUOTA[tenant]:g}/s"
        print(f"  {tenant:7} {rates}: {dict(sorted(statuses.items(), key=str))}")
    for alone, beside in rounds:
        print(f"  globex's p99: {alone:7.1f} ms alone, {beside:7.1f} ms beside the flood")
    ratio = median(beside / alone for alone, beside in rounds)
    print(f"  median ratio {ratio:.2f} (at most 1.2 wanted)")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", choices=("smb", "enterprise"), default="enterprise")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    LocalIssuer.open(ROOT / ".build" / "issuer")
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        out = synthesize(options.profile, Path(folder))
        runner.run(run(options.profile, options.seconds, out))


if __name__ == "__main__":
    main()
