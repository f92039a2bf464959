"""The function as Lambda starts it: a process of its own, from its environment alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.falaj import onnx_models

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, sys
import handler
for event in json.load(sys.stdin):
    result = handler.handler(event, None)
    print(json.dumps({"result": result}))
"""


@pytest.fixture
def task_root(tmp_path):
    """A function's code asset: handler and packaged models."""
    source = REPOSITORY / "functions/predict/handler.py"
    (tmp_path / "handler.py").write_text(source.read_text())
    for version in (1, 2):
        content = onnx_models.linear(seed=version)
        onnx_models.write_version(tmp_path / "models", "rows", version, content)
    return tmp_path


def _start(task_root, events, **more):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY / "layers/runtime/python"),
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": "falaj-rows",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "me-central-1",
        "FALAJ_MODEL_NAME": "rows",
        "FALAJ_MODEL_VERSION": "1",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=task_root,
        env=environment,
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )


def _lines(process):
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


ROW = {"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}]}
INFER = {"rawPath": "/v2/models/rows/infer", "body": json.dumps(ROW)}


def test_it_serves_its_packaged_model(task_root):
    """Release, default version and another packaged version, from environment variables alone."""
    other = {**INFER, "rawPath": "/v2/models/rows/versions/2/infer"}
    line, first, _, second = _lines(_start(task_root, [INFER, other]))
    assert (line["Release"], line["model_version"], line["cold_start"]) == ("7", "1", True)
    assert first["result"]["headers"]["x-falaj-release"] == "7"
    versions = [json.loads(one["result"]["body"])["model_version"] for one in (first, second)]
    assert versions == ["1", "2"]


def test_an_altered_model_keeps_the_function_from_starting(task_root):
    """A flipped byte ends the initialisation with a sentence that names the model."""
    path = task_root / "models/rows/1/model.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    process = _start(task_root, [INFER])
    assert process.returncode != 0
    assert "model 'rows' version 1: its bytes have sha256" in process.stderr


def test_a_faulty_environment_keeps_the_function_from_starting(task_root):
    """Every fault is in the initialisation's error."""
    process = _start(task_root, [INFER], FALAJ_THREADS="x", FALAJ_LOG_LEVEL="y")
    assert process.returncode != 0
    assert "FALAJ_THREADS='x'" in process.stderr
    assert "FALAJ_LOG_LEVEL='Y'" in process.stderr
