"""A catalogue with an ensemble: a scaling step of its own, then a model of the catalogue."""

import hashlib

import yaml
from onnx import TensorProto, helper

from tests.catalogue.conftest import make_model

SCALE = """
import sys
from pathlib import Path
from onnx import TensorProto, helper
node = helper.make_node("Add", ["x", "x"], ["y"])
ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 3]) for n in ("x", "y")]
graph = helper.make_graph([node], "scale", ends[:1], ends[1:])
opset = [helper.make_opsetid("", 17)]
model = helper.make_model(graph, opset_imports=opset, ir_version=8)
Path(sys.argv[1]).write_bytes(model.SerializeToString())
"""
STEPS = (
    {"script": "scale.py", "inputs": {"x": "features"}, "outputs": {"y": "scaled"}},
    {"model": "sum", "version": 1, "inputs": {"x": "scaled"}, "outputs": {"s": "total"}},
)
GRAPH = {"kind": "ensemble", "inputs": ["features"], "outputs": ["total"], "steps": list(STEPS)}
CASE = {
    "name": "twice the sum",
    "request": {
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]
    },
    "expect": {"outputs": [{"name": "total", "datatype": "FP32", "shape": [1, 1], "data": [12]}]},
}


def summing(kind=TensorProto.FLOAT, width=3, axis=1):
    """A model that sums rows, x[n, width] → s[n, 1], or columns."""
    node = helper.make_node("ReduceSum", ["x", "axes"], ["s"], keepdims=1)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [axis])
    x = helper.make_tensor_value_info("x", kind, ["n", width])
    s = helper.make_tensor_value_info("s", kind, ["n", 1] if axis else [1, width])
    return make_model([node], [x], [s], initializers=[axes]).SerializeToString()


def write_model(root, name, content):
    """Put a model's bytes into the catalogue, as version 1."""
    folder = root / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    source = {"kind": "file", "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "source.yaml").write_text(yaml.safe_dump(source))
    write_spec(root, name)


def write_spec(root, name, **settings):
    """Write a model.yaml of version 1."""
    entry = {"name": name, "version": 1, "owner": "maths", "description": f"{name}!"}
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "model.yaml").write_text(yaml.safe_dump(entry | settings))


def write_ensemble(root, name="twice", graph=None, **settings):
    """Write an ensemble with its scaling step, as version 1."""
    folder = root / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.py").write_text(SCALE)
    (folder / "source.yaml").write_text(yaml.safe_dump(graph or GRAPH, sort_keys=False))
    write_spec(root, name, **settings)
    return folder
