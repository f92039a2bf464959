"""Promise: the line of a request that failed is found from its caller's trace."""

from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, running

TRACE = "0af7651916cd43dd8448eb211c80319c"
REST = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
GRPC = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
BODY = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [-1]}]}'


def test_a_failures_line_has_its_callers_trace(tmp_path):
    """Over REST and gRPC alike: the logarithm of -1 is no number."""
    root = tmp_path / "models"
    onnx_models.write_version(root, "log", 1, onnx_models.logarithm(), batching=SAFE)
    with running(root, tmp_path) as container:
        with closing(HTTPConnection(container.http, timeout=60)) as connection:
            connection.request("POST", "/v2/models/log/infer", BODY, REST)
            assert connection.getresponse().status == 500
        given = triton.InferInput("x", [1], "FP32")
        given.set_data_from_numpy(np.array([-1], np.float32))
        with (
            triton.InferenceServerClient(container.grpc) as client,
            pytest.raises(InferenceServerException),
        ):
            client.infer("log", [given], headers=GRPC)
        container.terminate()
        assert container.wait() == 0
        failures = [line for line in container.lines() if line.get("outcome") == "invalid_output"]
    found = [(line["trace_id"], line["traceparent"]) for line in failures]
    assert found == [(TRACE, REST["traceparent"]), (TRACE, GRPC["traceparent"])]
