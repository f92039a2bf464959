"""Two answers agree when they say the same, within what arithmetic may differ by."""

import zlib

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from falaj.domain.tensors import Datatype
from falaj.http.agreement import TOLERANCES, Answer, difference

CANARY = "784-1990-1234567-1"


def said(*outputs, status=200, **headers):
    """Return an inference response."""
    return Answer(status, headers, orjson.dumps({"model_name": "m", "outputs": list(outputs)}))


def output(data, datatype="FP32", name="y", shape=None):
    """Return one output."""
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def binary(values, datatype):
    """Return the same output in the binary extension."""
    content = np.asarray(values, Datatype(datatype).numpy_name).tobytes()
    head = orjson.dumps(
        {
            "outputs": [
                {
                    "name": "y",
                    "datatype": datatype,
                    "shape": [len(values)],
                    "parameters": {"binary_data_size": len(content)},
                }
            ]
        }
    )
    return Answer(200, {"inference-header-content-length": str(len(head))}, head + content)


@pytest.mark.parametrize(
    ("known", "other", "expected"),
    [
        (said(output([1.0, 2.0])), said(output([1.0, 2.0004])), ""),
        (said(output([1.0, 2.0])), said(output([1.0, 2.5])), "output 'y' differs in 1 of 2 values"),
        (
            said(output([1.0], "FP64")),
            said(output([1.00001], "FP64")),
            "output 'y' differs in 1 of 1 values",
        ),
        (
            said(output([7], "INT64")),
            said(output([8], "INT64")),
            "output 'y' differs in 1 of 1 values",
        ),
        (said(output(["a"], "BYTES")), said(output(["a"], "BYTES")), ""),
        (
            said(output([CANARY], "BYTES")),
            said(output(["x"], "BYTES")),
            "output 'y' differs in 1 of 1 values",
        ),
        (said(output([1.0])), said(output([1.0], "FP64")), "output 'y' is FP64, not FP32"),
        (
            said(output([1.0, 2.0])),
            said(output([1.0, 2.0], shape=[2, 1])),
            "output 'y' has shape [2, 1], not [2]",
        ),
        (said(output([1.0])), said(output([1.0], name="z")), "outputs z, not y"),
        (said(output([1.0])), said(output([1.0]), status=400), "status 400, not 200"),
        (said(output([1.0]), status=422), Answer(422, {}, b"{}"), ""),
        (said(output([1.0])), Answer(200, {}, b"no json"), "the answer cannot be read"),
        (Answer(200, {}, b'{"name":"m"}'), Answer(200, {}, b'{"name":"m","versions":[]}'), ""),
        (binary([1.0, 2.0], "FP32"), binary([1.0, 2.0], "FP32"), ""),
        (
            binary([1.0, 2.0], "FP32"),
            binary([1.0, 3.0], "FP32"),
            "output 'y' differs in 1 of 2 values",
        ),
        (binary([1, 2], "INT8"), said(output([1, 2], "INT8")), ""),
    ],
)
def test_answers_are_compared_by_what_they_say(known, other, expected):
    """Values, types, shapes, names and status; the sentence quotes no value."""
    assert difference(known, other) == expected


@pytest.mark.parametrize("failed", [(500, 200), (200, 503), (500, 500)])
def test_failures_are_no_answers(failed):
    """What failed is counted as failed, never as a difference."""
    known, other = (said(output([1.0]), status=status) for status in failed)
    assert difference(known, other) is None


def test_compressed_answer_is_read():
    """A caller who takes gzip does not keep the comparison from happening."""
    plain = said(output([1.0]))
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(plain.body) + packer.flush()
    assert difference(Answer(200, {"content-encoding": "gzip"}, packed), plain) == ""


@given(
    st.sampled_from(sorted(TOLERANCES)),
    st.lists(st.floats(-1e3, 1e3, width=16), min_size=1, max_size=8),
)
def test_encodings_of_one_answer_agree(datatype, values):
    """Whatever the type, JSON and binary of the same tensor say the same."""
    assert difference(binary(values, datatype), said(output(values, datatype))) == ""
