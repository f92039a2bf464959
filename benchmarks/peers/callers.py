"""Who asks: wrk, or coroutines where that is not installed; always from the last core.

Where servers and callers share few cores the scheduler likes to put a caller that a server has just
woken on the server's own core, and how often it does differs from server to server by far more than
the servers do. Callers that keep to one core leave every server the others, and this one too.

wrk (Debian: `apt-get install wrk`) costs a sixth of what coroutines do for each request. It knows
no open loop, so those are always coroutines.

Source:
    github.com/wg/wrk, README and SCRIPTING (a request set before the run is built once; times are
    in microseconds).
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from benchmarks import container

WRK = shutil.which("wrk")
_MOST_CALLERS_WAIT_S = 30
_REPORT = """
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"count":%d,"us":%d,"p50_us":%f,"p99_us":%f,"failed":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a closed loop saw.

    Attributes:
        count: Answers.
        rate: Answers a second.
        p50_ms: Half of them came within this time; None without any.
        p99_ms: Of a hundred, one came later; None without any.
    """

    count: int
    rate: float
    p50_ms: float | None
    p99_ms: float | None


@contextlib.contextmanager
def on_last_core() -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, to one core of several."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def closed(port: int, data: bytes, callers: int, seconds: float, *, kind: str) -> Found:
    """Let callers ask again as soon as they are answered.

    Args:
        port: The server's.
        data: A request on the wire.
        callers: Connections.
        seconds: How long; wrk knows whole ones only and is given the next.
        kind: `wrk` or `coroutines`.

    Raises:
        RuntimeError: An answer was not a success.
    """
    with on_last_core():
        return (_by_wrk if kind == "wrk" else _by_coroutines)(port, data, callers, seconds)


def opened(port: int, data: bytes, rate: float, seconds: float) -> list[float]:
    """Ask at Poisson times; return latencies in seconds, infinite for what was not answered."""
    with on_last_core():
        return uvloop.run(container.open_loop(port, data, rate, seconds))


def _by_coroutines(port: int, data: bytes, callers: int, seconds: float) -> Found:
    at: list[float] = []
    latencies = sorted(uvloop.run(container.closed_loop(port, data, callers, seconds, at)))
    count = len(latencies)
    if not count:
        return Found(0, 0.0, None, None)
    middle, last = latencies[count // 2], latencies[int(0.99 * (count - 1))]
    return Found(count, container.steady_rate(at, callers, seconds), middle * 1e3, last * 1e3)


def _by_wrk(port: int, data: bytes, callers: int, seconds: float) -> Found:
    lasting = max(1, round(seconds + 0.49))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        path = _script(data, Path(script.name))
        ended = subprocess.run(
            [str(WRK), "-t1", f"-c{callers}", f"-d{lasting}s", f"--timeout={_MOST_CALLERS_WAIT_S}s",
             f"-s{script.name}", f"http://127.0.0.1:{port}{path}"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
    try:
        found = json.loads(ended.stderr)
    except ValueError:
        raise RuntimeError(f"wrk: {ended.stderr or ended.stdout}") from None
    if found["failed"]:
        raise RuntimeError(f"{found['failed']} of {found['count']} requests failed")
    if not found["count"]:
        return Found(0, 0.0, None, None)
    rate = found["count"] / found["us"] * 1e6
    return Found(found["count"], rate, found["p50_us"] / 1e3, found["p99_us"] / 1e3)


def _script(data: bytes, file: Path) -> str:
    """Write a request for wrk; return its path."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    # wrk writes the length itself, and a host unless it is given one under this very name.
    kept = {name.title(): value for name, value in headers.items() if name != "content-length"}
    text = [f"wrk.method = {_lua(method.encode())}", f"wrk.body = {_lua(body)}"]
    text += [f"wrk.headers[{_lua(n.encode())}] = {_lua(v.encode())}" for n, v in kept.items()]
    file.write_text("\n".join([*text, _REPORT]), encoding="ascii")
    return urlsplit(target).path


def _lua(value: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in value) + '"'
