"""ONNX Runtime and OpenVINO side by side: time, processor time, start, memory, and what is lost.

    python benchmarks/engines.py [--seconds S]

V and E are `benchmarks/container.py`'s: a convolutional network on 3×224×224 floats and a 6-layer
transformer on 32 int64 tokens. Both engines are the container's own, on one thread, and take turns
in one process; each figure is the least of all turns, which a busy machine disturbs least. Start
and memory are each engine's in a process of its own. `off` is the largest difference from ONNX
Runtime's answers, by their largest value. `lock` is the share of runs of 64
rows in which another thread could wake every half millisecond: the interpreter's lock is let go.
"""

# ruff: noqa: ANN001, ANN201, ANN202 - a script, read top to bottom

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers/runtime/python")]
ENGINES = {"onnxruntime": ("cpu", "fp32"), "openvino f32": ("openvino", "fp32"),
           "openvino bf16": ("openvino", "bf16")}  # fmt: skip
BATCHES = (1, 8)
NAP_S = 0.0005


def engine_of(label, model):
    """An engine as a container makes it."""
    from falaj.engines.providers import ProviderPlan, engine_for  # noqa: PLC0415

    provider, precision = ENGINES[label]
    plan = ProviderPlan(wanted=(provider,), precision=precision)
    return engine_for(plan, name="m", model=model, threads=1)


def batch_of(case, rows):
    """Random inputs."""
    rng = np.random.default_rng(1)
    if case == "E":
        return {"x": rng.integers(0, 1000, (rows, 32))}
    return {"x": rng.normal(size=(rows, 3, 224, 224)).astype(np.float32)}


def start(label, path, case):
    """In a process of its own: seconds to load and warm, and what memory it takes."""
    model, process = Path(path).read_bytes(), psutil.Process()
    import onnxruntime  # noqa: F401, PLC0415 - the container has it in any case

    before, began = process.memory_info().rss, time.perf_counter()
    engine = engine_of(label, model)
    engine.run(batch_of(case, 1), ("y",))
    took = time.perf_counter() - began
    sys.stdout.write(json.dumps([took, (process.memory_info().rss - before) / 2**20]))


def turns(engines, feed, seconds):
    """Least wall and processor milliseconds of each engine, by turns."""
    least = {label: [float("inf")] * 2 for label in engines}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for label, engine in engines.items():
            wall, busy = time.perf_counter(), time.process_time()
            engine.run(feed, ("y",))
            took = time.perf_counter() - wall, time.process_time() - busy
            least[label] = [
                min(had, got * 1000) for had, got in zip(least[label], took, strict=True)
            ]
    return least


def free_share(engine, feed):
    """Share of a run in which another thread could wake every half millisecond."""
    gaps, stop = [], threading.Event()

    def look():
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(NAP_S)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    other = threading.Thread(target=look)
    other.start()
    began = time.perf_counter()
    for _ in range(2):
        engine.run(feed, ("y",))
    took = time.perf_counter() - began
    stop.set()
    other.join()
    return min(1, sum(gap for gap in gaps if gap < 10 * NAP_S) / took)


def main():
    """Print the table."""
    from benchmarks.container import convolutions, transformer  # noqa: PLC0415

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4, help="for each model and batch")
    options.add_argument("--start", nargs=3, help=argparse.SUPPRESS)
    read = options.parse_args()
    if read.start:
        start(*read.start)
        return
    for case, make in (("V", convolutions), ("E", transformer)):
        model = make()
        engines = {label: engine_of(label, model) for label in ENGINES}
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(model)
            for label in ENGINES:
                command = [sys.executable, __file__, "--start", label, file.name, case]
                ready = json.loads(subprocess.check_output(command))
                print(f"{case} {label:14} start {ready[0]:.2f} s, {ready[1]:.0f} MB")
        for rows in BATCHES:
            feed = batch_of(case, rows)
            wanted = engines["onnxruntime"].run(feed, ("y",))[0]
            least = turns(engines, feed, read.seconds)
            base = least["onnxruntime"]
            for label, (wall, busy) in least.items():
                off = np.abs(engines[label].run(feed, ("y",))[0] - wanted).max()
                print(
                    f"{case} batch {rows} {label:14} {wall:8.2f} ms ({base[0] / wall:.2f}×), "
                    f"processor {busy:8.2f} ms, off {off / np.abs(wanted).max():.1e}"
                )
        for label, engine in engines.items():
            print(f"{case} {label:14} lock {free_share(engine, batch_of(case, 64)):.0%}")


if __name__ == "__main__":
    main()
