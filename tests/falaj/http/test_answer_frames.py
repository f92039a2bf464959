"""Promise: an answer around kept text is, byte for byte, the one that is written anew."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from falaj.engines.engine import zeros
from falaj.engines.inference import InferenceRequest
from falaj.errors import InvalidOutputError
from falaj.http.answer_frames import MOST_FRAMES, AnswerFrames
from falaj.http.encoding import encoded
from falaj.http.messages import Request
from falaj.http.oip import answer
from tests.falaj import onnx_models

PATH = "/v2/models/rows/infer"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Models that answer what they are given, one for each type, and one with two outputs."""
    root = tmp_path_factory.mktemp("answer-frames")
    for kind in onnx_models.ELEMENT_TYPES:
        content = onnx_models.identity(kind, [None, None])
        onnx_models.write_version(root, kind.lower(), 1, content)
    onnx_models.write_version(root, "rows", 1, onnx_models.linear())
    return onnx_models.service_of(root)


def asked(model, *, is_binary, **more):
    """A request for every output."""
    check = model.check
    outputs = check.all_as_binary if is_binary else check.all_as_json
    return InferenceRequest({}, outputs, check.output_names, **more)


def outcome_of(write, *arguments):
    """What was written, or the sentence of the refusal."""
    try:
        return write(*arguments)
    except InvalidOutputError as error:
        return str(error)


NUMBERS = st.floats(width=32)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(sorted(onnx_models.ELEMENT_TYPES)),
    answers=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=4),
    is_binary=st.booleans(),
    identifier=st.sampled_from([None, None, "mine"]),
    data=st.data(),
)
def test_any_answer_has_the_bytes_of_one_written_anew(
    service, kind, answers, is_binary, identifier, data
):
    """Whatever the type, shape and numbers, not-a-numbers among them, first and later."""
    model = service.repository.model(kind.lower())
    request, frames = asked(model, is_binary=is_binary, id=identifier), AnswerFrames(model)
    dtype = zeros(model.check.signature)["x"].dtype
    for shape in [*answers, *answers]:
        size = shape[0] * shape[1]
        values = data.draw(st.lists(NUMBERS, min_size=size, max_size=size))
        with np.errstate(invalid="ignore", over="ignore"):
            tensor = np.array(values).astype(dtype).reshape(shape)
        if dtype == np.dtype(object):
            tensor = np.array([str(value) for value in values], dtype=object).reshape(shape)
        expected = outcome_of(encoded, model, request, [tensor])
        assert outcome_of(frames.answer, request, [tensor]) == expected


def test_shapes_that_callers_choose_do_not_fill_the_memory(service):
    """Kept texts are bounded, and forgotten when there are too many."""
    model = service.repository.model("fp32")
    frames = AnswerFrames(model)
    for is_binary in (False, True):
        request = asked(model, is_binary=is_binary)
        for rows in range(1, 3 * MOST_FRAMES):
            frames.answer(request, [np.zeros((rows, 1), np.float32)])
    assert frames.held <= 2 * MOST_FRAMES


@pytest.mark.parametrize("is_binary", [False, True])
def test_a_recurring_request_gets_the_first_ones_answer(service, is_binary):
    """Reading and writing from memory changes no byte of an answer."""
    row = np.random.default_rng(0).normal(size=(1, 30)).astype(np.float32)
    one = {"name": "x", "shape": [1, 30], "datatype": "FP32"}
    headers, tail = {}, b""
    if is_binary:
        one["parameters"], tail = {"binary_data_size": row.nbytes}, row.tobytes()
    else:
        one["data"] = [float(value) for value in row.ravel()]
    document = {"inputs": [one], "parameters": {"binary_data_output": is_binary}}
    text = json.dumps(document).encode()
    if is_binary:
        headers["inference-header-content-length"] = str(len(text))
    request = Request("POST", PATH, headers, text + tail)
    replies = [answer(request, service) for _ in range(4)]
    assert [reply.status for reply in replies] == [200] * 4
    assert len({reply.body for reply in replies}) == 1
    assert len({reply.headers["content-type"] for reply in replies}) == 1


def test_other_numbers_in_a_recurring_text_get_their_own_answer(service):
    """What is kept of a request is the text around its numbers."""

    def reply_to(value):
        one = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [value] * 30}
        body = json.dumps({"inputs": [one]}).encode()
        return answer(Request("POST", PATH, {}, body), service).body

    first = [reply_to(value) for value in (0.5, 0.5, 1.5, 2.5)]
    fresh = [reply_to(value) for value in (2.5, 1.5, 0.5)]
    assert first[1:] == fresh[::-1]
    assert len(set(first)) == 3
