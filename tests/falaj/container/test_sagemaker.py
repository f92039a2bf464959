"""Promise: SageMaker's own way of sending Triton's binary tensors works, there and back."""

import json
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, doubled, running

BINARY = "application/vnd.sagemaker-triton.binary+json;json-header-size="


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """One model, as SageMaker has it."""
    root = tmp_path_factory.mktemp("models")
    onnx_models.write_version(root, "doubled", 1, doubled(), batching=SAFE)
    with running(root, tmp_path_factory.mktemp("run"), FALAJ_GRPC_PORT="off") as started:
        yield started


def invoked(container, body, content_type):
    """What `invoke_endpoint` leads to: status, content type, body."""
    with closing(HTTPConnection(container.http, timeout=20)) as connection:
        headers = {"Content-Type": content_type, "X-Amzn-SageMaker-Custom-Attributes": "trace=1"}
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        return response.status, response.headers["content-type"], response.read()


@pytest.mark.parametrize("written", ["{}", '"{}"'])
def test_binary_tensors_travel_both_ways(container, written):
    """The length of the JSON is in the content type, for that header alone gets through."""
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    item = InferInput("x", [2, 3], "FP32").set_data_from_numpy(numbers)
    wanted = InferRequestedOutput("y", binary_data=True)
    body, size = InferenceServerClient.generate_request_body([item], outputs=[wanted])
    status, kind, answer = invoked(container, body, BINARY + written.format(size))
    assert (status, kind.startswith(BINARY)) == (200, True)
    read = InferenceServerClient.parse_response_body(
        answer, header_length=int(kind.removeprefix(BINARY))
    )
    assert read.as_numpy("y").tolist() == (2 * numbers).tolist()


def test_json_is_answered_in_json(container):
    """No header size, no binary data."""
    item = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [4]}
    status, kind, answer = invoked(container, json.dumps({"inputs": [item]}), "application/json")
    assert (status, kind) == (200, "application/json")
    assert json.loads(answer)["outputs"][0]["data"] == [8.0]


@pytest.mark.parametrize("size", ["abc", "-1", "99999", ""])
def test_a_wrong_size_is_the_callers_fault(container, size):
    """It is said, and nothing is read beyond the body."""
    status, kind, answer = invoked(container, b"{}", BINARY + size)
    assert (status, kind) == (400, "application/json")
    assert "Inference-Header-Content-Length" in json.loads(answer)["error"]
