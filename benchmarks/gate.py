"""What the gate before another server costs a request, by REST and by gRPC, side by side.

    PYTHONPATH=.:layers/runtime/python python benchmarks/gate.py [--seconds 2] [--callers 1,8]

The server behind is our own container on a model of one matrix product, without a check; the gate
asks nobody and leaves an auditors' line of each request. One process calls over kept connections,
directly and through the gate in turns. Printed: the median's difference, the share of the direct
rate, and the gate's own processor time for each request, which noise of the machine touches least.
"""

# ruff: noqa: ANN001, ANN201, ANN202 - a script, read top to bottom

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

import grpc
import numpy as np
import psutil
from tritonclient.grpc import service_pb2

sys.path.insert(0, str(Path(__file__).parents[1]))

from falaj.contract import CAPTURE_KEYS_ROOT
from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, running

METHOD = "/inference.GRPCInferenceService/ModelInfer"
ROUNDS = 3
NOWHERE = "http://127.0.0.1:1"
AWS = {
    "AWS_ENDPOINT_URL": NOWHERE,
    "AWS_REGION": "me-central-1",
    "AWS_DEFAULT_REGION": "me-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


def rest_request():
    """A row in binary, as bytes on the wire."""
    item = b'{"name":"x","shape":[1,30],"datatype":"FP32","parameters":{"binary_data_size":120}}'
    head = b'{"inputs":[' + item + b'],"parameters":{"binary_data_output":true}}'
    body = head + np.ones(30, np.float32).tobytes()
    return (
        f"POST /v2/models/rows/infer HTTP/1.1\r\nhost: x\r\n"
        f"inference-header-content-length: {len(head)}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def grpc_request():
    """The same row as a message."""
    asked = service_pb2.ModelInferRequest(model_name="rows")
    asked.inputs.add(name="x", datatype="FP32", shape=[1, 30])
    asked.raw_input_contents.append(np.ones(30, np.float32).tobytes())
    return asked.SerializeToString()


async def by_rest(container, until, took):
    """Call over one connection until it is time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", container.port)
    asked = rest_request()
    while time.perf_counter() < until:
        begun = time.perf_counter()
        writer.write(asked)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode() + (await reader.read(300)).decode())
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        took.append(time.perf_counter() - begun)
    writer.close()


async def by_grpc(container, until, took):
    """Call over one channel until it is time."""
    data = grpc_request()
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(container.grpc, options=options) as channel:
        call = channel.unary_unary(METHOD)
        while time.perf_counter() < until:
            begun = time.perf_counter()
            await call(data)
            took.append(time.perf_counter() - begun)


def measured(ask, container, callers, seconds):
    """Return the latencies of a turn."""

    async def turn():
        took, until = [], time.perf_counter() + seconds
        await asyncio.gather(*(ask(container, until, took) for _ in range(callers)))
        return took

    return asyncio.run(turn())


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--callers", default="1,8")
    given = parser.parse_args()
    with contextlib.ExitStack() as held:
        root = Path(held.enter_context(tempfile.TemporaryDirectory()))
        onnx_models.write_version(root / "m", "rows", 1, onnx_models.linear(seed=1), batching=SAFE)
        for name in ("server", "gate"):
            (root / name).mkdir()
        server = held.enter_context(running(root / "m", root / "server", FALAJ_THREADS="1"))
        told = {
            "FALAJ_MODEL_NAME": "rows",
            "FALAJ_MODEL_VERSION": "1",
            "FALAJ_DIGESTS": f"1={'0' * 64}",
            "FALAJ_ENDPOINT": f"http://{server.http}",
            "FALAJ_GRPC_ENDPOINT": server.grpc,
            "FALAJ_CAPTURE": CAPTURE_KEYS_ROOT,
            **AWS,
        }
        gate = held.enter_context(
            running(root / "m", root / "gate", module="gpu_endpoints.gate", **told)
        )
        process = psutil.Process(gate.process.pid)
        for name, ask in (("REST", by_rest), ("gRPC", by_grpc)):
            for callers in map(int, given.callers.split(",")):
                direct, through, spent = [], [], 0.0
                measured(ask, gate, callers, 0.3)
                for _ in range(ROUNDS):
                    direct += measured(ask, server, callers, given.seconds / ROUNDS)
                    before = sum(process.cpu_times()[:2])
                    through += measured(ask, gate, callers, given.seconds / ROUNDS)
                    spent += sum(process.cpu_times()[:2]) - before
                more = statistics.median(through) - statistics.median(direct)
                print(
                    f"{name}, {callers:2} callers: {more * 1e6:+6.0f} µs in the median, "
                    f"{len(through) / len(direct):.2f} of the direct rate, "
                    f"{spent / len(through) * 1e6:5.0f} µs of the gate's processor each"
                )


if __name__ == "__main__":
    main()
