"""The protocol's answers: what is accepted, what comes back, how it fails."""

import gzip
import json
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from falaj.http.messages import Request
from falaj.http.oip import answer
from tests.falaj import onnx_models

ROW = [0.5] * 30


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2"),
        ("GET", "/v2/"),
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/rows"),
        ("GET", "/v2/models/rows/versions/1"),
        ("GET", "/v2/models/rows/ready"),
        ("GET", "/v2/models/rows/versions/2/ready"),
        ("GET", "/v2/models/rows/stats"),
        ("GET", "/v2/models/rows/versions/1/stats"),
        ("GET", "/v2/models/stats"),
        ("GET", "/v2/models/r%6Fws"),
        ("POST", "/v2/repository/index"),
    ],
)
def test_every_path_answers_200(call, method, path):
    """Nothing the protocol names is missing."""
    assert call(method, path)[0].status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown_route"),
        ("GET", "/v3", 404, "unknown_route"),
        ("GET", "/v2/models", 404, "unknown_route"),
        ("POST", "/v2/repository/models/rows/load", 400, "immutable_repository"),
        ("GET", "/v2/systemsharedmemory/status", 404, "unsupported_extension"),
        ("GET", "/v2/cudasharedmemory/region/a/status", 404, "unsupported_extension"),
        ("GET", "/v2/trace/setting", 404, "unsupported_extension"),
        ("GET", "/v2/logging", 404, "unsupported_extension"),
        ("POST", "/v2/models/rows/versions/1/trace/setting", 404, "unsupported_extension"),
        ("POST", "/v2/models/rows/generate", 404, "unsupported_extension"),
        ("GET", "/v2/models/rows/versions", 404, "unknown_route"),
        ("GET", "/v2/models/rows/nothing", 404, "unknown_route"),
        ("POST", "/v2/models/rows/infer/more", 404, "unknown_route"),
        ("GET", "/v2/models/nobody", 404, "unknown_model"),
        ("GET", "/v2/models/nobody/stats", 404, "unknown_model"),
        ("GET", "/v2/models/rows/versions/9", 404, "unknown_version"),
        ("GET", "/v2/models/rows/versions/abc/ready", 404, "unknown_version"),
        ("GET", "/v2/models/rows/infer", 405, "method_not_allowed"),
        ("DELETE", "/v2/models/rows", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_said_so(call, method, path, status, code):
    """A wrong path, model, version or method has its own status and code."""
    response, body = call(method, path)
    assert (response.status, body["code"]) == (status, code)


def test_an_error_body_is_three_strings(call):
    """Clients of KServe, Triton and MLServer find a string under `error`."""
    response, body = call("GET", "/v2/models/nobody", headers={"x-request-id": "r-1"})
    assert body == {
        "error": "Request for unknown model: 'nobody' is not found",
        "code": "unknown_model",
        "request_id": "r-1",
    }
    assert response.headers["x-request-id"] == "r-1"


def test_an_answer_names_what_made_it(infer):
    """Release, arm and request id are in the headers, model and version in the body."""
    response, body = infer("rows", "FP32", [1, 30], ROW)
    assert response.headers["x-falaj-release"] == "12"
    assert response.headers["x-falaj-variant"] == "2"
    assert len(response.headers["x-request-id"]) == 32
    assert (body["model_name"], body["model_version"]) == ("rows", "2")


@pytest.mark.parametrize(("sent", "echoed"), [({"id": "a"}, "a"), ({"id": None}, None), ({}, None)])
def test_the_id_is_echoed_unless_it_is_null(infer, sent, echoed):
    """A client that sends `id: null` gets no id."""
    assert infer("rows", "FP32", [1, 30], ROW, **sent)[1].get("id") == echoed


@pytest.mark.parametrize("rows", [1, 500], ids=["small", "large"])
@pytest.mark.parametrize("is_nested", [True, False], ids=["nested", "flat"])
def test_data_may_be_nested_or_flat(infer, rows, is_nested):
    """Both forms mean the same, whichever parser reads them."""
    data = np.arange(rows * 30, dtype=np.float32).reshape(rows, 30)
    response, body = infer(
        "rows", "FP32", [rows, 30], data.tolist() if is_nested else data.ravel().tolist()
    )
    assert response.status == 200
    assert body["outputs"][0]["shape"] == [rows, 1]
    assert len(body["outputs"][0]["data"]) == rows


@pytest.mark.parametrize("padding", ["", " " * 5000, "[" * 5000], ids=["small", "large", "odd"])
@pytest.mark.parametrize(
    "data",
    [
        [[1, 2], [3, 4], [5, 6]],
        [[1, 2, 3], [4, 5]],
        [[[1, 2, 3]], [[4, 5, 6]]],
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5, [6]],
        [1, 2, 3, 4, [5, 6], []],
        [[1, 2, 3], [4, 5, [6]]],
        [[1, 2, [3]], [4, 5, 6]],
        [[1, 2, [3]], 4, 5, 6],
        [[1, 2, 3], 4, 5, 6],
        [],
    ],
)
def test_nesting_must_be_that_of_the_shape(infer, data, padding):
    """Six numbers in three rows are not a tensor of two rows, whichever parser reads them."""
    response, body = infer("grid", "INT32", [2, 3], data, parameters={"padding": padding})
    assert (response.status, body["code"]) == (400, "tensor_data")


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_brackets_in_text_are_no_nesting(infer, data):
    """A caller's parameter may hold brackets, beside whatever data."""
    response, body = infer("grid", "INT32", [2, 3], data, parameters={"a": "[" * 5000})
    assert body["outputs"][0]["data"] == [1, 2, 3, 4, 5, 6]
    assert response.status == 200


@pytest.mark.parametrize("padding", [0, 5000], ids=["small", "large"])
@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("BOOL", [True, False], [1, "true", None, 1.0]),
        ("INT8", [-128, 127], [128, -129, 1.0, True, "1", None, 10**30]),
        ("UINT8", [0, 255], [-1, 256, 0.5]),
        ("INT16", [-32768, 32767], [32768]),
        ("UINT32", [0, 2**32 - 1], [2**32, -1]),
        ("INT64", [-(2**63), 2**63 - 1], [2**63, 1.5]),
        ("UINT64", [0, 2**64 - 1], [-1, 1.5]),
        ("FP16", [0.5, -2, 65504.0], [65520.0, True, "1"]),
        ("FP32", [1, 2.5, -3.4028235e38], [3.4028236e38, None, [1.0]]),
        ("FP64", [1, 1.7976931348623157e308], ["NaN", False, {}]),
        ("BYTES", ["", "é"], [1, None, True]),
    ],
)
def test_only_values_of_the_type_are_taken(infer, datatype, good, bad, padding):
    """Values at the edges pass; values beyond them, or of another kind, are refused."""
    more = {"parameters": {"padding": " " * padding}}
    model = f"id-{datatype.lower()}"
    response, body = infer(model, datatype, [len(good)], good, **more)
    assert response.status == 200
    assert body["outputs"][0]["data"] == good
    for value in bad:
        response, _ = infer(model, datatype, [1], [value], **more)
        assert response.status == 400, value


def test_every_output_type_has_its_json(call):
    """Thirteen element types in, thirteen out, in one request."""
    samples = {"BOOL": [True], "BYTES": ["x"]}
    inputs = [
        {"name": f"in_{t}", "shape": [1], "datatype": t, "data": samples.get(t, [1])}
        for t in onnx_models.ELEMENT_TYPES
    ]
    _, body = call("POST", "/v2/models/types/infer", {"inputs": inputs})
    assert {output["datatype"]: output["data"] for output in body["outputs"]} == {
        t: samples.get(t, [1]) for t in onnx_models.ELEMENT_TYPES
    }


def test_an_fp16_output_is_decimal_in_json(infer):
    """FP16 has a JSON form here, though Triton has none."""
    _, body = infer("id-fp16", "FP16", [2], [0.5, 65504])
    assert body["outputs"][0]["data"] == [0.5, 65504.0]


def test_outputs_come_in_the_order_asked(infer):
    """The caller chooses outputs and their order."""
    wanted = [{"name": "is_positive"}, {"name": "score"}]
    _, body = infer("rows", "FP32", [1, 30], ROW, outputs=wanted)
    assert [output["name"] for output in body["outputs"]] == ["is_positive", "score"]
    _, body = infer("rows", "FP32", [1, 30], ROW, outputs=wanted[:1])
    assert [output["name"] for output in body["outputs"]] == ["is_positive"]


def test_binary_is_asked_for_all_outputs_or_for_one(service):
    """`binary_data` on an output overrides `binary_data_output` on the request."""
    document = {
        "inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP32", "data": ROW}],
        "outputs": [
            {"name": "score"},
            {"name": "is_positive", "parameters": {"binary_data": False}},
        ],
        "parameters": {"binary_data_output": True},
    }
    request = Request("POST", "/v2/models/rows/infer", {}, json.dumps(document).encode())
    response = answer(request, service)
    length = int(response.headers["inference-header-content-length"])
    score, is_positive = json.loads(response.body[:length])["outputs"]
    assert score["parameters"] == {"binary_data_size": 4}
    assert len(response.body) == length + 4
    assert is_positive["data"] == [bool(np.frombuffer(response.body[length:], "<f4")[0] > 0)]


@pytest.mark.parametrize("is_nan", [True, False], ids=["NaN", "Inf"])
@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "json"])
def test_nan_and_inf_are_never_an_answer(infer, is_nan, is_binary):
    """An invalid number is a 500 of its own kind, in JSON and in binary."""
    value = -1.0 if is_nan else 0.0
    parameters = {"binary_data_output": is_binary}
    response, body = infer("log", "FP32", [1], [value], parameters=parameters)
    assert (response.status, body["code"]) == (500, "invalid_output")
    assert response.outcome.ending == "invalid_output"
    assert response.outcome.is_bad


def test_values_the_model_refuses_are_the_callers_fault(infer):
    """An index beyond the model's table is a 400 and the model goes on."""
    response, body = infer("lookup", "INT64", [1], [99], name="i")
    assert (response.status, body["code"]) == (400, "input_refused")
    assert infer("lookup", "INT64", [1], [2], name="i")[1]["outputs"][0]["data"] == [30.0]


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", lambda body: body),
    ],
)
def test_compressed_requests_are_read(call, coding, compress):
    """gzip, zlib and the raw deflate some clients send are all understood."""
    tensor = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": ROW}
    body = compress(json.dumps({"inputs": [tensor]}).encode())
    response, _ = call(
        "POST", "/v2/models/rows/infer", body=body, headers={"content-encoding": coding}
    )
    assert response.status == 200


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("br", None),
        ("gzip;q=0", None),
        ("*", "gzip"),
        ("", None),
    ],
)
def test_answers_are_compressed_for_those_who_accept_it(service, accept, coding):
    """Accept-Encoding is honoured, weights included."""
    request = Request("GET", "/v2/models/stats", {"accept-encoding": accept})
    response = answer(request, service)
    body = response.body
    assert response.headers.get("content-encoding") == coding
    if coding == "gzip":
        body = gzip.decompress(body)
    if coding == "deflate":
        body = zlib.decompress(body)
    assert "model_stats" in json.loads(body)


def test_binary_strings_carry_their_lengths(service):
    """BYTES in binary: four bytes of length, then the text."""
    words = ["ab", "سلام"]
    raw = b"".join(struct.pack("<I", len(w.encode())) + w.encode() for w in words)
    tensor = {
        "name": "x",
        "shape": [1, 2],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(raw)},
    }
    text = json.dumps({"inputs": [tensor]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    response = answer(Request("POST", "/v2/models/words/infer", headers, text + raw), service)
    assert json.loads(response.body)["outputs"][0]["data"] == words


def test_unaligned_binary_data_is_read(service):
    """The JSON in front may have any length; numbers behind it are still read right."""
    values = np.arange(30, dtype=np.float32)
    answers = set()
    for padding in range(8):
        tensor = {
            "name": "x",
            "shape": [1, 30],
            "datatype": "FP32",
            "parameters": {"binary_data_size": 120},
        }
        text = json.dumps({"inputs": [tensor]}).encode() + b" " * padding
        headers = {"inference-header-content-length": str(len(text))}
        request = Request("POST", "/v2/models/rows/infer", headers, text + values.tobytes())
        answers.add(answer(request, service).body)
    assert len(answers) == 1


def test_head_has_no_body(service):
    """A health check by HEAD works."""
    response = answer(Request("HEAD", "/v2/health/live"), service)
    assert (response.status, response.body) == (200, b"")


def test_a_request_id_that_could_break_a_log_is_replaced(call):
    """Line breaks and quotes never reach the answer's headers."""
    response, _ = call("GET", "/v2", headers={"x-request-id": 'a\r\nx: "y'})
    assert len(response.headers["x-request-id"]) == 32


def test_no_framework_is_imported_to_answer(model_root):
    """In a fresh process, an answered inference has imported neither web framework nor AWS SDK."""
    tensor = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": ROW}
    body = json.dumps({"inputs": [tensor]})
    code = f"""
import sys
from falaj.http.messages import Request
from falaj.http.oip import answer
response = answer(Request("POST", "/v2/models/rows/infer", {{}}, {body!r}.encode()))
assert response.status == 200, response
found = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(found & {{"fastapi", "starlette", "pydantic", "boto3", "botocore", "mangum",
                      "aws_lambda_powertools", "onnx", "scipy", "sklearn"}}))
"""
    environment = {
        "FALAJ_MODEL_ROOT": str(model_root),
        "FALAJ_MODEL_NAME": "rows",
        "PYTHONPATH": "layers/runtime/python",
    }
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false, "more": 1}'])
def test_every_version_listed_is_ready(call, body):
    """`ready: true` leaves out what is not ready, which is nothing."""
    response, index = call("POST", "/v2/repository/index", body=body)
    assert response.status == 200
    assert {"name": "rows", "version": "2", "state": "READY", "reason": ""} in index


@pytest.mark.parametrize("body", [b"[]", b'{"ready": 1}', b"{", b"\xff", b"{" + b" " * 10_000])
def test_an_index_request_is_an_object_with_a_boolean(call, body):
    """What is no request for an index is refused."""
    response, error = call("POST", "/v2/repository/index", body=body)
    assert (response.status, error["code"]) == (400, "malformed_request")


def test_requests_with_one_header_are_answered_each_from_its_own_data(service):
    """What is kept of a JSON part in front of binary data is never a caller's numbers."""
    tensor = {"name": "x", "shape": [1], "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": 4}
    text = json.dumps({"inputs": [tensor]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    found = []
    for value in (1.5, -2.5, 1.5):
        request = Request(
            "POST", "/v2/models/id-fp32/infer", headers, text + struct.pack("<f", value)
        )
        found += json.loads(answer(request, service).body)["outputs"][0]["data"]
    assert found == [1.5, -2.5, 1.5]
