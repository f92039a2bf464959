"""Triton with its Python backend and dynamic batching: NVIDIA's own server, from pytriton's wheel.

pytriton itself, which hands every batch to a Python process of the user's, is not used: it answers
a sixth as many requests.

Source:
    github.com/triton-inference-server/python_backend, README ("execute", "Deploying",
    "Model Config File"); Triton, "Optimization" (optimization.md: dynamic batcher).
"""

import os
import shutil
import socket
import sys
import sysconfig
from contextlib import ExitStack
from pathlib import Path

import onnxruntime as ort
from model import CASE, MAX_BATCH, PORT, SHAPE, session

HERE = Path(__file__).parent
DELAYS_US = {"t": 500, "g": 0, "v": 0, "e": 0}
"""The quickest of 0, 100, 300, 500, 1000 and 3000 here; 0 is Triton's own."""

KINDS = {"tensor(float)": "TYPE_FP32", "tensor(int64)": "TYPE_INT64"}


def free_ports(count):
    """Ports nobody uses; those beside PORT may still be held by the last contender's callers."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def tensor(kind, found, dims):
    """Describe an input or output."""
    return f'{kind} {{ name: "{found.name}" data_type: {KINDS[found.type]} dims: {dims} }}\n'


def config():
    """Describe the model as its repository does."""
    model: ort.InferenceSession = session()
    (given,) = model.get_inputs()
    text = f'name: "{CASE}"\nbackend: "python"\nmax_batch_size: {MAX_BATCH}\n'
    text += tensor("input [", given, list(SHAPE)) + "]\n"
    for made in model.get_outputs():
        dims = [size for size in made.shape[1:] if isinstance(size, int)]
        # A label's shape is [batch]: Triton leaves the batch out, and dims cannot be empty.
        reshape = "" if dims else " reshape { shape: [] }"
        kind = KINDS[made.type]
        dims = dims or [1]
        text += f'output [ {{ name: "{made.name}" data_type: {kind} dims: {dims}{reshape} }} ]\n'
    return f"{text}dynamic_batching {{ max_queue_delay_microseconds: {DELAYS_US[CASE]} }}\n"


def main():
    """Write the repository and become the server."""
    packages = Path(sysconfig.get_path("purelib"))
    own = packages / "pytriton" / "tritonserver"
    folder = Path(os.environ["BENCH_ROOT"]) / f"triton-{CASE}"
    backend, model = folder / "backends" / "python", folder / "models" / CASE / "1"
    shutil.rmtree(folder, ignore_errors=True)
    backend.mkdir(parents=True)
    model.mkdir(parents=True)
    stub = own / "python_backend_stubs" / f"3.{sys.version_info.minor}"
    for file in (*(own / "backends/python").iterdir(), stub / "triton_python_backend_stub"):
        shutil.copy(file, backend)
    shutil.copy(HERE / "triton_model.py", model / "model.py")
    (model.parent / "config.pbtxt").write_text(config())
    grpc_port, metrics_port = free_ports(2)
    libraries = (sysconfig.get_config_var("LIBDIR"), packages / "nvidia_pytriton.libs")
    environment = {
        **{
            name: value for name, value in os.environ.items() if name.startswith(("BENCH_", "PATH"))
        },
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PYTHONHOME": sys.base_prefix,
        "BENCH_PATH": f"{HERE}{os.pathsep}{packages}",
    }
    server = own / "bin" / "tritonserver"
    command = [
        server, f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}", "--http-address=127.0.0.1",
        f"--http-port={PORT}", "--grpc-address=127.0.0.1", f"--grpc-port={grpc_port}",
        f"--metrics-port={metrics_port}", "--log-verbose=0",
    ]  # fmt: skip
    os.execve(server, list(map(str, command)), environment)  # noqa: S606 - a fixed program


if __name__ == "__main__":
    main()
