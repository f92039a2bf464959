"""ONNX Runtime behind the engine's protocol."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import zeros
from falaj.engines.onnx import OnnxEngine
from falaj.errors import ArtefactError, EngineError, InputRefusedError, UnsupportedModelError
from tests.falaj import onnx_models


@pytest.fixture(scope="module")
def classifier():
    """A fitted scikit-learn model."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(50, 3)).astype(np.float32)
    return LogisticRegression().fit(rows, rows[:, 0] > 0), rows


def test_the_signature_is_the_graphs():
    """Names, types and open dimensions are read from the file."""
    signature = OnnxEngine(name="m", model=onnx_models.linear(3)).signature
    assert signature.inputs == (TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 3)),)
    assert [spec.datatype for spec in signature.outputs] == [Datatype.FP32, Datatype.BOOL]


def test_outputs_come_in_the_order_asked():
    """The caller's order is kept, and what is not asked for is not computed twice."""
    engine = OnnxEngine(name="m", model=onnx_models.linear(3))
    flag, score = engine.run({"x": np.ones((2, 3), np.float32)}, ("is_positive", "score"))
    assert (flag.dtype, score.dtype) == (np.bool_, np.float32)


def test_a_zipmap_is_refused_with_its_mend(classifier):
    """skl2onnx's default output is no tensor; the refusal says how to get one."""
    model, rows = classifier
    content = to_onnx(model, rows[:1]).SerializeToString()
    with pytest.raises(UnsupportedModelError, match=r"falaj models add.*zipmap"):
        OnnxEngine(name="m", model=content)


def test_the_mended_model_is_served(classifier):
    """With the option the refusal names, probabilities are a tensor."""
    model, rows = classifier
    options = {id(model): {"zipmap": False}}
    engine = OnnxEngine(
        name="m", model=to_onnx(model, rows[:1], options=options).SerializeToString()
    )
    output = engine.signature.outputs[1].name
    (probabilities,) = engine.run({"X": rows}, (output,))
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)


def test_a_sequence_is_refused_with_its_mend():
    """A sequence output is named, and what may be done about it."""
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [sequence],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    with pytest.raises(UnsupportedModelError, match=r"output 'y'.*end the graph in a tensor"):
        OnnxEngine(name="m", model=model.SerializeToString())


@pytest.mark.parametrize("content", [b"", b"not a model", onnx_models.linear()[:100]])
def test_bytes_that_are_no_model_are_an_artefact_error(content):
    """Junk and truncated files are refused when loaded."""
    with pytest.raises(ArtefactError):
        OnnxEngine(name="m", model=content)


def test_refused_values_and_failures_are_told_apart():
    """A bad index is the caller's fault; anything else is ours."""
    lookup = OnnxEngine(name="m", model=onnx_models.lookup())
    with pytest.raises(InputRefusedError, match="out of data bounds"):
        lookup.run({"i": np.array([7])}, ("y",))
    kind = TensorProto.FLOAT
    adder = OnnxEngine(
        name="m",
        model=onnx_models.model_bytes(
            [helper.make_node("Add", ["a", "b"], ["y"])],
            [("a", kind, [None]), ("b", kind, [None])],
            [("y", kind, [None])],
        ),
    )
    with pytest.raises(EngineError, match="broadcast"):
        adder.run({"a": np.ones(2, np.float32), "b": np.ones(3, np.float32)}, ("y",))


def test_warm_up_inputs_satisfy_any_signature():
    """Zeros of every type, open dimensions one wide, run through the model of all types."""
    engine = OnnxEngine(name="m", model=onnx_models.every_type())
    outputs = [spec.name for spec in engine.signature.outputs]
    assert [tensor.shape for tensor in engine.run(zeros(engine.signature), outputs)] == [(1,)] * 13


def test_threads_are_as_asked():
    """The CPU provider runs with the threads the function has."""
    engine = OnnxEngine(name="m", model=onnx_models.linear(), threads=2)
    assert engine.providers == ("CPUExecutionProvider",)
    engine.close()
