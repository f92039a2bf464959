"""A container that computes with OpenVINO: what it says of itself, and what callers get."""

import json
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from tritonclient import grpc, http as triton_http
from tritonclient.http import InferenceServerClient

from falaj.config.container import ContainerSettings
from falaj.entrypoints.container import main
from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, running
from tests.falaj.engines.openvino_here import skip_without_a_wheel

skip_without_a_wheel()


def asked(container, method, path, body=None):
    """Status and body of an answer."""
    with closing(HTTPConnection(container.http, timeout=60)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()


def infer(container, model, datatype, values):
    """Status and body of an inference."""
    values, name = np.array(values), "i" if model == "lookup" else "x"
    given = {"name": name, "datatype": datatype, "shape": values.shape, "data": values.tolist()}
    status, body = asked(container, "POST", f"/v2/models/{model}/infer", {"inputs": [given]})
    return status, json.loads(body)


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """Two models for OpenVINO and one that only ONNX Runtime serves, which is allowed."""
    root = tmp_path_factory.mktemp("models")
    for name, model in (
        ("rows", onnx_models.linear(3)),
        ("lookup", onnx_models.lookup()),
        ("words", onnx_models.identity("BYTES", [None])),
    ):
        onnx_models.write_version(root, name, 1, model, batching=SAFE)
    with running(
        root,
        tmp_path_factory.mktemp("run"),
        FALAJ_PROVIDERS="openvino",
        FALAJ_PROVIDER_FALLBACK="allow",
    ) as started:
        yield started


def test_what_is_achieved_is_said(container):
    """Device and precision at start and in metrics, and that a model fell back."""
    providers = ["OpenVINO:CPU:f32", "CPUExecutionProvider"]
    assert sorted(container.lines()[0]["providers"]) == sorted(providers)
    metrics = asked(container, "GET", "/metrics")[1].decode()
    assert all(f'falaj_provider{{provider="{name}"}} 1' in metrics for name in providers)


def test_each_models_configuration_names_what_computes_it(container):
    """As it was achieved, by REST and gRPC; metadata names the platform."""
    with (
        InferenceServerClient(container.http) as rest,
        grpc.InferenceServerClient(container.grpc) as by_grpc,
    ):
        config, fallen = rest.get_model_config("rows"), rest.get_model_config("words")
        platforms = [
            rest.get_model_metadata("rows")["platform"],
            by_grpc.get_model_metadata("rows").platform,
            rest.get_model_metadata("words")["platform"],
        ]
        told = by_grpc.get_model_config("rows").config
    achieved = {"execution_providers": {"string_value": "OpenVINO:CPU:f32"}}
    assert (config["backend"], config["platform"]) == ("openvino", "openvino_onnx")
    assert config["parameters"] == achieved
    assert told.parameters["execution_providers"].string_value == "OpenVINO:CPU:f32"
    assert (told.backend, fallen["backend"]) == ("openvino", "onnxruntime")
    assert platforms == ["openvino_onnx", "openvino_onnx", "onnxruntime_onnx"]


def test_a_strangers_clients_get_openvinos_answers(container):
    """An unmodified tritonclient by REST and by gRPC: the same numbers from both."""
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    answers = []
    for module, address in ((triton_http, container.http), (grpc, container.grpc)):
        with module.InferenceServerClient(address) as client:
            given = module.InferInput("x", rows.shape, "FP32")
            given.set_data_from_numpy(rows)
            answers.append(client.infer("rows", [given]).as_numpy("score"))
    assert answers[0].shape[0] == 2
    assert answers[0].any()
    assert np.array_equal(*answers)


def test_both_engines_answer(container):
    """By the same route, whichever computes."""
    assert infer(container, "lookup", "INT64", [2, 0])[1]["outputs"][0]["data"] == [30.0, 10.0]
    assert infer(container, "words", "BYTES", ["ab"])[1]["outputs"][0]["data"] == ["ab"]


@pytest.mark.parametrize(
    ("model", "datatype", "values"),
    [
        ("lookup", "INT64", [3]),
        ("lookup", "INT64", [2**32]),
        ("rows", "FP32", [[1.0] * 4]),
        ("rows", "FP32", np.zeros((0, 3))),
    ],
)
def test_what_openvino_would_not_look_at_is_the_callers_fault(container, model, datatype, values):
    """An index outside, a wrong width, an empty batch: 400, and the next is served."""
    assert infer(container, model, datatype, values)[0] == 400
    assert infer(container, "rows", "FP32", [[1.0, 1.0, 1.0]])[0] == 200


def test_without_leave_a_model_that_falls_back_keeps_it_from_starting(tmp_path, capsys):
    """Named, with what to change."""
    onnx_models.write_version(tmp_path, "words", 1, onnx_models.identity("BYTES", [None]))
    settings = ContainerSettings(
        model_root=str(tmp_path), http_port=0, grpc_port=None, providers=("openvino",)
    )
    assert main(settings) == 1
    said = capsys.readouterr().err
    assert "model 'words'" in said
    assert "not for OpenVINO" in said
    assert "FALAJ_PROVIDER_FALLBACK=allow" in said
