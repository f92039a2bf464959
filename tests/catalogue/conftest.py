"""ONNX models written by hand, small and of every kind the gate must know."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

REPOSITORY = Path(__file__).parents[2]

Writes = Callable[..., Path]


def make_model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    *,
    initializers: Sequence[TensorProto] = (),
    domains: Sequence[str] = (),
) -> ModelProto:
    """Make a model of nodes, inputs and outputs."""
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializer=initializers)
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture
def write_model(tmp_path: Path) -> Writes:
    """Write a model made of nodes, inputs and outputs; return its path."""

    def write(*args: Any, **kwargs: Any) -> Path:
        path = tmp_path / "model.onnx"
        path.write_bytes(make_model(*args, **kwargs).SerializeToString())
        return path

    return write


@pytest.fixture
def value() -> Callable[..., ValueInfoProto]:
    """Declare a tensor: name, ONNX element type, shape."""
    return helper.make_tensor_value_info


@pytest.fixture
def good_model(write_model: Writes) -> Path:
    """Doubles a float32[batch, 3]."""
    return write_model(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    )


@pytest.fixture
def models_root(tmp_path: Path) -> Path:
    """An empty catalogue."""
    root = tmp_path / "models"
    root.mkdir()
    return root
