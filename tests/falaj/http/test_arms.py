"""An answer names the arm that gave it, and stays what every client can read."""

import json
from urllib.request import Request as WebRequest, urlopen
from zlib import MAX_WBITS, decompress

import numpy as np
import pytest
from tritonclient import http as triton

from falaj.http.arms import answer_of_arm
from falaj.http.messages import Request
from falaj.http.oip import answer

NAMED = {"experiment": "greeting", "variant": "warm"}
ROW = {"name": "x", "datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30}
INFER = Request("POST", "/v2/models/rows/infer", {}, json.dumps({"inputs": [ROW]}).encode())


def _of_arm(request, service):
    return answer_of_arm(request, service, experiment="greeting", arm="warm")


def test_the_answer_itself_names_the_arm(service):
    """Whoever keeps bodies and drops headers still knows which arm answered."""
    plain, named = answer(INFER, service), _of_arm(INFER, service)

    assert json.loads(named.body) == {"parameters": NAMED} | json.loads(plain.body)
    assert named.headers["x-falaj-experiment"] == "greeting"
    assert named.headers["x-falaj-variant"] == "warm"


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
def test_an_unmodified_client_reads_arm_and_numbers(arm_address, is_binary, coding):
    """Tritonclient finds the tensor where it was, and the arm in the answer's parameters."""
    sent = np.arange(3000, dtype="f4").reshape(1, 3, 1000)
    tensor = triton.InferInput("x", list(sent.shape), "FP32").set_data_from_numpy(sent)
    output = triton.InferRequestedOutput("y", binary_data=is_binary)

    with triton.InferenceServerClient(arm_address) as client:
        result = client.infer(
            "cube", [tensor], outputs=[output], response_compression_algorithm=coding
        )

    assert result.get_response()["parameters"] == NAMED
    assert result.as_numpy("y").tolist() == sent.tolist()


@pytest.mark.parametrize(("coding", "window"), [("gzip", 16 + MAX_WBITS), ("deflate", MAX_WBITS)])
def test_what_the_caller_accepts_is_compressed_all_the_same(arm_address, coding, window):
    """Naming the arm costs a large answer its size no more than anything else does."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1, 3000], "data": [0.5] * 3000}
    body = json.dumps({"inputs": [tensor]}).encode()
    request = WebRequest(
        f"http://{arm_address}/v2/models/cube/infer", body, {"accept-encoding": coding}
    )

    with urlopen(request) as response:  # noqa: S310 - as above
        packed = response.read()

    assert response.headers["content-encoding"] == coding
    assert json.loads(decompress(packed, window))["parameters"] == NAMED


def test_an_error_names_the_arm_in_its_headers_only(service):
    """An error keeps the one body that every client expects."""
    response = _of_arm(INFER._replace(body=b"{}"), service)

    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "code", "request_id"}
    assert response.headers["x-falaj-variant"] == "warm"
