"""What the stack uploads is what the image's own commands fetch, check and serve."""

import io
import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from catalogue.building import build
from catalogue.signing import LocalSigner, remember_key
from falaj.config.serving import read_serving
from falaj.entrypoints.fetch import EXIT_ERROR, EXIT_OK, main as fetch
from infra.bundling.model_root import stage_model_root
from infra.packaging import package_model, read_models
from tests.catalogue.ensemble_catalogue import CASE, summing, write_ensemble, write_model
from tests.falaj.container.conftest import running
from tests.infra.conftest import new_catalogue

ROOT = Path(__file__).parents[2]
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [-1, 2, -3, 4]}]}


@pytest.fixture
def staged(tmp_path):
    """A signed model root as the stack would upload it, and its publisher."""

    def stage(*, is_triton=False, gpu=None, **settings):
        catalogue = new_catalogue(tmp_path / "w")
        catalogue.add("churn", compute={"target": "gpu", "gpu": gpu or {}}, **settings)
        build = catalogue.sources.build
        (model,) = read_models(catalogue.sources.models, build)
        key = LocalSigner(build).key
        remember_key(build, key)
        return stage_model_root(model, key, build, is_triton=is_triton).folder, key

    return stage


def zipped(folder):
    """A folder as cdk-assets zips it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def fetched(content, root, publisher=""):
    """Fetch an archive as a replica does."""
    env = {
        "FALAJ_MODEL_ARCHIVE": "s3://assets/a.zip",
        "FALAJ_MODEL_ROOT": str(root),
        "FALAJ_PUBLISHER_KEY": publisher,
    }
    return fetch(env, download=lambda _bucket, _key, target: target.write_bytes(content))


def test_a_replica_serves_what_the_stack_uploaded(staged, tmp_path):
    """Archive, fetch, container: signatures are checked, and the model answers."""
    folder, key = staged()
    assert fetched(zipped(folder), tmp_path / "models") == EXIT_OK
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'layers/runtime/python'}:{ROOT}",
        "FALAJ_MODEL_ROOT": str(tmp_path / "models"),
        "FALAJ_MODEL_NAME": "churn",
        "FALAJ_PUBLISHER_KEY": key.fingerprint,
        "FALAJ_PROVIDERS": "cpu",
        "FALAJ_HTTP_PORT": "0",
        "FALAJ_GRPC_PORT": "off",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu_endpoints.serve"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        ready = json.loads(process.stdout.readline())
        address = f"http://127.0.0.1:{ready['http_port']}/v2/models/churn/infer"
        body = json.dumps(REQUEST).encode()
        asked = urllib.request.Request(address, data=body)
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310 - here
            answer = json.loads(response.read())
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert answer["outputs"][0]["data"] == [0, 2, 0, 4]
    assert process.returncode == 0


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """An ensemble built from its sources, as a catalogue entry that runs on GPUs."""
    root = tmp_path_factory.mktemp("ensemble")
    write_model(root / "models", "sum", summing())
    write_ensemble(root / "models", compute={"target": "gpu", "fallback": "lambda"})
    build(root / "models", root / "build", ["twice"])
    (model,) = read_models(root / "models", root / "build", ["twice"])
    return model, LocalSigner(root / "build").key, root / "build"


def test_a_replica_serves_an_ensemble_with_its_members(ensemble, tmp_path):
    """Every member is in the archive, signed; the whole answers under its own name."""
    model, key, build_root = ensemble
    folder = stage_model_root(model, key, build_root).folder
    assert fetched(zipped(folder), tmp_path / "models", key.fingerprint) == EXIT_OK
    serving = json.loads((folder / "serving.json").read_text())["models"]
    assert {name: part["batching"]["enabled"] for name, part in serving.items()} == {
        "twice": False,
        "twice-scale": False,
        "sum": False,
    }
    with running(tmp_path / "models", tmp_path, FALAJ_PUBLISHER_KEY=key.fingerprint) as container:
        body = json.dumps(CASE["request"]).encode()
        asked = urllib.request.Request(f"http://{container.http}/v2/models/twice/infer", data=body)
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310 - here
            answer = json.loads(response.read())
    assert answer["outputs"][0]["data"] == [12]


def test_triton_finds_a_config_beside_every_member(ensemble, tmp_path):
    """Versions' folders and configurations are where Triton looks; what is there is checked."""
    model, key, build_root = ensemble
    folder = stage_model_root(model, key, build_root, is_triton=True).folder
    assert sorted(str(path.relative_to(folder)) for path in folder.glob("*/config.pbtxt")) == [
        "sum/config.pbtxt",
        "twice-scale/config.pbtxt",
        "twice/config.pbtxt",
    ]
    assert (folder / "twice/1/ensemble.json").is_file()
    assert fetched(zipped(folder), tmp_path / "models", key.fingerprint) == EXIT_OK


def test_a_function_answers_for_an_ensemble(ensemble):
    """The same graph in Lambda's code folder, by what a function imports alone."""
    model, key, build_root = ensemble
    package = package_model(
        model,
        publisher=key,
        handler_folder=ROOT / "functions" / "predict",
        build_root=build_root,
        room_bytes=2**28,
    )
    event = {"rawPath": "/v2/models/twice/infer", "body": json.dumps(CASE["request"])}
    program = f"import handler, json; print(handler.handler({event!r}, None)['body'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=package.code.folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers/runtime/python"),
            "LAMBDA_TASK_ROOT": str(package.code.folder),
            "AWS_LAMBDA_FUNCTION_NAME": "falaj-twice",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_REGION": "me-central-1",
            "FALAJ_PUBLISHER_KEY": key.fingerprint,
            "FALAJ_MODEL_NAME": "twice",
            "FALAJ_MODEL_VERSION": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["outputs"][0]["data"] == [12]


def test_an_ensemble_too_large_to_package_keeps_its_graph(ensemble):
    """Members' bytes lie in S3 then; the graph, which is small, stays with the manifests."""
    model, key, build_root = ensemble
    package = package_model(
        model,
        publisher=key,
        handler_folder=ROOT / "functions" / "predict",
        build_root=build_root,
        room_bytes=0,
    )
    assert package.far_prefix
    found = {path.name for path in package.code.folder.rglob("*") if path.is_file()}
    assert "ensemble.json" in found
    assert "model.onnx" not in found


def test_batching_is_off_unless_it_is_written(staged):
    """The container's own default would join what registration allows."""
    folder, _ = staged()
    model = json.loads((folder / "serving.json").read_text())["models"]["churn"]
    assert model["batching"] == {"enabled": False, "instances": 1}
    assert model["timeout_s"] == 10


def test_what_is_written_reaches_the_container(staged):
    """Every setting of model.yaml, by the container's names; its own reader takes them."""
    folder, _ = staged(
        batching={"max_batch_size": 8, "preferred_batch_size": [4], "max_queue_size": 16},
        cache={"enabled": True, "ttl_s": 60},
        gpu={"instances": {"max_replicas": 1}, "deployment": "rolling"},
        sequence={"state": ["x=y"], "max_sequences": 7, "idle": "90s"},
    )
    serving = read_serving(folder / "serving.json")["churn"]
    assert (serving.policy.max_batch_size, serving.policy.preferred_batch_sizes) == (8, (4,))
    assert (serving.policy.capacity, serving.cache_bytes > 0) == (16, True)
    assert serving.cache_ttl_s == 60
    assert (serving.states, serving.max_sequences, serving.idle_s) == ((("x", "y"),), 7, 90)


def test_before_triton_an_altered_model_is_refused(staged, tmp_path):
    """Triton checks nothing; the task that fetched something else never starts it."""
    folder, key = staged(is_triton=True)
    whole = zipped(folder)
    assert fetched(whole, tmp_path / "good", key.fingerprint) == EXIT_OK
    altered = tmp_path / "altered"
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        archive.extractall(altered)
    with (altered / "churn/1/model.onnx").open("ab") as model:
        model.write(b"\0")
    assert fetched(zipped(altered), tmp_path / "bad", key.fingerprint) == EXIT_ERROR


def test_before_triton_an_unsigned_model_is_refused(staged, tmp_path):
    """Nor does a stranger's manifest pass."""
    folder, key = staged(is_triton=True)
    (tmp_path / "copy").mkdir()
    with zipfile.ZipFile(io.BytesIO(zipped(folder))) as archive:
        archive.extractall(tmp_path / "copy")
    (tmp_path / "copy/churn/1/manifest.sig").unlink()
    assert fetched(zipped(tmp_path / "copy"), tmp_path / "bad", key.fingerprint) == EXIT_ERROR
