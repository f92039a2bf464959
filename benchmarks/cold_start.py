"""A cold start of the predict function against the least that any Python function must do.

The floor is a fresh Python that imports NumPy and ONNX Runtime, loads the model and runs it once.
The function is a fresh Python that imports `functions/predict/handler.py` in an environment like
Lambda's (which loads, checks and warms the model) and answers one event from API Gateway. CPU time
of the whole process counts, so that a busy machine disturbs less; both take turns.

    python benchmarks/cold_start.py [--rounds N]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from catalogue.signing import LocalSigner
from tests.falaj import onnx_models, signed_models

ROOT = Path(__file__).resolve().parent.parent
GOAL = 1.15

FLOOR = """
import numpy, onnxruntime
with open("models/rows/1/model.onnx", "rb") as file:
    content = file.read()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
session.run(None, {"x": numpy.zeros((1, 30), numpy.float32)})
"""

HANDLER = """
import handler, json, sys
with open("event.json") as file:
    event = json.load(file)
assert handler.handler(event, None)["statusCode"] == 200
"""

POWERTOOLS = (
    FLOOR
    + """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
APIGatewayHttpResolver(), Logger(service="rows"), Metrics(namespace="Falaj", service="rows")
"""
)

FASTAPI = (
    FLOOR
    + """
from fastapi import FastAPI
from mangum import Mangum
Mangum(FastAPI(), lifespan="off")
"""
)


def prepare(folder: Path) -> None:
    """Lay out a function's code asset and an event."""
    onnx_models.write_version(folder / "models", "rows", 1, onnx_models.linear())
    signed_models.publish(folder / "models", folder / "build")
    (folder / "handler.py").write_text((ROOT / "functions/predict/handler.py").read_text())
    tensor = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
    body = json.dumps({"inputs": [tensor]})
    event = {"version": "2.0", "rawPath": "/v2/models/rows/infer", "body": body}
    (folder / "event.json").write_text(json.dumps(event))


def environment(folder: Path) -> dict[str, str]:
    """What Lambda would set, as far as the function reads it."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/runtime/python"),
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": "falaj-rows",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "FALAJ_MODEL_NAME": "rows",
        "FALAJ_PUBLISHER_KEY": LocalSigner(folder / "build").key.fingerprint,
    }


def start(code: str, folder: Path) -> tuple[float, float]:
    """Milliseconds of CPU and of wall time that one process takes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1000, wall * 1000


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    contenders = {
        "floor: Python, NumPy, ONNX Runtime, load, run": FLOOR,
        "falaj's handler and its first answer": HANDLER,
        "floor + Powertools imported": POWERTOOLS,
        "floor + FastAPI and Mangum imported": FASTAPI,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        samples: dict[str, list[tuple[float, float]]] = {key: [] for key in contenders}
        for code in contenders.values():  # page cache and bytecode
            start(code, folder)
        for _ in range(rounds):
            for key, code in contenders.items():
                samples[key].append(start(code, folder))
    floor = statistics.median(cpu for cpu, _ in samples[next(iter(contenders))])
    print(f"a cold start, median of {rounds} processes each:")
    for key, values in samples.items():
        cpu = statistics.median(value for value, _ in values)
        wall = statistics.median(value for _, value in values)
        print(f"  {key:48} {cpu:7.0f} ms CPU {wall:7.0f} ms wall {cpu / floor:6.2f}× floor")
    print(f"  goal: the handler at most {GOAL}× the floor")


if __name__ == "__main__":
    main()
