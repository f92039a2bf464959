"""Promise: answers written together, or around kept text, have the bytes of one alone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from falaj.batching.joining import divided
from falaj.container.json_answers import JsonAnswers
from falaj.engines.inference import InferenceRequest, RequestedOutput
from falaj.http.answer_frames import MOST_FRAMES
from falaj.http.encoding import encoded
from tests.falaj import onnx_models

NUMERIC = [kind for kind in onnx_models.ELEMENT_TYPES if kind != "BYTES"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Models that answer what they are given, one for each type, and one with two outputs."""
    root = tmp_path_factory.mktemp("json-answers")
    for kind in onnx_models.ELEMENT_TYPES:
        content = onnx_models.identity(kind, [None, None])
        onnx_models.write_version(root, kind.lower(), 1, content)
    onnx_models.write_version(root, "rows", 1, onnx_models.linear())
    return onnx_models.service_of(root)


def asked(model, **more):
    """A request for every output in JSON."""
    check = model.check
    return InferenceRequest({}, check.all_as_json, check.output_names, **more)


def values(kind, shape, seed):
    """Tensors of a type, the extremes among them."""
    rng = np.random.default_rng(seed)
    name = {"BOOL": "bool", "FP16": "float16", "FP32": "float32", "FP64": "float64"}.get(
        kind, kind.lower()
    )
    if kind == "BOOL":
        return rng.integers(0, 2, shape).astype(bool)
    if kind.startswith("FP"):
        return (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 4, shape)).astype(name)
    info = np.iinfo(name)
    return rng.integers(info.min, info.max, shape, dtype=name, endpoint=True)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(NUMERIC),
    rows=st.lists(st.sampled_from([1, 1, 1, 2, 3]), min_size=1, max_size=5),
    width=st.integers(0, 4),
    seed=st.integers(0, 2**16),
)
def test_answers_of_a_shared_run(service, kind, rows, width, seed):
    """Whatever the type and the rows, each gets the bytes that encoding alone would write."""
    model = service.repository.model(kind.lower())
    request = asked(model)
    whole = values(kind, (sum(rows), width), seed)
    writer, start = JsonAnswers(model), 0
    for part, count in zip(divided([whole], rows, 0), rows, strict=True):
        own = whole[start : start + count]
        start += count
        for answer in (part, [own]):
            body = writer.body(request, answer)
            if body is not None:
                assert body == encoded(model, request, [own])[0]
    if width and set(rows) == {1}:
        assert writer.body(request, divided([whole], rows, 0)[0]) is not None


def test_several_outputs_stay_apart(service):
    """Each caller's row of each output."""
    model = service.repository.model("rows")
    names = model.check.output_names
    given_rows = np.random.default_rng(0).normal(size=(4, 30)).astype(np.float32)
    (name,) = model.check.inputs
    outputs = model.engine.run({name: given_rows}, names)
    writer, request = JsonAnswers(model), asked(model)
    for place, part in enumerate(divided(outputs, [1] * 4, 0)):
        alone = [output[place : place + 1] for output in outputs]
        assert writer.body(request, part) == encoded(model, request, alone)[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_left_to_who_can_refuse_it(service, bad):
    """One guilty row must not be hidden, and must not fail the others."""
    model = service.repository.model("fp32")
    whole = np.array([[1.0], [bad]], np.float32)
    writer = JsonAnswers(model)
    assert [writer.body(asked(model), part) for part in divided([whole], [1, 1], 0)] == [None] * 2
    assert writer.body(asked(model), [whole]) is None


def test_what_json_alone_cannot_say_is_left_to_encoding(service):
    """Binary, a caller's id and text are written in the usual way."""
    model, words = service.repository.model("fp32"), service.repository.model("bytes")
    tensor = np.ones((1, 2), np.float32)
    writer = JsonAnswers(model)
    binary = (RequestedOutput("y", is_binary=True),)
    assert writer.body(InferenceRequest({}, binary, ("y",)), [tensor]) is None
    assert writer.body(asked(model, id="7"), [tensor]) is None
    text = np.array([["a"]], dtype=object)
    assert JsonAnswers(words).body(asked(words), [text]) is None


def test_callers_cannot_fill_the_memory(service):
    """Every shape has a text of its own; they are forgotten, not heaped up."""
    model = service.repository.model("fp32")
    writer = JsonAnswers(model)
    for rows in range(1, 3 * MOST_FRAMES):
        writer.body(asked(model), [np.ones((rows, 1), np.float32)])
        assert writer.held <= MOST_FRAMES
