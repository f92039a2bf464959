"""The function as Lambda starts it: a process of its own, from its environment alone."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalogue.signing import LocalSigner
from tests.falaj import onnx_models, signed_models

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
    onnx_models.write_version(tmp_path / "models", "other", 1, onnx_models.linear(seed=3))
    signed_models.publish(tmp_path / "models", tmp_path / "build")
    return tmp_path


def _start(task_root, events, program=PROGRAM, **more):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY / "layers/runtime/python"),
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": "falaj-rows",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "me-central-1",
        "FALAJ_PUBLISHER_KEY": LocalSigner(task_root / "build").key.fingerprint,
        "FALAJ_MODEL_NAME": "rows",
        "FALAJ_MODEL_VERSION": "1",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-c", program],
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


def test_a_function_that_counts_believes_no_other_reference(task_root):
    """What drift is measured by is covered by the manifest's signature, like the model."""
    path = task_root / "models" / "rows" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "facts": {"drift": "0" * 64}}))
    (path.parent / "drift.json").write_text("{}")
    signed_models.publish(task_root / "models", task_root / "build")
    process = _start(task_root, [], FALAJ_DRIFT="1")
    (line,) = [json.loads(text) for text in process.stdout.splitlines()]
    assert (process.returncode == 0, line["RefusedStarts"]) == (False, 1)
    assert "its drift.json has sha256" in process.stderr


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


def _flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _of_another_model(models):
    shutil.copytree(models / "other/1", models / "rows/1", dirs_exist_ok=True)


def _of_another_version(models):
    shutil.copytree(models / "rows/2", models / "rows/1", dirs_exist_ok=True)


def _of_another_publisher(models):
    """Everything is signed anew, key file and all, by somebody else."""
    signed_models.publish(models, models.parent / "stranger")


TAMPERING = {
    "a byte of the model": (lambda m: _flip(m / "rows/1/model.onnx"), "its bytes have sha256"),
    "a byte of the manifest": (lambda m: _flip(m / "rows/1/manifest.json", 40), "did not sign"),
    "a byte of the signature": (lambda m: _flip(m / "rows/1/manifest.sig"), "did not sign"),
    "a version beside it": (lambda m: _flip(m / "rows/2/manifest.sig"), "did not sign"),
    "no signature": (lambda m: (m / "rows/1/manifest.sig").unlink(), "it is not signed"),
    "an empty signature": (lambda m: (m / "rows/1/manifest.sig").write_bytes(b""), "did not sign"),
    "a signed manifest of another model": (_of_another_model, "lies in another folder"),
    "a signed manifest of another version": (_of_another_version, "lies in another folder"),
    "the version taken out": (lambda m: shutil.rmtree(m / "rows/1"), "version 1"),
    "another publisher": (_of_another_publisher, "pins"),
    "no key": (lambda m: (m / "publisher.der").unlink(), "no key to check"),
    "a byte of the key": (lambda m: _flip(m / "publisher.der", 30), "no key to check"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_not_published_keeps_the_function_from_starting(task_root, what):
    """The initialisation ends with the reason, and one line feeds the alarm that tells people."""
    tamper, reason = TAMPERING[what]
    tamper(task_root / "models")
    process = _start(task_root, [INFER])

    assert process.returncode != 0
    (line,) = [json.loads(text) for text in process.stdout.splitlines()]
    assert (line["RefusedStarts"], line["Model"], line["release"]) == (1, "rows", "7")
    assert reason in line["error"]
    assert reason in process.stderr


@pytest.mark.parametrize("pin", ["", "off", "A" * 64])
def test_on_lambda_nothing_is_believed_without_a_pin(task_root, pin):
    """A setting that was forgotten is a fault, not a permission."""
    process = _start(task_root, [INFER], FALAJ_PUBLISHER_KEY=pin)

    assert process.returncode != 0
    assert "FALAJ_PUBLISHER_KEY" in process.stderr


def test_checking_signatures_loads_no_library_for_it(task_root):
    """It is arithmetic of our own: neither `cryptography` nor boto3 is paid for."""
    program = PROGRAM + "print(json.dumps(sorted(sys.modules)))"
    *_, modules = _lines(_start(task_root, [INFER], program=program))

    assert "falaj.domain.p256" in modules
    assert {"cryptography", "boto3", "falaj.telemetry.refusal"} & set(modules) == set()


def test_function_without_a_shadow_loads_nothing_of_it(task_root):
    """Copies, extension and client are paid for by plans that ask for them."""
    program = PROGRAM + "print(json.dumps(sorted(sys.modules)))"
    *_, modules = _lines(_start(task_root, [INFER], program=program))

    shadows = {name for name in modules if "shadow" in name or "signed_calls" in name}
    assert shadows | {"falaj.entrypoints.after_response"} & set(modules) == set()


def test_an_allocation_bomb_of_a_caller_is_an_error_and_no_end(task_root):
    """A model may let its input say how much it takes; the function says no and goes on."""
    shutil.rmtree(task_root / "models/rows")
    onnx_models.write_version(task_root / "models", "rows", 1, onnx_models.filled())
    signed_models.publish(task_root / "models", task_root / "build")

    def asked(size):
        tensor = {"name": "shape", "shape": [2], "datatype": "INT64", "data": [size, size]}
        return {"rawPath": "/v2/models/rows/infer", "body": json.dumps({"inputs": [tensor]})}

    results = [
        line["result"]
        for line in _lines(_start(task_root, [asked(2**20), asked(1)]))
        if "result" in line
    ]
    assert [result["statusCode"] for result in results] == [500, 200]
    assert json.loads(results[0]["body"])["code"] == "engine"


FAULTS = """
import resource
%s
counted = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for number in range(13):
    before = counted() if number == 3 else before if number else 0
    arrays = [b"x" * (10 << 20) for _ in range(3)]
    del arrays
print((counted() - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's setting")
def test_a_request_reuses_the_memory_of_the_last(task_root):
    """The kernel is not asked for a large request's pages again with each one."""
    usual, here = (
        float(_start(task_root, [], program=FAULTS % first).stdout.splitlines()[-1])
        for first in ("", "import handler")
    )
    assert usual > 10  # 7,680 pages of 4 KiB; fewer where pages are huge
    assert here < 1
