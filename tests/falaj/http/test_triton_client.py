"""tritonclient, unmodified, is served."""

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

DTYPES = ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


@pytest.fixture(scope="module")
def client(address):
    """A stranger's client."""
    with triton.InferenceServerClient(address) as connected:
        yield connected


def _input(array, *, name="x", datatype=None, is_binary=True):
    datatype = datatype or np_to_triton_dtype(array.dtype)
    tensor = triton.InferInput(name, list(array.shape), datatype)
    return tensor.set_data_from_numpy(array, binary_data=is_binary)


@pytest.mark.parametrize("is_binary_in", [True, False], ids=["binary-in", "json-in"])
@pytest.mark.parametrize("is_binary_out", [True, False], ids=["binary-out", "json-out"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_numeric_type_survives_the_round_trip(client, dtype, is_binary_in, is_binary_out):
    """What a client sends to an identity model comes back bit for bit, in all four combinations."""
    info = np.finfo(dtype) if dtype.startswith("f") else None
    if info:
        values = np.array([0, 0.1, -1.5, info.max, info.min, info.tiny], dtype=dtype)
    elif dtype == "bool":
        values = np.array([True, False, True])
    else:
        values = np.array([np.iinfo(dtype).min, 0, np.iinfo(dtype).max], dtype=dtype)
    datatype = np_to_triton_dtype(values.dtype)
    result = client.infer(
        f"id-{datatype.lower()}",
        [_input(values, is_binary=is_binary_in)],
        outputs=[triton.InferRequestedOutput("y", binary_data=is_binary_out)],
    )
    returned = result.as_numpy("y")
    assert returned.dtype == values.dtype
    assert returned.tolist() == values.tolist()


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "json"])
def test_text_survives_the_round_trip(client, is_binary):
    """Arabic, empty and NUL-bearing strings come back as they went."""
    words = np.array([["سَلَام", ""], ["a\0b", "é" * 500]], dtype=object)
    result = client.infer(
        "words",
        [_input(words, datatype="BYTES", is_binary=is_binary)],
        outputs=[triton.InferRequestedOutput("y", binary_data=is_binary)],
    )
    returned = result.as_numpy("y")
    texts = [x.decode() if isinstance(x, bytes) else x for x in returned.ravel()]
    assert texts == words.ravel().tolist()


def test_outputs_mix_json_and_binary(client):
    """One answer carries a JSON output and, behind it, a binary one."""
    rows = np.ones((2, 30), dtype=np.float32)
    result = client.infer(
        "rows",
        [_input(rows)],
        outputs=[
            triton.InferRequestedOutput("is_positive", binary_data=False),
            triton.InferRequestedOutput("score", binary_data=True),
        ],
    )
    assert "data" in result.get_output("is_positive")
    assert result.get_output("score")["parameters"] == {"binary_data_size": 8}
    assert (result.as_numpy("score") > 0).tolist() == result.as_numpy("is_positive").tolist()


@pytest.mark.parametrize("request_coding", ["gzip", "deflate", None])
@pytest.mark.parametrize("response_coding", ["gzip", "deflate", None])
def test_bodies_may_be_compressed_both_ways(client, request_coding, response_coding):
    """Each compression tritonclient offers works in each direction."""
    rows = np.arange(3000, dtype=np.float32).reshape(100, 30)
    result = client.infer(
        "rows",
        [_input(rows)],
        request_compression_algorithm=request_coding,
        response_compression_algorithm=response_coding,
    )
    assert result.as_numpy("score").shape == (100, 1)


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "json"])
def test_empty_and_zero_dimensional_tensors_are_tensors(client, is_binary):
    """No rows give no scores, and a scalar comes back as a scalar."""
    none = client.infer("rows", [_input(np.empty((0, 30), np.float32), is_binary=is_binary)])
    assert none.as_numpy("score").shape == (0, 1)
    scalar = client.infer(
        "scalar",
        [_input(np.array(2.5, np.float32), is_binary=is_binary)],
        outputs=[triton.InferRequestedOutput("y", binary_data=is_binary)],
    )
    assert scalar.as_numpy("y").shape == ()
    assert scalar.as_numpy("y").item() == 2.5


def test_the_id_comes_back(client):
    """A client finds its own request id in the answer."""
    row = _input(np.ones((1, 30), np.float32))
    assert client.infer("rows", [row], request_id="mine").get_response()["id"] == "mine"


def test_a_version_may_be_named(client):
    """The version asked for answers; without one, the newest does."""
    row = [_input(np.ones((1, 30), np.float32))]
    asked = [client.infer("rows", row, model_version=version) for version in ("1", "2", "")]
    assert [result.get_response()["model_version"] for result in asked] == ["1", "2", "2"]


def test_health_metadata_and_index(client):
    """Everything a client asks before it infers is answered in the protocol's form."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("rows")
    assert client.is_model_ready("rows", "1")
    assert not client.is_model_ready("rows", "9")
    assert not client.is_model_ready("nobody")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata("rows") == {
        "name": "rows",
        "versions": ["1", "2"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 30]}],
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [-1, 1]},
            {"name": "is_positive", "datatype": "BOOL", "shape": [-1, 1]},
        ],
    }
    assert client.get_model_config("rows", "2")["input"][0]["data_type"] == "TYPE_FP32"
    index = client.get_model_repository_index()
    assert {"name": "rows", "version": "2", "state": "READY", "reason": ""} in index


def test_statistics_count_requests_and_rows(client):
    """Ten rows in one request are ten inferences in one execution."""
    before = client.get_inference_statistics("rows", "1")["model_stats"][0]
    client.infer("rows", [_input(np.ones((10, 30), np.float32))], model_version="1")
    after = client.get_inference_statistics("rows", "1")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 10
    assert after["execution_count"] - before["execution_count"] == 1
    success = after["inference_stats"]["success"]
    assert success["count"] - before["inference_stats"]["success"]["count"] == 1
    assert success["ns"] > before["inference_stats"]["success"]["ns"]
    assert 10 in [batch["batch_size"] for batch in after["batch_stats"]]
    assert len(client.get_inference_statistics("rows")["model_stats"]) == 2
    assert len(client.get_inference_statistics()["model_stats"]) > 2


def _message(client, *args, **kwargs):
    with pytest.raises(InferenceServerException) as caught:
        client.infer(*args, **kwargs)
    return caught.value.message(), caught.value.status()


def test_errors_carry_tritons_wording(client):
    """A client that matches on Triton's sentences keeps working."""
    row = _input(np.ones((1, 30), np.float32))
    assert _message(client, "nobody", [row]) == (
        "Request for unknown model: 'nobody' is not found",
        "404",
    )
    assert _message(client, "rows", [row], model_version="99") == (
        "Request for unknown model: 'rows' version 99 is not found",
        "404",
    )
    assert _message(client, "rows", [_input(np.ones((1, 8), np.float32))]) == (
        "unexpected shape for input 'x' for model 'rows'. Expected [-1,30], got [1,8]",
        "400",
    )
    assert _message(client, "rows", [_input(np.ones((1, 30), np.int32))]) == (
        "inference input 'x' data-type is 'INT32', but model 'rows' expects 'FP32'",
        "400",
    )
    assert _message(client, "rows", [_input(np.ones((1, 30), np.float32), name="z")]) == (
        "unexpected inference input 'z' for model 'rows'",
        "400",
    )
    outputs = [triton.InferRequestedOutput("nothing")]
    assert _message(client, "rows", [row], outputs=outputs) == (
        "unexpected inference output 'nothing' for model 'rows'",
        "400",
    )
    assert _message(client, "rows", [row, row])[0] == "input 'x' already exists in request"
    assert "missing required input(s)" in _message(client, "types", [])[0]
