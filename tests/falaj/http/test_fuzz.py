"""Whatever a stranger sends, the answer is theirs to mend: never a 5xx, never an exception."""

import json
import math

from hypothesis import HealthCheck, given, settings, strategies as st

from falaj.http.messages import Request
from falaj.http.oip import answer
from tests.falaj import onnx_models

FUZZ = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.just(10**4000)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
datatypes = st.sampled_from([*onnx_models.ELEMENT_TYPES, "FP8", ""]) | anything
shapes = st.lists(st.integers(-2, 4) | st.sampled_from([2**31, 2**63, True, 1.0]), max_size=3)
data = st.lists(scalars | st.lists(scalars, max_size=3), max_size=6) | anything
parameters = st.dictionaries(
    st.sampled_from(
        ["binary_data_size", "binary_data", "binary_data_output", "shared_memory_region", "any"]
    ),
    scalars,
    max_size=3,
)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y", "i", ""]) | anything,
        "shape": shapes | anything,
        "datatype": datatypes,
        "data": data,
        "parameters": parameters | anything,
    },
)
outputs = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["y", "z"]), "parameters": parameters}
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "id": scalars,
        "inputs": st.lists(tensors, max_size=3) | anything,
        "outputs": st.lists(outputs, max_size=3) | anything,
        "parameters": parameters | anything,
    },
)
models = st.sampled_from(
    [f"id-{name.lower()}" for name in onnx_models.ELEMENT_TYPES]
    + ["lookup", "cube", "words", "scalar"]
)
headers = st.dictionaries(
    st.sampled_from(["inference-header-content-length", "content-encoding", "accept-encoding"]),
    st.sampled_from(["0", "1", "10", "-1", "x", "gzip", "deflate", "br", "*;q=z", "\u0665"]),
    max_size=2,
)


def _assert_theirs(response):
    assert response.status == 200 or 400 <= response.status < 500, response


@FUZZ
@given(model=models, document=documents, padding=st.sampled_from([0, 5000]))
def test_no_document_is_our_fault(service, model, document, padding):
    """Documents shaped like requests, with anything in any place, in both parsers."""
    body = json.dumps(document).encode() + b" " * padding
    _assert_theirs(answer(Request("POST", f"/v2/models/{model}/infer", {}, body), service))


@FUZZ
@given(model=models, sent=headers, body=st.binary(max_size=200))
def test_no_bytes_are_our_fault(service, model, sent, body):
    """Arbitrary bytes under arbitrary headers."""
    _assert_theirs(answer(Request("POST", f"/v2/models/{model}/infer", sent, body), service))


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", ""]),
    parts=st.lists(
        st.sampled_from(
            ["v2", "models", "rows", "versions", "1", "infer", "ready", "stats", "", "%"]
        )
        | st.text(max_size=5),
        max_size=7,
    ),
)
def test_no_path_is_our_fault(service, method, parts):
    """Every sequence of known and unknown words is a path or a 404."""
    _assert_theirs(answer(Request(method, "/" + "/".join(parts)), service))


@FUZZ
@given(
    datatype=st.sampled_from(["FP64", "INT64", "BOOL", "BYTES"]),
    drawn=st.data(),
    padding=st.sampled_from([0, 5000]),
)
def test_good_values_come_back_as_they_went(service, datatype, drawn, padding):
    """Any finite number, integer, boolean or text survives JSON both ways."""
    element = {
        "FP64": st.floats(allow_nan=False, allow_infinity=False),
        "INT64": st.integers(-(2**63), 2**63 - 1),
        "BOOL": st.booleans(),
        "BYTES": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    }[datatype]
    values = drawn.draw(st.lists(element, max_size=20))
    tensor = {"name": "x", "shape": [len(values)], "datatype": datatype, "data": values}
    body = json.dumps({"inputs": [tensor]}).encode() + b" " * padding
    response = answer(Request("POST", f"/v2/models/id-{datatype.lower()}/infer", {}, body), service)
    assert response.status == 200
    returned = json.loads(response.body)["outputs"][0]["data"]
    assert returned == values
    if datatype == "FP64":
        assert list(map(math.copysign, [1] * len(values), returned)) == list(
            map(math.copysign, [1] * len(values), values)
        )
