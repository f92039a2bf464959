"""What the predict handler adds to `session.run`, beside the ways it could have been written.

CPU time per request from the API Gateway event (payload format 2.0) to Lambda's result, log line
and metrics included, minus the bare run of the same tensors. All contenders take turns in one
process, pinned to one core, so that a noisy machine slows them alike. Printed are the quietest
blocks of rounds (what the code costs) and all rounds' medians (what it cost at this hour).

    python benchmarks/handler.py [--rounds N]
"""

import argparse
import base64
import gc
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import cycle
from pathlib import Path
from time import process_time_ns
from types import SimpleNamespace

import numpy as np
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI
from mangum import Mangum
from onnx import TensorProto, helper
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from falaj.config.settings import Settings
from falaj.engines.engine import Tensor
from falaj.entrypoints.freed_memory import keep_freed_memory
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.http.recurring import MOST_FORMS
from falaj.http.service import Service
from tests.falaj import onnx_models

WINDOWS = 9  # in a block
NOWHERE = Path(os.devnull).open("w", buffering=1, encoding="utf-8")  # noqa: SIM115 - lines leave at once, as in Lambda
POWERTOOLS_US = 130  # on the machine whose figures the goals were set by
Handler = Callable[[dict[str, object], object], dict[str, object]]
CONTEXT = SimpleNamespace(
    function_name="bench",
    function_version="12",
    memory_limit_in_mb=1769,
    aws_request_id="8f5a3c1e-6c1b-4f5e-9f0e-1d2c3b4a5968",
    invoked_function_arn="arn:aws:lambda:me-central-1:123456789012:function:bench:live",
    get_remaining_time_in_millis=lambda: 10_000,
)


def pooled() -> bytes:
    """A convolutional head cheap enough not to hide the handler: 3×224×224 → 3 averages."""
    return onnx_models.model_bytes(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [("y", TensorProto.FLOAT, ["n", 3, 1, 1])],
    )


def event(model: str, headers: dict[str, str], body: str, *, is_base64: bool) -> dict[str, object]:
    """An HTTP API's event, as API Gateway writes it."""
    path = f"/v2/models/{model}/infer"
    return {
        "version": "2.0",
        "routeKey": "ANY /v2/models/{model}/{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body)),
            "host": "api.example.ae",
            "user-agent": "python-requests/2.32.5",
            "x-amzn-trace-id": "Root=1-6921b2c1-5d6f7a8b9c0d1e2f3a4b5c6d",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **headers,
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "domainName": "api.example.ae",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "python-requests/2.32.5",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /v2/models/{model}/{proxy+}",
            "stage": "$default",
            "time": "22/Nov/2026:03:16:09 +0000",
            "timeEpoch": 1795317369000,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def json_event(model: str, tensor: Tensor) -> dict[str, object]:
    """The tensor as JSON numbers."""
    one = {
        "name": "x",
        "shape": tensor.shape,
        "datatype": "FP32",
        "data": [float(f"{value:.7g}") for value in tensor.ravel()],
    }
    body = json.dumps({"inputs": [one]}, separators=(",", ":"))
    return event(model, {"content-type": "application/json"}, body, is_base64=False)


def binary_event(model: str, tensor: Tensor) -> dict[str, object]:
    """The tensor as binary data behind the JSON."""
    one = {
        "name": "x",
        "shape": tensor.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": tensor.nbytes},
    }
    document = {"inputs": [one], "parameters": {"binary_data_output": True}}
    text = json.dumps(document, separators=(",", ":")).encode()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(text)),
    }
    body = base64.b64encode(text + tensor.tobytes()).decode()
    return event(model, headers, body, is_base64=True)


def bare_handler(run: Callable[[Tensor], list[Tensor]]) -> Handler:
    """The least one could write: no checks, no log, no metrics."""

    def handle(sent: dict[str, object], _: object) -> dict[str, object]:
        one = json.loads(str(sent["body"]))["inputs"][0]
        outputs = run(np.array(one["data"], np.float32).reshape(one["shape"]))
        return {"statusCode": 200, "body": json.dumps([value.tolist() for value in outputs])}

    return handle


def powertools_handler(run: Callable[[Tensor], list[Tensor]]) -> Handler:
    """AWS's toolkit as its documentation puts it together: resolver, logger, metrics."""
    app = APIGatewayHttpResolver()
    metrics = Metrics(namespace="Falaj", service="rows")
    logger = Logger(service="rows", stream=NOWHERE)

    @app.post("/v2/models/<model>/infer")
    def infer(model: str) -> dict[str, object]:
        one = app.current_event.json_body["inputs"][0]
        outputs = run(np.array(one["data"], np.float32).reshape(one["shape"]))
        metrics.add_dimension("Model", model)
        metrics.add_dimension("Release", "12")
        for name in ("Requests", "Bad", "InvalidOutput", "ClientErrors", "ColdStarts"):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=0)
        for name in ("Latency", "InferenceLatency"):
            metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=1.5)
        logger.info("infer", extra={"model_name": model, "outcome": "ok"})
        return {"model_name": model, "outputs": [{"data": v.ravel().tolist()} for v in outputs]}

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handle(sent: dict[str, object], context: object) -> dict[str, object]:
        return app.resolve(sent, context)

    return handle


def starlette_handler(run: Callable[[Tensor], list[Tensor]]) -> Handler:
    """Mangum in front of Starlette; no log, no metrics."""

    async def infer(request: WebRequest) -> JSONResponse:
        one = (await request.json())["inputs"][0]
        outputs = run(np.array(one["data"], np.float32).reshape(one["shape"]))
        return JSONResponse({"outputs": [{"data": v.ravel().tolist()} for v in outputs]})

    app = Starlette(routes=[Route("/v2/models/{model}/infer", infer, methods=["POST"])])
    return Mangum(app, lifespan="off")


def fastapi_handler(run: Callable[[Tensor], list[Tensor]]) -> Handler:
    """Mangum in front of FastAPI; no log, no metrics, no models of the body."""
    app = FastAPI()

    @app.post("/v2/models/{model}/infer")
    async def infer(model: str, request: WebRequest) -> dict[str, object]:
        one = (await request.json())["inputs"][0]
        outputs = run(np.array(one["data"], np.float32).reshape(one["shape"]))
        return {"model_name": model, "outputs": [{"data": v.ravel().tolist()} for v in outputs]}

    return Mangum(app, lifespan="off")


def microseconds(
    contenders: dict[str, Callable[[], object]], *, rounds: int, calls: int
) -> dict[str, tuple[float, float]]:
    """CPU per call of each contender, in turns: its quietest block's median, and that of all.

    A block is nine short windows. Its median leaves out what interrupted a window; the quietest
    block leaves out the hours in which a neighbour shares the core.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for work in contenders.values():
        work()
    for _ in range(rounds):
        for name, work in contenders.items():
            begun = process_time_ns()
            for _ in range(calls):
                work()
            samples[name].append((process_time_ns() - begun) / calls / 1000)
    return {
        name: (_quietest(values), statistics.median(values)) for name, values in samples.items()
    }


def _quietest(values: list[float]) -> float:
    blocks = range(0, len(values), WINDOWS)
    return min(statistics.median(values[start : start + WINDOWS]) for start in blocks)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        onnx_models.write_version(root, "rows", 1, onnx_models.linear())
        onnx_models.write_version(root, "image", 1, pooled())
        service = onnx_models.service_of(root, release="12")
        settings = Settings(model_root=name, model_name="rows", release="12")
        handler = LambdaInference(service, settings)
        # Another function: whose callers never say the same twice must not disturb the first.
        strangers = LambdaInference(onnx_models.service_of(root, release="12"), settings)
        gc.collect()
        gc.freeze()  # as the function does when it has started, and so this
        keep_freed_memory()
        large(handler, service, rounds, slowness=small(handler, strangers, service, rounds))


def small(
    handler: LambdaInference, strangers: LambdaInference, service: Service, rounds: int
) -> float:
    """One row of 30 floats; return how much slower the toolkit is than where goals were set."""
    row = np.random.default_rng(0).normal(size=(1, 30)).astype(np.float32)
    engine = service.repository.model("rows").engine
    names = ("score", "is_positive")

    def run(tensor: Tensor) -> list[Tensor]:
        return engine.run({"x": tensor}, names)

    as_json, as_binary = json_event("rows", row), binary_event("rows", row)
    # More than a model keeps of its requests' texts: each has been forgotten when it comes again.
    ids = (f'{{"id":"{number}",' for number in range(4 * MOST_FORMS))
    named = cycle([{**as_json, "body": one + str(as_json["body"])[1:]} for one in ids])
    peers = {
        "bare handler, JSON only, no checks": bare_handler(run),
        "Powertools resolver + logger + metrics": powertools_handler(run),
        "Mangum + Starlette": starlette_handler(run),
        "Mangum + FastAPI": fastapi_handler(run),
    }
    contenders: dict[str, Callable[[], object]] = {
        "session.run": lambda: run(row),
        "falaj, JSON": lambda: handler(as_json, CONTEXT),
        "falaj, binary": lambda: handler(as_binary, CONTEXT),
        "falaj, JSON whose text never recurs": lambda: strangers(next(named), CONTEXT),
        **{name: lambda one=one: one(as_json, CONTEXT) for name, one in peers.items()},
    }
    with redirect_stdout(NOWHERE):
        found = microseconds(contenders, rounds=rounds * 6, calls=200)
    added = report("one row of 30 floats", found)
    toolkit = added["Powertools resolver + logger + metrics"]
    for name in ("falaj, JSON", "falaj, binary"):
        best, median = (mine / theirs for mine, theirs in zip(added[name], toolkit, strict=True))
        print(f"  {name} / Powertools = {best:.3f} quiet, {median:.3f} median (goal ≤ 0.2)")
    slowness = toolkit[0] / POWERTOOLS_US
    print(
        f"  goal: falaj adds at most 25 µs where Powertools adds {POWERTOOLS_US} µs: "
        f"here {25 * slowness:.0f} µs"
    )
    return slowness


def large(handler: LambdaInference, service: Service, rounds: int, *, slowness: float) -> None:
    """One image of 3×224×224."""
    image = np.random.default_rng(0).random(size=(1, 3, 224, 224)).astype(np.float32)
    engine = service.repository.model("image").engine
    as_json, as_binary = json_event("image", image), binary_event("image", image)
    contenders: dict[str, Callable[[], object]] = {
        "session.run": lambda: engine.run({"x": image}, ("y",)),
        "falaj, binary in Base64": lambda: handler(as_binary, CONTEXT),
        "falaj, JSON": lambda: handler(as_json, CONTEXT),
        "json.loads of the body alone": lambda: json.loads(str(as_json["body"])),
    }
    with redirect_stdout(NOWHERE):
        found = microseconds(contenders, rounds=rounds * 2, calls=3)
    added = report("one image of 3×224×224", found)
    for name, goal_us in (("falaj, binary in Base64", 900), ("falaj, JSON", 2500)):
        here = goal_us * slowness
        print(
            f"  goal: {name} adds at most {goal_us:,} µs where Powertools adds {POWERTOOLS_US} µs: "
            f"here {here:,.0f} µs; {added[name][0] / here:.2f} of it quiet"
        )


def report(title: str, found: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Print and return what each contender adds to the bare run."""
    bare = found["session.run"]
    print(f"{title}; session.run alone {bare[0]:.1f} µs quiet, {bare[1]:.1f} µs median; added:")
    added: dict[str, tuple[float, float]] = {}
    for name, (best, median) in found.items():
        if name != "session.run":
            added[name] = best - bare[0], median - bare[1]
            print(f"  {name:42} {added[name][0]:9.1f} µs quiet {added[name][1]:9.1f} µs median")
    return added


if __name__ == "__main__":
    main()
