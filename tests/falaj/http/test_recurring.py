"""Promise: what is read by the text that recurs is what would have been read without."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from falaj.engines.onnx import OnnxEngine
from falaj.engines.validation import SignatureCheck
from falaj.errors import FalajError
from falaj.http.decoding import decoded
from falaj.http.recurring import MOST_FORMS, PAUSE, RecurringRequests
from falaj.http.service import Limits
from tests.falaj import onnx_models

LIMITS = Limits()
CHECKS = {
    kind: SignatureCheck(
        "m", OnnxEngine(name="m", model=onnx_models.identity(kind, [None, 3])).signature
    )
    for kind in ("FP32", "FP16", "INT64", "UINT8", "BOOL", "BYTES")
}


def body_of(data, *, kind="FP32", shape=(1, 3), **more):
    """A request whose `data` is JSON text."""
    item = {"name": "x", "shape": list(shape), "datatype": kind, "data": "DATA"}
    return json.dumps({"inputs": [item], **more}).replace('"DATA"', data).encode()


def told(read):
    """What reading comes to: every field, or the error."""
    try:
        request = read()
    except FalajError as error:
        return type(error), str(error)
    tensor = request.inputs["x"]
    return tensor.dtype, tensor.shape, tensor.tobytes(), request[1:]


def usual(body, check):
    """Read as functions do."""
    return decoded(body, None, check, LIMITS)


def taught(check, *bodies):
    """A reader that has seen these."""
    reader = RecurringRequests(check)
    for body in bodies:
        reader.learn(body, usual(body, check))
    return reader


NUMBERS = st.one_of(
    st.sampled_from(
        ["1", "-0.0", "1e39", "65520", "300", "-1", "true", "false", "null", '"1"', "[1]", "1 ", ""]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
)
ARRAYS = st.one_of(
    st.lists(NUMBERS, min_size=2, max_size=4).map(lambda items: f"[{','.join(items)}]"),
    st.lists(NUMBERS, min_size=3, max_size=3).map(lambda items: f"[[{', '.join(items)}]]"),
    st.sampled_from(["[]", "[[]]", "1", '"]"', "[1,2,3", "[1,2,3]]", "[[1,2,3],[4,5,6]]"]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["FP32", "FP16", "INT64", "UINT8", "BOOL"]),
    ARRAYS,
    st.booleans(),
    st.booleans(),
)
def test_a_recurring_text_changes_nothing(kind, array, is_nested, is_latest):
    """Numbers, their range, their kind, their count and every refusal are the same."""
    check = CHECKS[kind]
    plain = "true,false,true" if kind == "BOOL" else "1,2,3"
    known = body_of(f"[[{plain}]]" if is_nested else f"[{plain}]", kind=kind)
    reader = taught(check, known, known)
    if is_latest:
        assert (reader.read(known) is None) == (kind == "BOOL")
    body = body_of(array, kind=kind)
    found = reader.read(body)
    if found is not None:
        assert told(lambda: found) == told(lambda: usual(body, check))


def test_a_text_is_learnt_when_it_comes_again():
    """Once is not enough: who never says the same twice costs nothing."""
    check, body = CHECKS["FP32"], body_of("[1,2,3]")
    assert taught(check, body).read(body) is None
    found = taught(check, body, body).read(body_of("[4, 5.5, 6]"))
    assert found is not None
    assert np.array_equal(found.inputs["x"], np.array([[4, 5.5, 6]], np.float32))


@pytest.mark.parametrize(
    "body",
    [
        body_of("[1,2,3]", id="data"),
        body_of("[1,2,3]", parameters={"data": "x"}),
        body_of('[1,2,3], "data": [4,5,6]'),
        body_of("[1,2,3]", id='"data":[7,8,9]'),
        body_of("[[1,2,3],[4,5,6]]", shape=(2, 3)),
        body_of("[true,false,true]", kind="BOOL"),
        body_of('["a","b","c"]', kind="BYTES"),
        b'{"parameters":{"data":1},"inputs":[' + body_of("[1,2,3]")[12:],
    ],
    ids=range(8),
)
def test_an_ambiguous_text_is_read_in_the_usual_way(body):
    """Where the first array after the word is not surely the data, nothing is looked up."""
    kind = json.loads(body)["inputs"][0]["datatype"]
    check = CHECKS[kind]
    found = taught(check, body, body, body).read(body)
    if found is not None:
        assert told(lambda: found) == told(lambda: usual(body, check))


def test_what_else_a_request_asks_is_kept():
    """Its id, parameters and outputs belong to the text that recurs."""
    check = CHECKS["FP32"]
    asked = {"id": "7", "parameters": {"priority": 1}, "outputs": [{"name": "y"}]}
    body = body_of("[1,2,3]", **asked)
    found = taught(check, body, body).read(body)
    assert found is not None
    assert told(lambda: found) == told(lambda: usual(body, check))


def test_other_texts_are_other_requests():
    """One character beside the numbers, and the request is read anew."""
    check, body = CHECKS["FP32"], body_of("[1,2,3]")
    reader = taught(check, body, body)
    assert reader.read(body_of("[1,2,3]", id="1")) is None
    assert reader.read(body.replace(b"[1, 3]", b"[2, 3]")) is None
    assert reader.read(body + b" ") is None
    assert reader.read(b"") is None


def test_texts_that_take_turns_are_each_read():
    """The last one is compared first; that another stands in between changes nothing."""
    check = CHECKS["FP32"]
    bodies = [body_of("[1,2,3]"), body_of("[1,2,3]", id="7"), body_of("[[1,2,3]]")]
    reader = taught(check, *bodies, *bodies)
    for body in bodies * 3:
        again = body.replace(b"1,2,3", b"4,5e0,6")
        found = reader.read(again)
        assert found is not None
        assert told(lambda found=found: found) == told(lambda again=again: usual(again, check))


@pytest.mark.parametrize("cut", [0, 1, 5, 6, 7])
def test_a_beginning_and_an_end_that_meet_are_no_request(cut):
    """A body that is all text and no numbers is left to whoever says why."""
    check, body = CHECKS["FP32"], body_of("[1,2,3]")
    reader = taught(check, body, body)
    assert reader.read(body) is not None
    at = body.index(b"[1,2,3]")
    assert reader.read(body[: at + 1] + body[at + cut + 1 :]) is None or cut == 0


def test_callers_cannot_fill_the_memory():
    """Every request with an id of its own: texts are forgotten, not heaped up."""
    check = CHECKS["FP32"]
    reader = RecurringRequests(check)
    for number in range(10 * MOST_FORMS):
        body = body_of("[1,2,3]", id=str(number))
        for _ in range(2):
            reader.learn(body, usual(body, check))
        assert reader.held <= MOST_FORMS


def test_who_never_recurs_is_looked_at_no_more_for_a_while():
    """An id in every request costs next to nothing; a caller without is found again later."""
    check, body = CHECKS["FP32"], body_of("[1,2,3]")
    strangers = [body_of("[1,2,3]", id=str(number)) for number in range(MOST_FORMS + 1)]
    reader = taught(check, *strangers)
    request = usual(body, check)
    for _ in range(PAUSE):
        assert reader.read(body) is None
        reader.learn(body, request)
    for _ in range(2):
        reader.learn(body, request)
    assert reader.read(body) is not None


def test_one_who_never_recurs_does_not_spoil_it_for_those_who_do():
    """While some texts recur, others are looked at as well."""
    check, body = CHECKS["FP32"], body_of("[1,2,3]")
    request, reader = usual(body, check), RecurringRequests(check)
    for number in range(3 * MOST_FORMS):
        stranger = body_of("[1,2,3]", id=str(number))
        reader.learn(stranger, usual(stranger, check))
        if reader.read(body) is None:
            reader.learn(body, request)
            reader.learn(body, request)
        assert reader.read(body) is not None
