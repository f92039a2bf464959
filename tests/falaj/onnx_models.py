"""Small real ONNX models, written as `falaj models build` would write them."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from falaj.domain.manifest import Manifest
from falaj.domain.signature import Batching, ModelSignature
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.http.service import Service

ELEMENT_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def model_bytes(nodes, inputs, outputs, initializers=(), opset=(("", 17),)):
    """Serialize a graph; inputs and outputs are `(name, element type, shape)`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        list(initializers),
    )
    opsets = [helper.make_opsetid(*one) for one in opset]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def identity(datatype, shape):
    """A model that answers what it is given: x → y."""
    kind = ELEMENT_TYPES[datatype]
    node = helper.make_node("Identity", ["x"], ["y"])
    return model_bytes([node], [("x", kind, shape)], [("y", kind, shape)])


def every_type():
    """One input and output of each element type: `in_FP32` → `out_FP32`, any length."""
    nodes = [helper.make_node("Identity", [f"in_{t}"], [f"out_{t}"]) for t in ELEMENT_TYPES]
    inputs = [(f"in_{name}", kind, ["n"]) for name, kind in ELEMENT_TYPES.items()]
    outputs = [(f"out_{name}", kind, ["n"]) for name, kind in ELEMENT_TYPES.items()]
    return model_bytes(nodes, inputs, outputs)


def linear(features=30, seed=0):
    """Rows of floats to a score and whether it is positive."""
    weights = np.random.default_rng(seed).normal(size=(features, 1)).astype(np.float32)
    zero = np.zeros((1,), dtype=np.float32)
    return model_bytes(
        [
            helper.make_node("MatMul", ["x", "w"], ["score"]),
            helper.make_node("Greater", ["score", "zero"], ["is_positive"]),
        ],
        [("x", TensorProto.FLOAT, ["n", features])],
        [("score", TensorProto.FLOAT, ["n", 1]), ("is_positive", TensorProto.BOOL, ["n", 1])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(zero, "zero")],
    )


def logarithm():
    """Natural logarithm: NaN below zero, -Inf at zero."""
    node = helper.make_node("Log", ["x"], ["y"])
    kind = TensorProto.FLOAT
    return model_bytes([node], [("x", kind, ["n"])], [("y", kind, ["n"])])


def lookup():
    """Three-row table by index; other indices are refused by the operator."""
    table = np.array([10.0, 20.0, 30.0], dtype=np.float32)
    return model_bytes(
        [helper.make_node("Gather", ["table", "i"], ["y"])],
        [("i", TensorProto.INT64, ["n"])],
        [("y", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(table, "table")],
    )


def repeat():
    """One number, written 3,000,000 times: a small request with a large answer."""
    shape = np.array([3_000_000], dtype=np.int64)
    return model_bytes(
        [helper.make_node("Expand", ["x", "shape"], ["y"])],
        [("x", TensorProto.FLOAT, [1])],
        [("y", TensorProto.FLOAT, [3_000_000])],
        [numpy_helper.from_array(shape, "shape")],
    )


def filled():
    """Zeros of the shape that the input names, summed: its memory is its caller's choice."""
    return model_bytes(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        ],
        [("shape", TensorProto.INT64, [2])],
        [("sum", TensorProto.FLOAT, [])],
    )


def write_version(
    root: Path, name: str, version: int, content: bytes, *, batching=None, golden=()
) -> Manifest:
    """Write `<root>/<name>/<version>/{model.onnx,manifest.json}`."""
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    found = OnnxEngine(name=name, model=content).signature
    manifest = Manifest(
        name=name,
        version=version,
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
        signature=ModelSignature(
            inputs=found.inputs, outputs=found.outputs, batching=batching or Batching()
        ),
        golden=golden,
    )
    (folder / "model.onnx").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps(manifest.to_dict()))
    return manifest


def make_engine(manifest, content):
    """Load with one thread."""
    return OnnxEngine(name=manifest.name, model=content)


def service_of(root: Path, **values) -> Service:
    """Serve whatever lies under `root`."""
    repository = ModelRepository.from_folder(root, make_engine=make_engine)
    return Service(repository=repository, **values)
