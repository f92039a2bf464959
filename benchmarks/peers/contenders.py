"""Who is measured: what each needs installed, how it is started, how it is asked."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.container import request_of

RUNTIME = ("onnxruntime==1.31.0", "numpy<2.5", "orjson>=3.11.6")
SHAPES = {"t": (30,), "g": (30,), "v": (3, 224, 224), "e": (32,)}
LARGE = "ve"


def row(case: str) -> np.ndarray:
    """The one row that everybody is asked about."""
    rng = np.random.default_rng(1)
    if case == "e":
        return rng.integers(0, 1000, SHAPES[case]).astype(np.int64)
    return rng.normal(size=SHAPES[case]).astype(np.float32)


def http(path: str, body: bytes, content: str) -> bytes:
    """A request on the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def numbers(case: str) -> list[float]:
    """The row as JSON numbers, as many digits as request_of sends."""
    return [round(float(value), 4) for value in row(case).ravel()]


def protocol(case: str) -> bytes:
    """The Open Inference Protocol, large tensors in binary."""
    return request_of(case, "127.0.0.1")


def protocol_as_octets(case: str) -> bytes:
    """The same for a server that reads binary only under its own content type."""
    asked = request_of(case, "127.0.0.1")
    if case not in LARGE:
        return asked
    return asked.replace(b"application/json", b"application/octet-stream", 1)


def protocol_in_json(case: str) -> bytes:
    """The Open Inference Protocol where there is no binary extension."""
    data = [int(v) for v in row(case)] if case == "e" else numbers(case)
    kind = "INT64" if case == "e" else "FP32"
    item = {"name": "x", "shape": [1, *SHAPES[case]], "datatype": kind, "data": data}
    body = json.dumps({"inputs": [item]}).encode()
    return http(f"/v2/models/{case}/infer", body, "application/json")


def raw(path: str) -> Callable[[str], bytes]:
    """Numbers in JSON, or raw bytes for large rows."""

    def ask(case: str) -> bytes:
        if case in LARGE:
            return http(path, row(case).tobytes(), "application/octet-stream")
        return http(path, json.dumps({"x": numbers(case)}).encode(), "application/json")

    return ask


def encoded(path: str, *, batched: bool = False) -> Callable[[str], bytes]:
    """Numbers in JSON, or Base64 in JSON for large rows."""

    def ask(case: str) -> bytes:
        large = case in LARGE
        value = base64.b64encode(row(case).tobytes()).decode() if large else numbers(case)
        document = {"x": [value] if batched else value}
        return http(path, json.dumps(document).encode(), "application/json")

    return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server that is measured beside the container.

    Attributes:
        packages: What is installed for it.
        ask: Writes a case's request.
        command: Its program and arguments, run in `servers`; its own Python by default.
    """

    packages: tuple[str, ...]
    ask: Callable[[str], bytes]
    command: tuple[str, ...] = ()


PEERS = {
    "triton": Peer(packages=("nvidia-pytriton==0.7.0",), ask=protocol),
    "mosec": Peer(packages=("mosec==0.9.8",), ask=raw("/inference")),
    "mlserver": Peer(packages=("mlserver==1.7.1",), ask=protocol_in_json),
    "kserve": Peer(packages=("kserve==0.21.0",), ask=protocol_as_octets),
    "litserve": Peer(packages=("litserve==0.2.19",), ask=encoded("/predict")),
    "bentoml": Peer(
        packages=("bentoml==1.4.39",),
        ask=encoded("/infer", batched=True),
        command=("-m", "bentoml", "serve", "with_bentoml:Bench", "--host", "127.0.0.1", "--port"),
    ),
    "starlette": Peer(
        packages=("starlette==1.0.0", "uvicorn==0.38.0", "httptools==0.7.1", "uvloop==0.22.1"),
        ask=raw("/infer"),
    ),
    "fastapi": Peer(packages=("fastapi==0.121.0", "uvicorn==0.38.0"), ask=encoded("/infer")),
}
