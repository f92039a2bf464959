"""Promise: models on services of containers answer behind the same address, by their templates.

Their containers are real processes of the repository's own image, on the processor.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import timedelta

import boto3
import numpy as np
import pytest
from tritonclient import grpc as triton_grpc
from tritonclient.http import InferenceServerClient, InferInput

from catalogue.building import build
from local_region.clock import VirtualClock
from local_region.cloudwatch.metrics import MetricId
from tests.catalogue.ensemble_catalogue import SCALE, write_ensemble
from tests.falaj.engines.openvino_here import has_a_wheel
from tests.local_region.conftest import ROOT

pytestmark = pytest.mark.slow
ROW = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 30], "data": [1.0] * 30}]}
).encode()
JSON = {"content-type": "application/json"}
INFER = "/v2/models/breast-cancer/infer"
SECOND = "/v2/models/second-look/infer"
ENGINE = "openvino" if has_a_wheel() else "onnx"
PROVIDER = "OpenVINO:CPU:f32" if has_a_wheel() else "CPUExecutionProvider"
COMPUTE = {
    "breast-cancer": (
        "  target: gpu\n  fallback: lambda\n"
        "  gpu: {instances: {max_replicas: 3}, deployment: rolling, scaling: {queue_ms: 10}}"
    ),
    "file-type": (
        f"  target: container\n  engine: {ENGINE}\n"
        "  container: {vcpus: 1, memory_gib: 2, deployment: canary}"
    ),
}
ASKED = MetricId.of("Falaj", "Asked", {"Model": "second-look"})
QUEUE = MetricId.of("Falaj", "QueueTime", {"Model": "breast-cancer"})


def write_second_look(models):
    """An ensemble: a step of its own doubles what breast-cancer is then asked."""
    graph = {
        "kind": "ensemble",
        "inputs": ["half"],
        "outputs": ["label"],
        "steps": [
            {"script": "scale.py", "inputs": {"x": "half"}, "outputs": {"y": "features"}},
            {
                "model": "breast-cancer",
                "version": 1,
                "inputs": {"features": "features"},
                "outputs": {"label": "label"},
            },
        ],
    }
    compute = {"target": "gpu", "gpu": {"scaling": {"to_zero": True, "idle": "10m"}}}
    version = write_ensemble(models, "second-look", graph=graph, compute=compute)
    (version / "scale.py").write_text(SCALE.replace('["n", 3]', '["n", 30]'))


@pytest.fixture(scope="module")
def on_gpus(tmp_path_factory, open_region):
    """Two models on GPUs, a breaker before each, and one on a processor alone, without one."""
    folder = tmp_path_factory.mktemp("gpu")
    for name, compute in COMPUTE.items():
        shutil.copytree(ROOT / "models" / name, folder / "models" / name)
        file = folder / "models" / name / "model.yaml"
        file.write_text(file.read_text().replace("\ncompute:", f"\ncompute:\n{compute}"))
    with (folder / "models/file-type/model.yaml").open("a") as file:
        file.write("release: {steps: [0.5], bake: 2m}\n")
    write_second_look(folder / "models")
    build(folder / "models", ROOT / ".build", ["second-look"])
    running = open_region(
        synthesized(folder, "out"), seed=7, clock=VirtualClock(), ticks=False, grpc_port=0
    )
    running.folder = folder
    yield running
    for built in (ROOT / ".build/models").glob("second-look*"):
        shutil.rmtree(built)


def synthesized(folder, name):
    """Synthesize the catalogue as it is now; return the assembly."""
    given = ["--models", folder / "models", "--output", folder / name, "-c", "falaj:access=open"]
    subprocess.run([sys.executable, "app.py", *given], cwd=ROOT, check=True, capture_output=True)
    return folder / name


def service(running, model="breast-cancer"):
    """A model's service."""
    found = running.region.containers.services.values()
    return next(s for s in found if f"GpuModel-{model}" in s.settings.name)


def pass_time(running, seconds, step=10, queue_ms=None):
    """Let the region's time go by, its ticks with it; replicas report what is said."""
    region, clock = running.region, running.region.control._clock

    async def passed():
        for _ in range(seconds // step):
            if queue_ms is not None:
                region.control.cloudwatch.store.put(QUEUE, [queue_ms], at=clock.now())
            clock.leap(clock.now() + timedelta(seconds=step))
            await region.tick()

    running.run(passed())


def steady(running, model="breast-cancer"):
    """Wait until the service runs what is wanted; the region's time goes on slowly meanwhile."""
    region, clock = running.region, running.region.control._clock

    async def waited():
        async with asyncio.timeout(60):
            while not service(running, model).is_steady:
                await asyncio.sleep(0.1)
                clock.leap(clock.now() + timedelta(seconds=1))
                await region.tick()

    running.run(waited())


def test_both_ways_to_a_service_answer(on_gpus):
    """Through the breaker and through the VPC link: the container answers, and says so."""
    status, headers, body = on_gpus.request(INFER, body=ROW, headers=JSON)
    assert (status, json.loads(body)["model_name"]) == (200, "breast-cancer")
    assert len(headers["x-falaj-release"]) == 16
    assert "x-falaj-fallback" not in headers
    with InferenceServerClient(on_gpus.region.api_url.removeprefix("http://")) as client:
        given = InferInput("bytes", [1, 2048], "INT32")
        given.set_data_from_numpy(np.zeros((1, 2048), dtype=np.int32))
        answer = client.infer("file-type", [given])
    assert answer.as_numpy("target_label").shape == (1, 214)


def test_an_ensemble_of_the_catalogue_answers_through_the_api(on_gpus):
    """Declared in source.yaml, synthesized, served by its own service: half twice is the whole."""
    half = [value / 2 for value in [1.0] * 30]
    tensor = {"name": "half", "datatype": "FP32", "shape": [1, 30], "data": half}
    asked = json.dumps({"inputs": [tensor]}).encode()
    status, _, body = on_gpus.request(SECOND, body=asked, headers=JSON)
    assert status == 200
    (label,) = json.loads(body)["outputs"]
    (whole, *_) = json.loads(on_gpus.request(INFER, body=ROW, headers=JSON)[2])["outputs"]
    assert (label["name"], label["data"]) == ("label", whole["data"])


def test_the_page_of_a_ready_region_names_grpc_and_replicas(on_gpus):
    """Each model has an address for gRPC, and tritonclient uses it unmodified."""
    ready = on_gpus.region.ready()
    assert sorted(name for name, _ in ready.grpc) == [
        "breast-cancer.local",
        "file-type.local",
        "second-look.local",
    ]
    assert [counts for _, *counts in ready.replicas] == [[1, 1]] * 3
    with triton_grpc.InferenceServerClient(dict(ready.grpc)["breast-cancer.local"]) as client:
        given = triton_grpc.InferInput("features", [1, 30], "FP32")
        given.set_data_from_numpy(np.ones((1, 30), dtype=np.float32))
        assert client.infer("breast-cancer", [given]).as_numpy("label").shape == (1,)


def test_a_service_without_a_gpu_computes_with_the_engine_asked_for(on_gpus):
    """Its replica says so over gRPC, the catalogue over REST; its place would be Fargate."""
    address = dict(on_gpus.region.ready().grpc)["file-type.local"]
    with triton_grpc.InferenceServerClient(address) as client:
        told = client.get_model_config("file-type").config
        given = triton_grpc.InferInput("bytes", [1, 2048], "INT32")
        given.set_data_from_numpy(np.zeros((1, 2048), dtype=np.int32))
        answer = client.infer("file-type", [given]).as_numpy("target_label")
    status, _, body = on_gpus.request("/v2/models/file-type", method="GET")

    assert told.parameters["execution_providers"].string_value == PROVIDER
    assert answer.shape == (1, 214)
    assert (status, json.loads(body)["platform"]) == (200, told.platform)
    assert service(on_gpus, "file-type").settings.capacity_provider == "FARGATE"


def test_replicas_follow_queue_time(on_gpus):
    """Three minutes of 25 ms where 10 are wanted bring three; a quarter of an hour of none, one.

    Scaling out is proportional (⌈1 × 25 / 10⌉ = 3); after a scale-in the next one waits.
    """
    pass_time(on_gpus, 150, queue_ms=25)
    assert service(on_gpus).desired_count == 1
    pass_time(on_gpus, 120, queue_ms=25)
    assert service(on_gpus).desired_count == 3
    steady(on_gpus)
    assert len({task.pids["server"] for task in service(on_gpus).healthy}) == 3
    gpu = MetricId.of("Falaj", "GpuUtilisation", {"Model": "breast-cancer"})
    store, clock = on_gpus.region.control.cloudwatch.store, on_gpus.region.control._clock
    start = clock.now()
    for second in range(0, 1200, 30):
        on_gpus.call(store.put, gpu, [0.0], at=start + timedelta(seconds=second))
    pass_time(on_gpus, 1080, step=30, queue_ms=0.0)
    assert service(on_gpus).desired_count == 1
    steady(on_gpus)
    assert on_gpus.request(INFER, body=ROW, headers=JSON)[0] == 200


def test_the_cpu_version_answers_for_an_absent_service(on_gpus):
    """Nobody left: the breaker falls back and says so; a new replica, and the service answers."""
    ecs = boto3.client(
        "ecs",
        endpoint_url=on_gpus.region.aws_url,
        region_name="me-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    arn = service(on_gpus).settings.arn
    ecs.update_service(cluster=arn.split("/")[1], service=arn, desiredCount=0)
    steady(on_gpus)
    (described,) = ecs.describe_services(cluster="any", services=[arn])["services"]
    assert (described["desiredCount"], described["runningCount"]) == (0, 0)

    status, headers, body = on_gpus.request(INFER, body=ROW, headers=JSON)
    assert (status, headers["x-falaj-fallback"], headers["x-falaj-release"]) == (
        200,
        "unhealthy",
        "1",
    )
    assert json.loads(body)["parameters"]["falaj_fallback"] == "unhealthy"

    ecs.update_service(cluster="any", service=arn, desiredCount=1)
    steady(on_gpus)
    assert "x-falaj-fallback" not in on_gpus.request(INFER, body=ROW, headers=JSON)[1]
    ecs.close()


def test_a_release_of_a_running_region_gets_its_share_first(on_gpus):
    """Synthesized anew, a release stands beside the one before, with half, then all requests."""
    file = on_gpus.folder / "models/file-type/model.yaml"
    file.write_text(file.read_text().replace("timeout_s: 10", "timeout_s: 11"))
    before = releases(on_gpus)
    assert len(before) == 1
    on_gpus.run(on_gpus.region.update(synthesized(on_gpus.folder, "again")))
    deployed = service(on_gpus, "file-type")
    assert (deployed.deployment.percent, deployed.deployment.alarms != ()) == (50, True)
    assert {len(deployed.running), len(releases(on_gpus))} == {2}
    pass_time(on_gpus, 130)
    assert deployed.deployment.percent == 100
    after = releases(on_gpus)
    assert (len(after), after & before) == (1, set())
    pass_time(on_gpus, 3600, step=60)
    steady(on_gpus, "file-type")
    assert deployed.deployment is None
    assert (len(deployed.tasks), releases(on_gpus)) == (1, after)


def releases(running):
    """The releases that answered forty requests; every one is answered."""
    tensor = {"name": "bytes", "datatype": "INT32", "shape": [1, 2048], "data": [0] * 2048}
    body = json.dumps({"inputs": [tensor]}).encode()
    answers = [
        running.request("/v2/models/file-type/infer", body=body, headers=JSON) for _ in range(40)
    ]
    assert {status for status, *_ in answers} == {200}
    return {headers["x-falaj-release"] for _, headers, _ in answers}


def test_an_idle_service_sleeps_and_the_next_who_asks_wakes_it(on_gpus):
    """Ten minutes without a request: no replica; the first caller is told to come again."""
    tensor = {"name": "half", "datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30}
    asked = json.dumps({"inputs": [tensor]}).encode()
    pass_time(on_gpus, 900, step=30)
    steady(on_gpus, "second-look")
    assert service(on_gpus, "second-look").tasks == []
    status, headers, _ = on_gpus.request(SECOND, body=asked, headers=JSON)
    assert status == 503
    assert int(headers["retry-after"]) > 0
    assert service(on_gpus, "second-look").desired_count == 1
    # The breaker reports by the machine's clock, the region's is virtual: said again by that.
    store, start = on_gpus.region.control.cloudwatch.store, on_gpus.region.control._clock.now()
    for second in range(0, 600, 30):
        on_gpus.call(store.put, ASKED, [1.0], at=start + timedelta(seconds=second))
    # The alarm that let it sleep may act once more before it has seen that somebody asked.
    for _ in range(5):
        pass_time(on_gpus, 60)
        steady(on_gpus, "second-look")
        status, *_ = on_gpus.request(SECOND, body=asked, headers=JSON)
        if status == 200:
            break
    assert status == 200
