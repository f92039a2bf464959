"""The container beside Triton, mosec, MLServer, KServe, LitServe, BentoML, Starlette and FastAPI.

    python -m benchmarks.peers [--cases T,G,V,E] [--callers 1,8,32,64] [--seconds 2] [--open]
                               [--contenders falaj,triton,…] [--rounds 1] [--json FILE]
                               [--load wrk|coroutines]

The cases are those of benchmarks/container.py, which also names `static` and `raw`. Each peer is
installed into an environment of its own under .build/peers, runs the same ONNX file on ONNX Runtime
with one thread, and batches as its documentation recommends. It is asked in the form that it reads
quickest: the Open Inference Protocol where it speaks it, raw bytes or Base64 for large rows
elsewhere, by wrk where it is installed (callers.py says why, and why from one core). All take turns
in one run; nothing but the server and the caller should be running.
A full run with `--open` takes some twenty minutes. Exits with 3 if a goal is missed.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uv

from benchmarks import container
from benchmarks.peers import callers
from benchmarks.peers.contenders import PEERS, RUNTIME, Peer, protocol
from benchmarks.peers.goals import is_missed, verdicts
from falaj.contract import (
    ENV_GRPC_PORT,
    ENV_HTTP_PORT,
    ENV_MODEL_ROOT,
    ENV_THREADS,
    SERVING_FILE,
)

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".build" / "peers"
SERVERS = Path(__file__).with_name("servers")
START_S = 60.0
RATES = (250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9500, 11000, 13000, 15000, 17500,
         20000, 22500, 25000, 27500, 30000, 33000, 36000, 40000)  # fmt: skip
OURS = ("static", "falaj")
MISSED = 3
WARM_S = 0.3
FEW_ROUNDS = 30
"""Of all callers; what is slower than that is measured for longer: the last round is never whole,
and of ten rounds that would be up to a tenth."""
LONGEST_S = 8.0


def installed(name: str, peer: Peer) -> Path:
    """Install a peer if it is not; return its Python."""
    folder = ENVIRONMENTS / name
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps([*peer.packages, *RUNTIME])
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"installing {name}", file=sys.stderr, flush=True)
        tool = uv.find_uv_bin()
        subprocess.run(
            [tool, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True
        )
        # Some pin an older NumPy than this program: theirs wins, the runtime's API is the same.
        packages = [*peer.packages, *RUNTIME]
        subprocess.run([tool, "pip", "install", "-q", "--python", python, *packages], check=True)
        stamp.write_text(wanted)
    return python


def is_installable(name: str) -> bool:
    """Whether a peer's packages can be had."""
    try:
        installed(name, PEERS[name])
    except subprocess.CalledProcessError:
        print(f"{name}: cannot be installed here (above); left out", file=sys.stderr)
        return False
    return True


def our_command(name: str, case: str, root: str, port: int, env: dict[str, str]) -> list[str]:
    """The container's own program; where it needs a paused engine or none, the benchmark's."""
    alone = Path(root) / "alone" / case
    alone.mkdir(parents=True, exist_ok=True)
    if not (alone / case).exists():
        (alone / case).symlink_to(Path(root) / case)
    serving = {"models": {case: {"batching": {"max_batch_size": container.MAX_BATCH}}}}
    (alone / SERVING_FILE).write_text(json.dumps(serving), encoding="utf-8")
    if name == "static" or case == "g":
        program = str(ROOT / "benchmarks" / "container.py")
        return [sys.executable, program, "--serve", name, "--root", str(alone), "--port", str(port)]
    env |= {ENV_MODEL_ROOT: str(alone), ENV_HTTP_PORT: str(port), ENV_GRPC_PORT: "off"}
    env |= {ENV_THREADS: "1"}
    return [sys.executable, "-m", "gpu_endpoints.serve"]


@contextlib.contextmanager
def started(
    name: str, case: str, root: str
) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """Start a contender on one model; yield its process, its port and how long it took."""
    port = container.free_port()
    env = {
        **os.environ,
        "BENCH_CASE": case,
        "BENCH_PORT": str(port),
        "BENCH_ROOT": root,
        "BENCH_MAX_BATCH": str(container.MAX_BATCH),
        "BENCH_PAUSE_S": str(container.PAUSE_S),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    if name in OURS:
        env["PYTHONPATH"] = f"{ROOT}:{ROOT / 'layers/runtime/python'}"
        command, ask = our_command(name, case, root, port, env), protocol
    else:
        peer = PEERS[name]
        python = str(installed(name, peer))
        ask = peer.ask
        command = (
            [python, *peer.command, str(port)]
            if peer.command
            else [python, str(SERVERS / f"with_{name}.py")]
        )
        env.pop("PYTHONPATH", None)
        # Triton's backend loads libpython by name: this interpreter's, not the system's.
        env["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    begun = time.perf_counter()
    log = Path(root) / f"{name}-{case}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=env, cwd=SERVERS, stdout=written, stderr=written)
    try:
        _until_answering(process, port, ask(case), log)
        yield process, port, time.perf_counter() - begun
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in reversed(tree(process)):
                one.kill()
        process.wait()


def _until_answering(process: subprocess.Popen[bytes], port: int, data: bytes, log: Path) -> None:
    deadline, told = time.perf_counter() + START_S, b"nothing"
    while process.poll() is None and time.perf_counter() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as held:
            held.sendall(data)
            told = held.recv(400)
            if told.startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.05)
    time.sleep(0.5)  # so that it can say why
    said = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"no answer ({told.decode(errors='replace')}); it said: {said}")


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A server's processes."""
    first = psutil.Process(process.pid)
    return [first, *first.children(recursive=True)]


def memory_mib(process: subprocess.Popen[bytes]) -> float:
    """Memory of all of a server's processes; what they share is counted once."""
    return sum(one.memory_full_info().pss for one in tree(process)) / 2**20


def closed(
    process: subprocess.Popen[bytes], port: int, data: bytes, count: int, asked: argparse.Namespace
) -> dict[str, float | None]:
    """Requests a second, p50 and p99 in ms, processor time of one in µs."""
    callers.closed(port, data, count, WARM_S, kind=asked.load)
    used = _used(process)
    found = callers.closed(port, data, count, asked.seconds, kind=asked.load)
    if found.count < FEW_ROUNDS * count:
        used = _used(process)
        found = callers.closed(port, data, count, max(LONGEST_S, asked.seconds), kind=asked.load)
    cpu_us = (_used(process) - used) / found.count * 1e6 if found.count else None
    return {"rate": found.rate, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms, "cpu_us": cpu_us}


def _used(process: subprocess.Popen[bytes]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in tree(process))


def opened(port: int, data: bytes, seconds: float) -> int:
    """The largest Poisson rate with p99 below 10 ms."""
    best = 0
    for rate in RATES:
        # Twice, since one hiccup of the machine is a hundredth of all requests.
        if not any(is_kept(port, data, rate, seconds) for _ in range(2)):
            break
        best = rate
    return best


def is_kept(port: int, data: bytes, rate: int, seconds: float) -> bool:
    """Whether p99 stays below 10 ms at a rate."""
    latencies = sorted(callers.opened(port, data, rate, seconds))
    p99: float = latencies[int(0.99 * (len(latencies) - 1))]
    return p99 <= container.BOUND_S


def measure(name: str, case: str, root: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure one contender on one case."""
    ask = protocol if name in OURS else PEERS[name].ask
    with started(name, case, root) as (process, port, start_s):
        row: dict[str, Any] = {"start_s": start_s, "memory_mib": memory_mib(process)}
        for count in map(int, asked.callers.split(",")):
            found = closed(process, port, ask(case), count, asked)
            row[str(count)] = found
            print(
                f"{name:10} {case.upper()} {count:>3} {found['rate']:>9.0f} req/s  "
                f"p50 {found['p50_ms'] or 0:8.2f} ms  p99 {found['p99_ms'] or 0:8.2f} ms  "
                f"cpu {found['cpu_us'] or 0:8.0f} µs",
                flush=True,
            )
        if asked.open and case == "t" and name != "static":
            row["open"] = opened(port, ask(case), asked.seconds)
            print(f"{name:10} T open loop: {row['open']} req/s with p99 < 10 ms", flush=True)
    print(f"{name:10} {case.upper()} start {start_s:.2f} s, memory {row['memory_mib']:.0f} MiB")
    return row


def better(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """The better of two rounds, figure by figure: what else the machine does only makes worse."""
    if before is None:
        return now
    chosen = dict(now)
    for key, old in before.items():
        new = now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            chosen[key] = max(old, new, key=lambda found: found["rate"])
        elif key == "open":
            chosen[key] = max(old, new or 0)
        elif new is None or old < new:
            chosen[key] = old
    return chosen


def batched(root: str, case: str, rows: int, seconds: float) -> float:
    """Rows a second of the engine without a server, all callers in one batch."""
    engine = container.raw_engine(root, case)
    spec = engine.signature.inputs[0]
    names = [output.name for output in engine.signature.outputs]
    inputs = {spec.name: np.ones((rows, *spec.shape[1:]), spec.datatype.numpy_name)}
    runs, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds / 4:
        engine.run(inputs, names)
        time.sleep(container.PAUSE_S if case == "g" else 0)
        runs += 1
    return runs * rows / (time.perf_counter() - begun)


def parsed() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cases", default="T,G,V,E")
    parser.add_argument("--callers", default="1,8,32,64")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many turns counts")
    parser.add_argument("--contenders", default=",".join((*OURS, *PEERS)))
    parser.add_argument("--open", action="store_true", help="also the open loop, on T")
    kinds = ("wrk", "coroutines")
    parser.add_argument("--load", choices=kinds, default=kinds[callers.WRK is None])
    parser.add_argument("--json", type=Path, help="write every figure there")
    return parser.parse_args()


def main() -> int:
    """Install, measure, print."""
    asked = parsed()
    names = [name for name in asked.contenders.split(",") if name in OURS or is_installable(name)]
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as root:
        container.write_models(Path(root), asked.cases.lower().replace(",", ""))
        for case in asked.cases.lower().split(","):
            best = container.raw_best(root, case, asked.seconds)
            sizes = asked.callers.split(",")
            figures[case] = {
                "raw": best,
                "batch": {size: batched(root, case, int(size), asked.seconds) for size in sizes},
            }
            print(f"raw        {case.upper()}     {best:>9.0f} rows/s", flush=True)
            for name in [*names] * asked.rounds:
                if name == "static" and case != "t":
                    continue
                try:
                    found = measure(name, case, root, asked)
                except (RuntimeError, OSError, psutil.Error) as error:
                    # A peer that fails is left out; the others are measured.
                    print(f"{name:10} {case.upper()} failed: {error}", flush=True)
                    continue
                figures[case][name] = better(figures[case].get(name), found)
            if asked.json:
                asked.json.write_text(json.dumps(figures, indent=2))
    told = list(verdicts(figures))
    print(*told, sep="\n")
    return MISSED if any(is_missed(text) for text in told) else 0


if __name__ == "__main__":
    sys.exit(main())
