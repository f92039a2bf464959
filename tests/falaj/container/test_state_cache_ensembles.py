"""What serving.json turns on: sequences, the response cache, ensembles."""

import json
from hashlib import sha256
from queue import Queue

import numpy as np
import pytest
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from falaj.config.container import ContainerSettings
from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.entrypoints.container import main
from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, accumulator, doubled, running

SERVING = {
    "sums": {
        "sequence": {
            "state": [{"input": "sum_in", "output": "sum_out"}],
            "max_sequences": 3,
        }
    },
    "doubled": {"cache": {"enabled": True, "size_bytes": 100_000}},
}


def write_ensemble(root, digest):
    """`fourfold` runs `doubled` twice."""
    step = {"model": "doubled", "version": 1, "sha256": digest}
    content = json.dumps(
        {
            "steps": [
                {**step, "inputs": {"x": "number"}, "outputs": {"y": "half way"}},
                {**step, "inputs": {"x": "half way"}, "outputs": {"y": "answer"}},
            ]
        }
    ).encode()
    spec = {"datatype": Datatype.FP32, "shape": (-1, -1)}
    manifest = Manifest(
        name="fourfold",
        version=1,
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
        signature=ModelSignature(
            inputs=(TensorSpec(name="number", **spec),),
            outputs=(TensorSpec(name="answer", **spec),),
            batching=SAFE,
        ),
        platform="ensemble",
    )
    folder = root / "fourfold" / "1"
    folder.mkdir(parents=True)
    (folder / "ensemble.json").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps(manifest.to_dict()))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A stateful model, a cached one, an ensemble."""
    made = tmp_path_factory.mktemp("models")
    onnx_models.write_version(made, "sums", 1, accumulator(), batching=SAFE)
    manifest = onnx_models.write_version(made, "doubled", 1, doubled(), batching=SAFE)
    write_ensemble(made, manifest.sha256)
    (made / "serving.json").write_text(json.dumps({"models": SERVING}))
    return made


@pytest.fixture(scope="module")
def client(root, tmp_path_factory):
    """A stranger's client of a container that serves them."""
    with (
        running(root, tmp_path_factory.mktemp("container")) as started,
        triton.InferenceServerClient(started.grpc) as connected,
    ):
        yield connected


def ask(client, model, value, *, name="x", output="y", tenant="", forged=None, **values):
    """One number in, one out."""
    array = np.array([[value]], np.float32)
    item = triton.InferInput(name, [1, 1], "FP32").set_data_from_numpy(array)
    subject = {"x-amzn-mtls-clientcert-subject": f"CN={tenant}"} if tenant else {}
    headers = subject | (forged or {})
    result = client.infer(model, [item], headers=headers, **values)
    return result.as_numpy(output).item()


def hits(client):
    """Answers that came from the cache."""
    return client.get_inference_statistics("doubled").model_stats[0].inference_stats.cache_hit.count


def test_sequences_keep_their_own_state(client):
    """Two interleaved sequences add up apart; their state is not the callers' business."""
    assert [item.name for item in client.get_model_metadata("sums").inputs] == ["x"]
    first = [ask(client, "sums", 1, sequence_id=1, sequence_start=True)]
    second = [ask(client, "sums", 10, sequence_id="b", sequence_start=True)]
    for end in (False, True):
        first.append(ask(client, "sums", 1, sequence_id=1, sequence_end=end))
        second.append(ask(client, "sums", 10, sequence_id="b", sequence_end=end))
    assert (first, second) == ([1, 2, 3], [10, 20, 30])
    with pytest.raises(InferenceServerException, match="START flag"):
        ask(client, "sums", 1, sequence_id=1)


def test_a_stream_keeps_sequences_in_order(client):
    """Nobody waits for answers to send steps, or to use an id again that has ended."""
    steps = [(1, "start"), (2, ""), (3, "end"), (10, "start"), (5, "end")]
    answers = Queue()
    client.start_stream(callback=lambda result, error: answers.put(error or result))
    try:
        for value, flag in steps:
            array = np.array([[value]], np.float32)
            client.async_stream_infer(
                "sums",
                [triton.InferInput("x", [1, 1], "FP32").set_data_from_numpy(array)],
                sequence_id=77,
                sequence_start=flag == "start",
                sequence_end=flag == "end",
            )
        found = [answers.get(timeout=60) for _ in steps]
    finally:
        client.stop_stream()
    assert [result.as_numpy("y").item() for result in found] == [1, 3, 6, 10, 15]


def test_a_sequence_belongs_to_its_tenant(client):
    """Another tenant's equal id is another sequence."""
    ask(client, "sums", 5, sequence_id=7, sequence_start=True, tenant="a")
    with pytest.raises(InferenceServerException, match="START flag"):
        ask(client, "sums", 5, sequence_id=7, tenant="b")
    assert ask(client, "sums", 5, sequence_id=7, sequence_end=True, tenant="a") == 10


def test_a_program_cannot_name_its_tenant(client):
    """Over gRPC the certificate says who asks; a header that anybody can send does not."""
    ask(client, "sums", 5, sequence_id=8, sequence_start=True, tenant="a")
    with pytest.raises(InferenceServerException, match="START flag"):
        ask(client, "sums", 5, sequence_id=8, forged={"x-falaj-tenant": "CN=a"})
    forged = {"x-falaj-tenant": "CN=b"}
    assert ask(client, "sums", 5, sequence_id=8, sequence_end=True, tenant="a", forged=forged) == 10


def test_sequences_are_bounded_and_need_an_id(client):
    """A fourth open sequence is refused with what to do; so is a request without an id."""
    for number in (21, 22, 23):
        ask(client, "sums", 1, sequence_id=number, sequence_start=True)
    with pytest.raises(InferenceServerException, match="END flag"):
        ask(client, "sums", 1, sequence_id=24, sequence_start=True)
    for number in (21, 22, 23):
        ask(client, "sums", 1, sequence_id=number, sequence_end=True)
    with pytest.raises(InferenceServerException, match="correlation ID"):
        ask(client, "sums", 1)


def test_equal_requests_are_answered_from_the_cache(client):
    """The second of two equal requests runs nothing; another input does."""
    before = hits(client)
    assert [ask(client, "doubled", 4) for _ in range(3)] == [8, 8, 8]
    assert hits(client) - before == 2
    assert ask(client, "doubled", 5) == 10
    assert hits(client) - before == 2


def test_the_cache_never_crosses_tenants(client):
    """What one tenant has asked makes no other tenant's answer quicker."""
    before = hits(client)
    for tenant in ("a", "b", "c"):
        ask(client, "doubled", 77, tenant=tenant)
    assert hits(client) == before
    ask(client, "doubled", 77, tenant="a")
    assert hits(client) == before + 1


def test_an_ensemble_answers_as_one_model(client):
    """A declared graph runs in process under its own name."""
    assert ask(client, "fourfold", 3, name="number", output="answer") == 12
    assert client.get_model_metadata("fourfold").platform == "ensemble"


def test_configurations_tell_how_requests_are_run(client):
    """What perf_analyzer reads: sequences, the cache, the models inside an ensemble."""

    def config(model):
        found = client.get_model_config(model).config
        return found, found.WhichOneof("scheduling_choice")

    sums, kind = config("sums")
    assert kind == "sequence_batching"
    assert sums.sequence_batching.max_sequence_idle_microseconds > 0
    doubled_, _ = config("doubled")
    assert doubled_.response_cache.enable
    fourfold, kind = config("fourfold")
    assert kind == "ensemble_scheduling"
    steps = fourfold.ensemble_scheduling.step
    assert [(step.model_name, step.model_version) for step in steps] == [("doubled", 1)] * 2
    assert dict(steps[0].input_map) == {"x": "number"}
    assert dict(steps[-1].output_map) == {"y": "answer"}


def started_with(root, capsys, **values):
    """What a container that does not start says."""
    settings = ContainerSettings(model_root=str(root), http_port=0, grpc_port=None, **values)
    assert main(settings) == 1
    return capsys.readouterr().err


def test_an_ensemble_pins_its_members_bytes(tmp_path, capsys):
    """A member of another digest keeps the container from starting."""
    onnx_models.write_version(tmp_path, "doubled", 1, doubled(), batching=SAFE)
    write_ensemble(tmp_path, "0" * 64)
    assert "the ensemble pins" in started_with(tmp_path, capsys)


def test_every_fault_of_serving_json_is_reported(tmp_path, capsys):
    """One start tells all that is wrong, and what there is instead."""
    onnx_models.write_version(tmp_path, "doubled", 1, doubled(), batching=SAFE)
    wrong = {"batching": {"max_batch_size": "8", "delay": 3}, "cahce": {}, "timeout_s": 0}
    (tmp_path / "serving.json").write_text(json.dumps({"models": {"doubled": wrong}}))
    said = started_with(tmp_path, capsys)
    for part in ("max_batch_size: '8'", "unknown key 'delay'", "'cahce'", "timeout_s"):
        assert part in said


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_cannot_be_had_keeps_the_container_from_starting(
    tmp_path, capsys, provider
):
    """Nobody pays for a GPU while the CPU answers: no silent fall-back."""
    onnx_models.write_version(tmp_path, "doubled", 1, doubled(), batching=SAFE)
    said = started_with(tmp_path, capsys, providers=(provider, "cpu"))
    assert "FALAJ_PROVIDER_FALLBACK=allow" in said
