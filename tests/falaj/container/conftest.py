"""A container's own process, started as the image starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from falaj.domain.signature import Batching
from tests.falaj import onnx_models

ROOT = Path(__file__).parents[3]
SAFE = Batching(batch_axis=0, pad_allowed=False, batch_invariant=True)


class Container:
    """A running container."""

    def __init__(self, process, ports, log):
        self.process, self.log = process, log
        self.http = f"127.0.0.1:{ports['http_port']}"
        self.port = ports["http_port"]
        self.grpc = f"127.0.0.1:{ports['grpc_port']}" if ports.get("grpc_port") else ""
        self.admin = f"127.0.0.1:{ports['admin_port']}" if ports.get("admin_port") else ""

    def terminate(self):
        """Ask it to drain."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Return its exit code."""
        return self.process.wait(120)

    def lines(self):
        """What it has written, as JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def running(root, folder, *, module="gpu_endpoints.serve", **environment):
    """Start gpu_endpoints/serve.py on free ports and wait until it says it is ready."""
    log, errors = folder / "stdout", folder / "stderr"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'layers/runtime/python'}:{ROOT}",
        "FALAJ_MODEL_ROOT": str(root),
        "FALAJ_HTTP_PORT": "0",
        "FALAJ_GRPC_PORT": "0",
        "FALAJ_RELEASE": "7",
        **environment,
    }
    with log.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen([sys.executable, "-m", module], env=env, stdout=out, stderr=err)
    try:
        for _ in range(2400):
            if found := re.search(r'\{[^\n]*"ready"[^\n]*\}\n', log.read_text()):
                break
            if process.poll() is not None:
                raise RuntimeError(errors.read_text())
            time.sleep(0.05)
        else:
            raise RuntimeError("not ready in 120 s: " + errors.read_text())
        yield Container(process, json.loads(found[0]), log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def slow(seconds_worth=1):
    """A model that keeps a core busy for some 5 ms per unit: repeated matrix products."""
    size = 160
    weights = (np.eye(size) * 0.5).astype(np.float32)
    steps = 40 * seconds_worth
    nodes = [helper.make_node("MatMul", [f"h{n}", "w"], [f"h{n + 1}"]) for n in range(steps)]
    nodes.insert(0, helper.make_node("Expand", ["x", "shape"], ["h0"]))
    nodes.append(helper.make_node("ReduceMean", [f"h{steps}"], ["y"], axes=[1, 2], keepdims=0))
    shape = np.array([1, size, size], dtype=np.int64)
    return onnx_models.model_bytes(
        nodes,
        [("x", TensorProto.FLOAT, ["n", 1, 1])],
        [("y", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(shape, "shape")],
    )


def accumulator():
    """A stateful model: `sum_out = sum_in + x`, `y = sum_out`."""
    nodes = [
        helper.make_node("Add", ["x", "sum_in"], ["sum_out"]),
        helper.make_node("Identity", ["sum_out"], ["y"]),
    ]
    kind = TensorProto.FLOAT
    return onnx_models.model_bytes(
        nodes,
        [("x", kind, ["n", 1]), ("sum_in", kind, ["n", 1])],
        [("y", kind, ["n", 1]), ("sum_out", kind, ["n", 1])],
    )


def doubled():
    """`y = 2 x`, any width."""
    two = numpy_helper.from_array(np.array(2.0, dtype=np.float32), "two")
    return onnx_models.model_bytes(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", "m"])],
        [("y", TensorProto.FLOAT, ["n", "m"])],
        [two],
    )


@pytest.fixture(scope="session")
def container_models(tmp_path_factory):
    """A repository with several models and versions."""
    root = tmp_path_factory.mktemp("container-models")
    write = onnx_models.write_version
    write(root, "rows", 1, onnx_models.linear(seed=1), batching=SAFE)
    write(root, "rows", 2, onnx_models.linear(seed=2), batching=SAFE)
    write(root, "unsafe", 1, onnx_models.linear(seed=1))
    write(root, "doubled", 1, doubled(), batching=SAFE)
    write(root, "words", 1, onnx_models.identity("BYTES", [None, 2]), batching=SAFE)
    write(root, "types", 1, onnx_models.every_type(), batching=SAFE)
    write(root, "log", 1, onnx_models.logarithm(), batching=SAFE)
    write(root, "lookup", 1, onnx_models.lookup(), batching=SAFE)
    write(root, "slow", 1, slow(), batching=SAFE)
    write(root, "small-queue", 1, slow(4), batching=SAFE)
    serving = {
        # Its rows cost the same in any company: left to itself it is not joined.
        "slow": {"batching": {"preferred_batch_sizes": [8, 16, 32]}},
        "small-queue": {"batching": {"enabled": False, "max_queue_size": 4}},
    }
    (root / "serving.json").write_text(json.dumps({"models": serving}))
    return root


@pytest.fixture(scope="session")
def container(container_models, tmp_path_factory):
    """One process for every test that does not stop it."""
    with running(container_models, tmp_path_factory.mktemp("container")) as started:
        yield started
