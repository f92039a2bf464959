"""A model file that names another file is refused before any runtime reads it."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from falaj.engines.onnx import OnnxEngine
from falaj.engines.outside_data import refuse_outside_data
from falaj.errors import ArtefactError
from tests.falaj import onnx_models

SIDE = 256
"""Enough for onnxruntime to keep the weights where they are; smaller ones its optimiser refuses."""
PLACES = ("initializer", "constant", "sparse", "branch", "function", "training")


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A process whose own folder holds a file of ours."""
    np.ones((SIDE, SIDE), np.float32).tofile(tmp_path / "secret")
    monkeypatch.chdir(tmp_path)
    return "secret"


def outside(location):
    """A tensor that lies in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[SIDE, SIDE])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def product(location="secret", place="initializer"):
    """A product with weights that lie in another file, named at this place of the file."""
    weights = outside(location)
    constant = helper.make_node("Constant", [], ["w"], value=weights)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    shapes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", SIDE]) for n in "xy"]
    inner = helper.make_graph(
        [constant], "inner", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, None)]
    )
    if place == "constant":
        nodes.insert(0, constant)
    if place == "branch":
        nodes.insert(0, helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner))
    graph = helper.make_graph(
        nodes, "graph", shapes[:1], shapes[1:], [weights] if place == "initializer" else []
    )
    if place == "sparse":
        graph.sparse_initializer.add().values.CopyFrom(weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if place == "function":
        opsets = [helper.make_opsetid("", 17)]
        model.functions.append(helper.make_function("own", "f", [], ["w"], [constant], opsets))
    if place == "training":
        model.training_info.add().algorithm.CopyFrom(inner)
    return model.SerializeToString()


def test_the_runtime_itself_would_read_it(beside):
    """Why this is looked at: onnxruntime, given bytes, reads what lies in the process's folder."""
    assert Path(beside).is_file()
    session = onnxruntime.InferenceSession(product(), providers=["CPUExecutionProvider"])
    (row,) = session.run(None, {"x": np.ones((1, SIDE), np.float32)})
    assert row.tolist() == [[float(SIDE)] * SIDE]


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("place", PLACES)
def test_no_place_in_the_file_is_overlooked(place):
    """Initializers, constants, sparse ones, branches, functions and training graphs."""
    with pytest.raises(ArtefactError, match=r"model 'm'.*in another file"):
        OnnxEngine(name="m", model=product(place=place))


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "missing"])
def test_wherever_it_points(location):
    """Whether the file exists is not even looked at."""
    with pytest.raises(ArtefactError, match="in another file"):
        refuse_outside_data("m", product(location))


def test_a_name_that_only_sounds_like_it_is_let_through():
    """A tensor may be called location: nothing is read for it."""
    node = helper.make_node("Identity", ["location"], ["y"])
    kind = TensorProto.FLOAT
    model = onnx_models.model_bytes([node], [("location", kind, [1])], [("y", kind, [1])])
    assert OnnxEngine(name="m", model=model).signature.inputs[0].name == "location"


@pytest.mark.parametrize("cut", [1, 7])
def test_what_cannot_be_looked_through_is_refused(cut):
    """A file cut short is an artefact error, and so is one with a field that ONNX has not."""
    with pytest.raises(ArtefactError):
        refuse_outside_data("m", product()[:-cut])
    with pytest.raises(ArtefactError, match="no ONNX model"):
        refuse_outside_data("m", b"\x3b" + onnx_models.linear() + b"location")


def test_every_field_that_holds_a_tensor_is_known():
    """The installed onnx has no message with tensors inside that is not looked into."""
    known = {
        "ModelProto": {7, 20, 25},
        "GraphProto": {1, 5, 15},
        "NodeProto": {5},
        "AttributeProto": {5, 6, 10, 11, 22, 23},
        "SparseTensorProto": {1, 2},
        "FunctionProto": {7, 11},
        "TrainingInfoProto": {1, 2},
    }
    holders = {*known, "TensorProto"}
    found = {
        name: {
            field.number
            for field in getattr(onnx, name).DESCRIPTOR.fields
            if field.message_type is not None and field.message_type.name in holders
        }
        for name in known
    }
    assert found == known
