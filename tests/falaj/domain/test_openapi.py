"""The published document is valid OpenAPI, and says of each model exactly what it takes."""

import json
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from falaj.contract import RESPONSE_LIMIT_BYTES
from falaj.domain.openapi import document, example_of
from falaj.domain.published import PublishedModel
from falaj.domain.routes import ROUTES, Server
from falaj.domain.signature import ModelSignature
from falaj.domain.tensor_schema import element_schema, input_schema
from falaj.domain.tensors import Datatype, TensorSpec
from tests.falaj.platform_front import published_models


@pytest.fixture(scope="module")
def described():
    """The repository's own catalogue, described."""
    return document(
        [replace(model, takes_feedback=True) for model in published_models()], has_experiments=True
    )


def schema_of(described, name):
    """A named schema that can reach all others."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    )


def spec(datatype, *shape, name="x"):
    """A declared tensor."""
    return TensorSpec(name=name, datatype=datatype, shape=shape)


def tensor(data, shape, datatype="FP32", name="x"):
    """A sent tensor."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def accepts(declared, sent):
    """Whether the schema of a declaration takes what is sent."""
    return Draft202012Validator(input_schema(declared)).is_valid(sent)


def test_catalogue_is_described_in_valid_openapi(described):
    """A client generator takes the document as it is."""
    validate(described)


tensors = st.builds(
    TensorSpec,
    name=st.text(min_size=1, max_size=8),
    datatype=st.sampled_from(list(Datatype)),
    shape=st.lists(st.integers(-1, 3), max_size=4).map(tuple),
)
signatures = st.builds(
    ModelSignature,
    inputs=st.lists(tensors, min_size=1, max_size=3, unique_by=lambda t: t.name).map(tuple),
    outputs=st.lists(tensors, min_size=1, max_size=3, unique_by=lambda t: t.name).map(tuple),
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(signatures)
def test_any_signature_gives_valid_openapi(signature):
    """A stranger's model never breaks the document."""
    validate(document([PublishedModel(name="m", version=1, versions=(1,), signature=signature)]))


def test_every_route_is_described_for_every_model(described):
    """What is served is published, and nothing else."""
    models = published_models()
    expected = {
        (route.path.replace("{model}", name), route.method.lower())
        for route in ROUTES
        for name in ([m.name for m in models] if route.of_model else [""])
        if route.server is not Server.INTAKE
    }

    assert {(p, m) for p, methods in described["paths"].items() for m in methods} == expected


def test_asynchronous_routes_are_described_where_they_are_answered():
    """Of the models that say so, and of no other."""
    spec = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1,))
    now, later = (
        PublishedModel(
            name=name,
            version=1,
            versions=(1,),
            signature=ModelSignature(inputs=(spec,), outputs=(spec,)),
            is_asynchronous=name == "later",
        )
        for name in ("now", "later")
    )

    paths = document([now, later])["paths"]

    validate(document([now, later]))
    assert [path for path in paths if "async" in path or "results" in path] == [
        "/v2/models/later/infer_async",
        "/v2/models/later/results/{result}",
    ]


def test_golden_requests_satisfy_their_schema(described):
    """Every published example is a valid request."""
    for model in published_models():
        schema = schema_of(described, f"{model.name}.request")
        for case in model.golden:
            schema.validate(case["request"])
        assert model.golden, f"{model.name} has no example"


def test_data_may_be_nested_or_flat():
    """Both of the protocol's spellings of a matrix are described."""
    matrix = spec(Datatype.FP32, -1, 2)

    assert accepts(matrix, tensor([[1, 2], [3, 4]], [2, 2]))
    assert accepts(matrix, tensor([1, 2, 3, 4], [2, 2]))


@pytest.mark.parametrize(
    "sent",
    [
        tensor([1, 2, 3], [1, 3]),
        tensor([1, 2], [2]),
        tensor([1, 2], [1, 2], datatype="FP64"),
        tensor([1, 2], [1, 2], name="y"),
        tensor(["1", "2"], [1, 2]),
        tensor([[1, 2, 3]], [1, 2]) | {"data": [[1, 2, 3]]},
        tensor([1, 1e39], [1, 2]),
        tensor([1, 2], [-1, 2]),
    ],
)
def test_what_the_signature_refuses_the_schema_refuses(sent):
    """A wrong shape, type, name, element, overflow or negative size is told before sending."""
    assert not accepts(spec(Datatype.FP32, -1, 2), sent)


def test_fixed_shape_fixes_the_number_of_elements():
    """A flat vector of a known length is not taken shorter."""
    assert not accepts(spec(Datatype.FP32, 2, 2), tensor([1, 2, 3], [2, 2]))


def test_scalar_has_an_empty_shape_and_one_element():
    """Zero-dimensional tensors are described too."""
    assert accepts(spec(Datatype.FP32), tensor([1.5], []))
    assert not accepts(spec(Datatype.FP32), tensor([1.5, 2], []))


@pytest.mark.parametrize("datatype", [d for d in Datatype if d.is_integer])
def test_integers_keep_their_range(datatype):
    """The largest value of a type is taken, one more is not."""
    low, high = datatype.integer_range
    schema = Draft202012Validator(element_schema(datatype))

    assert [schema.is_valid(v) for v in (low - 1, low, high, high + 1)] == [
        False,
        True,
        True,
        False,
    ]


def test_each_input_is_needed_exactly_once():
    """A model of two inputs takes them in any order, but neither twice."""
    a, b = spec(Datatype.FP32, 1, name="a"), spec(Datatype.BOOL, 1, name="b")
    signature = ModelSignature(inputs=(a, b), outputs=(a,))
    described = document([PublishedModel(name="m", version=1, versions=(1,), signature=signature)])
    schema = schema_of(described, "m.request")
    first, second = tensor([1], [1], name="a"), tensor([True], [1], "BOOL", "b")

    assert schema.is_valid({"inputs": [second, first]})
    assert not schema.is_valid({"inputs": [first, first]})
    assert not schema.is_valid({"inputs": [first]})


def test_clients_may_send_no_id(described):
    """`id: null`, as clients of the protocol send it, is described."""
    model = published_models()[0]
    request = {**model.golden[0]["request"], "id": None}

    assert schema_of(described, f"{model.name}.request").is_valid(request)


def test_a_hundred_models_fit_one_answer():
    """Lambda answers at most 6 MB, and a document in two halves is none."""
    models = published_models()
    many = [replace(models[i % len(models)], name=f"model-{i}") for i in range(100)]

    assert (
        len(json.dumps(document(many, has_experiments=True), ensure_ascii=False))
        < RESPONSE_LIMIT_BYTES * 0.75
    )


def test_every_model_keeps_an_example(described):
    """However long a model's cases are, the page has one to try."""
    assert all(example_of(described, model.name) for model in published_models())


def test_every_refusal_has_the_one_error_body(described):
    """No status but 200 has a body of its own kind."""
    error = {"$ref": "#/components/schemas/Error"}

    for response in described["components"]["responses"].values():
        assert response["content"]["application/json"]["schema"] == error
