"""Large documents mean the same, with simdjson and where it has no wheel."""

import json
from importlib import import_module

import numpy as np
import pytest

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.errors import MalformedRequestError, PayloadTooLargeError, TensorDataError
from falaj.http.documents import SMALL_BYTES, best_reader, parsed_document
from falaj.http.json_tensors import tensor_from_json
from falaj.http.service import Limits

PADDING = " " * SMALL_BYTES


def _missing(name):
    raise ModuleNotFoundError(f"No module named {name!r}")


READERS = {"simdjson": best_reader(import_module), "orjson": best_reader(_missing)}


@pytest.fixture(params=READERS)
def read(request):
    """Parse a document in the way of one machine or the other."""
    return lambda text: parsed_document(
        text.encode() + PADDING.encode(), Limits(), read_large=READERS[request.param]
    )


def _tensor(read, datatype, shape, data):
    document = read(json.dumps({"id": "a", "inputs": [{"name": "x", "data": data}]}))
    spec = TensorSpec(name="x", datatype=Datatype(datatype), shape=(-1,) * len(shape))
    count = int(np.prod(shape))
    return tensor_from_json(spec, tuple(shape), count, document["inputs"][0]["data"])


def test_the_machine_decides():
    """Where simdjson is missing another function reads; where it is there, simdjson's does."""
    assert (READERS["simdjson"] is not READERS["orjson"]) == _has_simdjson()
    assert best_reader() is READERS["simdjson" if _has_simdjson() else "orjson"]


def _has_simdjson():
    try:
        import_module("simdjson")
    except ImportError:
        return False
    return True


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("FP32", [2, 2], [[1, 2.5], [3, 4]]),
        ("FP64", [4], [1, 2.5, -0.0, 1e300]),
        ("INT64", [2], [-(2**63), 2**63 - 1]),
        ("UINT64", [1], [2**64 - 1]),
        ("BOOL", [2], [True, False]),
        ("BYTES", [2, 1], [["a"], ["سلام"]]),
    ],
)
def test_tensors_are_the_same(read, datatype, shape, data):
    """Every kind of element arrives as it was sent."""
    tensor = _tensor(read, datatype, shape, data)
    assert tensor.tolist() == data


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("FP32", [2], [1, [2]]),
        ("FP32", [3], [1, [2, 3], []]),
        ("FP32", [2, 2], [[1, 2], [3, [4]]]),
        ("FP32", [2], [1, 1e39]),
        ("INT8", [1], [128]),
        ("INT32", [1], [1.0]),
        ("BOOL", [1], [1]),
        ("BYTES", [1], [None]),
    ],
)
def test_refusals_are_the_same(read, datatype, shape, data):
    """What one parser refuses, the other does."""
    with pytest.raises(TensorDataError):
        _tensor(read, datatype, shape, data)


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": NaN}', '{"inputs": "\\ud800"}', "{} {}"])
def test_what_is_no_object_is_refused(read, text):
    """Neither parser lets anything but one JSON object through."""
    with pytest.raises(MalformedRequestError):
        read(text)


def test_an_image_is_read(read):
    """150,528 values are no attack."""
    data = np.random.default_rng(0).random((1, 3, 224, 224)).round(4)
    tensor = _tensor(read, "FP64", data.shape, data.tolist())
    assert np.array_equal(tensor, data)


def test_more_objects_than_fit_are_not_built():
    """Without an index each value is an object: they are counted before the first is made."""
    text = b'{"inputs": [' + b"[]," * 200_000 + b"[]]}"
    with pytest.raises(PayloadTooLargeError, match="the number of JSON values"):
        parsed_document(text, Limits(), read_large=READERS["orjson"])
