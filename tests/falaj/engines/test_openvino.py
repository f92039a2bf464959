"""OpenVINO behind the engine's protocol: ONNX Runtime's answers, in f32, or none."""

# ruff: noqa: E402 - there may be no wheel

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier

from tests.falaj.engines.openvino_here import skip_without_a_wheel

skip_without_a_wheel()

import openvino as ov

from falaj.engines.onnx import OnnxEngine
from falaj.engines.openvino import OpenVinoEngine, achieved
from falaj.engines.providers import ProviderPlan, engine_for
from falaj.errors import (
    ArtefactError,
    ConfigurationError,
    EngineError,
    InputRefusedError,
    UnsupportedModelError,
)
from tests.falaj import onnx_models

FLOAT, INT64, DOUBLE, INT32 = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.DOUBLE,
    TensorProto.INT32,
)
SAME_TYPES = ("BOOL", "UINT8", "UINT16", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32")
OTHER_TYPES = ("UINT32", "UINT64", "FP64", "BYTES")
ENDS = (("from", 2), ("to", 2**31 - 1))
HAS_BFLOAT16 = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def weights(name, *shape):
    """Random weights that keep a layer's answers near one."""
    values = np.random.default_rng(len(name)).normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
    return numpy_helper.from_array(values.astype(np.float32), name)


def pictures():
    """A convolution, its positive part, and the mean of each channel."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    given, made = ("x", FLOAT, ["n", 3, 16, 16]), ("y", FLOAT, ["n", 8])
    return onnx_models.model_bytes(nodes, [given], [made], [weights("w", 8, 3, 3, 3)])


def words():
    """Eight tokens looked up, attending to each other, and averaged."""
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["h"]),
        helper.make_node("MatMul", ["h", "q"], ["hq"]),
        helper.make_node("Transpose", ["h"], ["ht"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["hq", "ht"], ["s"]),
        helper.make_node("Softmax", ["s"], ["a"], axis=-1),
        helper.make_node("MatMul", ["a", "h"], ["m"]),
        helper.make_node("ReduceMean", ["m"], ["y"], axes=[1], keepdims=0),
    ]
    tables = [weights("table", 50, 64), weights("q", 64, 64)]
    given, made = ("x", INT64, ["n", 8]), ("y", FLOAT, ["n", 64])
    return onnx_models.model_bytes(nodes, [given], [made], tables)


def two_inputs(kind="Add", given=FLOAT, shape=("n", 3)):
    """`y = a ∘ b`."""
    inputs = [("a", given, list(shape)), ("b", given, list(shape))]
    node = helper.make_node(kind, ["a", "b"], ["y"])
    return onnx_models.model_bytes([node], inputs, [("y", given, list(shape))])


def chain(*steps, given, made, held=()):
    """A model of operations after each other, `x` → `y`."""
    nodes, last = [], "x"
    for n, (kind, others, attributes) in enumerate(steps):
        name = "y" if n == len(steps) - 1 else f"t{n}"
        operands = [last if other is None else other for other in others]
        nodes.append(helper.make_node(kind, operands, [name], **attributes))
        last = name
    return onnx_models.model_bytes(nodes, [("x", *given)], [("y", *made)], list(held))


def trees():
    """Boosted trees, whose operator is no neural network's."""
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    fitted = GradientBoostingClassifier(n_estimators=2).fit(rows, rows[:, 0] > 0)
    return to_onnx(fitted, rows[:1], options={"zipmap": False}).SerializeToString()


def engine(model, **values):
    """On one thread."""
    return OpenVinoEngine(name="m", model=model, **{"threads": 1, **values})


def batch_for(model, rows):
    """Values for a model's inputs, within its tables."""
    generator = np.random.default_rng(rows)
    return {
        spec.name: generator.normal(size=(rows, *spec.shape[1:])).astype(np.float32)
        if spec.datatype == "FP32"
        else generator.integers(0, 3, (rows, *spec.shape[1:])).astype(spec.datatype.numpy_name)
        for spec in OnnxEngine(name="m", model=model).signature.inputs
    }


@pytest.fixture(scope="module")
def linear():
    """Rows of three floats to a score and a flag."""
    return engine(onnx_models.linear(3))


# ------------------------------------------------------------------- what is answered
@pytest.mark.parametrize("make", [pictures, words, onnx_models.linear, onnx_models.lookup])
def test_answers_are_onnx_runtimes(make):
    """To f32's last digits, for one row and for many, under the same names and types."""
    model = make()
    ours, reference = engine(model), OnnxEngine(name="m", model=model)
    assert ours.signature == reference.signature
    names = [spec.name for spec in reference.signature.outputs]
    for rows in (1, 7):
        feed = batch_for(model, rows)
        for got, wanted in zip(ours.run(feed, names), reference.run(feed, names), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("datatype", SAME_TYPES)
def test_types_that_it_computes_as_they_are(datatype):
    """Values come back as they went, which ONNX Runtime's signature also says."""
    model = onnx_models.identity(datatype, ["n", 3])
    ours, values = engine(model), np.array([[1, 0, 1]])
    assert ours.signature == OnnxEngine(name="m", model=model).signature
    (made,) = ours.run({"x": values.astype(ours.signature.inputs[0].datatype.numpy_name)}, ("y",))
    assert made.tolist() == values.tolist()


def test_outputs_come_in_the_order_asked(linear):
    """The caller's order is kept."""
    flag, score = linear.run({"x": np.ones((2, 3), np.float32)}, ("is_positive", "score"))
    assert (flag.dtype, score.dtype) == (np.bool_, np.float32)


def test_an_answer_outlives_the_next_run(linear):
    """Outputs are copies: the request that made them is used again."""
    (first,) = linear.run({"x": np.ones((2, 3), np.float32)}, ("score",))
    before = first.copy()
    linear.run({"x": np.zeros((2, 3), np.float32)}, ("score",))
    np.testing.assert_array_equal(first, before)


def test_values_that_may_not_be_written_are_read(linear):
    """A request's body is read-only, and its tensors lie anywhere in it."""
    body = b"?" + np.ones((2, 3), np.float32).tobytes()
    lying = np.frombuffer(body, np.float32, offset=1).reshape(2, 3)
    (score,) = linear.run({"x": lying}, ("score",))
    (wanted,) = linear.run({"x": np.ones((2, 3), np.float32)}, ("score",))
    np.testing.assert_array_equal(score, wanted)


def test_threads_do_not_mix_their_answers():
    """Every thread at work has a request of its own."""
    ours = engine(onnx_models.linear(3))
    reference = OnnxEngine(name="m", model=onnx_models.linear(3))
    feeds = [{"x": np.full((1 + n % 5, 3), n, np.float32)} for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda feed: ours.run(feed, ("score",))[0], feeds))
    for feed, got in zip(feeds, made, strict=True):
        (wanted,) = reference.run(feed, ("score",))
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


# -------------------------------------------------------------------- in which precision
def test_its_default_follows_the_processor():
    """Why the precision is pinned: bfloat16 where the processor has it, and nothing says so."""
    compiled = ov.Core().compile_model(ov.Core().read_model(pictures()), "CPU", {})
    found = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    assert (found == "bf16") == HAS_BFLOAT16


@pytest.mark.parametrize("make", [pictures, words])
def test_no_layer_computes_in_less_than_asked(make):
    """What each layer of the compiled model says of itself, and what metrics then say."""
    ours = engine(make())
    layers = ours._compiled.get_runtime_model().get_ops()
    held = {
        layer.get_rt_info()["layerType"].astype(str): layer.get_rt_info()[
            "runtimePrecision"
        ].astype(str)
        for layer in layers
    }
    assert ours.providers == ("OpenVINO:CPU:f32",)
    assert {held.get("Convolution", "f32"), held.get("FullyConnected", "f32")} == {"f32"}
    assert "bf16" not in held.values()


@pytest.mark.skipif(not HAS_BFLOAT16, reason="this processor has no bfloat16")
def test_bfloat16_is_had_by_name():
    """Asked for, it is used, said, and as far off as eight bits of mantissa are."""
    ours, exact = engine(words(), precision="bf16"), engine(words())
    feed = batch_for(words(), 7)
    assert ours.providers == ("OpenVINO:CPU:bf16",)
    (got,), (wanted,) = ours.run(feed, ("y",)), exact.run(feed, ("y",))
    off = np.abs(got - wanted).max() / np.abs(wanted).max()
    assert 1e-5 < off < 0.05


@pytest.mark.parametrize(
    ("device", "precision", "threads"), [("CPU", "bf16", 2), ("GPU", "f32", 2), ("CPU", "f32", 9)]
)
def test_what_is_achieved_is_what_was_asked(device, precision, threads):
    """Another precision, another device or more threads keep the container from starting."""
    found = {
        "EXECUTION_DEVICES": [device],
        "INFERENCE_PRECISION_HINT": SimpleNamespace(to_string=lambda: precision),
        "INFERENCE_NUM_THREADS": threads,
    }
    wanted = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}
    with pytest.raises(ConfigurationError, match=f"run on OpenVINO:{device}:{precision} with"):
        achieved("m", wanted, found.__getitem__)


def test_it_tells_nobody_that_it_runs():
    """Its converter would tell Google of every import: here it is installed, and not imported."""
    assert find_spec("openvino_telemetry")
    assert [name for name in sys.modules if name.startswith("openvino_telemetry")] == []


# ------------------------------------------------------------------------ hostile values
def test_openvino_itself_answers_an_index_outside_its_table():
    """Why indices are bounded here: it answers 0 outside, and for 2³² + 1 what stands at 1."""
    compiled = ov.Core().compile_model(ov.Core().read_model(onnx_models.lookup()), "CPU")
    assert compiled(np.array([7, 2**32 + 1]))[0].tolist() == [0.0, 20.0]


@pytest.mark.parametrize("index", [3, -4, 2**32 + 1, -(2**40)])
def test_an_index_outside_its_table_is_refused(index):
    """As ONNX Runtime refuses it; both take -1 for the last."""
    ours = engine(onnx_models.lookup())
    assert ours.run({"i": np.array([0, -1])}, ("y",))[0].tolist() == [10.0, 30.0]
    with pytest.raises(InputRefusedError, match=r"'i' must be in \[-3, 2\]"):
        ours.run({"i": np.array([0, index])}, ("y",))


def test_an_integer_that_it_would_cut_is_refused():
    """64 bits are computed in 32: what does not fit is the caller's to know."""
    ours = engine(onnx_models.identity("INT64", ["n"]))
    with pytest.raises(InputRefusedError, match="2147483647"):
        ours.run({"x": np.array([2**40])}, ("y",))


@pytest.mark.parametrize("shape", [(0, 3), (2, 4), (2, 2), (6,), (2, 3, 1)])
def test_shapes_that_it_would_not_look_at_are_refused(linear, shape):
    """An empty batch ends the process, a wrong width is read beyond its end."""
    with pytest.raises(InputRefusedError):
        linear.run({"x": np.ones(shape, np.float32)}, ("score",))


def test_batches_of_different_sizes_are_refused():
    """Their sum would be an empty tensor."""
    ours = engine(two_inputs())
    with pytest.raises(InputRefusedError, match="different numbers of rows"):
        ours.run({"a": np.ones((2, 3), np.float32), "b": np.ones((3, 3), np.float32)}, ("y",))


def test_an_empty_answer_is_an_error():
    """What OpenVINO gives where shapes do not fit is nobody's answer, nor told from another."""
    held = [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in ENDS]
    step = ("Slice", [None, "from", "to"], {})
    ours = engine(chain(step, given=(FLOAT, ["n"]), made=(FLOAT, ["m"]), held=held))
    assert ours.run({"x": np.arange(4, dtype=np.float32)}, ("y",))[0].tolist() == [2.0, 3.0]
    with pytest.raises(EngineError, match="empty tensor"):
        ours.run({"x": np.arange(2, dtype=np.float32)}, ("y",))


# ----------------------------------------------------------------------- hostile models
def beyond_a_table():
    """Indices that are computed, so that no bound on what is sent holds them."""
    table = numpy_helper.from_array(np.ones(3, np.float32), "table")
    return chain(
        ("Cast", [None], {"to": INT64}),
        ("Gather", ["table", None], {}),
        given=(FLOAT, ["n"]),
        made=(FLOAT, ["n"]),
        held=[table],
    )


def by_coordinates():
    """GatherND, which reads wherever it is told."""
    table = numpy_helper.from_array(np.ones((3, 3), np.float32), "table")
    step = ("GatherND", ["table", None], {})
    return chain(step, given=(INT64, ["n", 2]), made=(FLOAT, ["n"]), held=[table])


def turned():
    """A product over an axis that only the graph's inside leaves open."""
    shape = numpy_helper.from_array(np.array([3, -1], np.int64), "shape")
    steps = [("Reshape", [None, "shape"], {}), ("MatMul", [None, "w"], {})]
    held = [shape, weights("w", 6, 2)]
    return chain(*steps, given=(FLOAT, ["n", 3]), made=(FLOAT, [3, 2]), held=held)


def halved():
    """Rows laid in two, which only an even batch can be: one row is read beyond its end."""
    shape = numpy_helper.from_array(np.array([2, -1], np.int64), "shape")
    three = numpy_helper.from_array(np.ones((2, 3), np.float32), "three")
    steps = [("Reshape", [None, "shape"], {}), ("Add", [None, "three"], {})]
    return chain(*steps, given=(FLOAT, ["n", 3]), made=(FLOAT, [2, "m"]), held=[shape, three])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (trees, "No conversion rule.*TreeEnsembleClassifier"),
        (lambda: two_inputs(shape=("n", "m")), "leaves more open.*leaves more open"),
        (lambda: two_inputs("Mul", INT64), "Multiply would compute callers' i64"),
        (lambda: two_inputs("Div", INT32), "Divide would compute callers' i32"),
        (onnx_models.filled, "would be told by callers where to go"),
        (beyond_a_table, "Gather would be told by callers where to read"),
        (by_coordinates, "GatherND is not known to stand"),
        (turned, "MatMul would sum over an open dimension"),
        (halved, "its shapes do not fit a batch of 1"),
    ],
)
def test_a_graph_that_callers_could_lead_astray_is_refused(make, reason):
    """Named at start, with the operation."""
    with pytest.raises(UnsupportedModelError, match=f"model 'm'.*{reason}"):
        engine(make())


@pytest.mark.parametrize("datatype", OTHER_TYPES)
def test_types_that_it_computes_in_others_are_refused(datatype):
    """Doubles would be floats, and unsigned integers would turn negative."""
    with pytest.raises(UnsupportedModelError, match="in another type"):
        engine(onnx_models.identity(datatype, ["n", 3]))


def test_doubles_inside_are_refused_too():
    """Nothing in the signature says that they are there."""
    steps = [("Cast", [None], {"to": DOUBLE}), ("Cast", [None], {"to": FLOAT})]
    with pytest.raises(UnsupportedModelError, match="f64 in another type"):
        engine(chain(*steps, given=(FLOAT, ["n"]), made=(FLOAT, ["n"])))


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b'<net name="a" version="11"/>', onnx_models.linear()[:100]]
)
def test_bytes_that_are_no_model_are_an_artefact_error(content):
    """Junk, truncated files and OpenVINO's other formats are refused when loaded."""
    with pytest.raises(ArtefactError):
        engine(content)


def test_another_file_is_never_read(tmp_path, monkeypatch):
    """OpenVINO itself reads what lies in the process's own folder; here it never sees the model."""
    np.array([1.5, 2.5, 3.5], np.float32).tofile(tmp_path / "secret")
    monkeypatch.chdir(tmp_path)
    held = TensorProto(name="w", data_type=FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    held.external_data.add(key="location", value="secret")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", FLOAT, ["n", 3])],
        [held],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    itself = ov.Core().compile_model(ov.Core().read_model(model), "CPU")
    assert itself(np.zeros((1, 3), np.float32))[0].tolist() == [[1.5, 2.5, 3.5]]
    with pytest.raises(ArtefactError, match="in another file"):
        engine(model)


# --------------------------------------------------------------------- as a provider
def test_a_model_that_it_does_not_serve_needs_leave_to_fall_back():
    """Refused with what to change; with leave, ONNX Runtime computes it and says so."""
    plan = ProviderPlan(wanted=("openvino",))
    with pytest.raises(UnsupportedModelError, match=r"TreeEnsemble.*FALAJ_PROVIDER_FALLBACK=allow"):
        engine_for(plan, name="m", model=trees(), threads=1)
    allowed = ProviderPlan(wanted=("openvino",), precision="bf16", may_fall_back=True)
    fallen = engine_for(allowed, name="m", model=trees(), threads=1)
    assert fallen.providers == ("CPUExecutionProvider",)


def test_the_plan_reaches_it():
    """A plan that names it gives its engine, in f32 unless bfloat16 is named."""
    plan = ProviderPlan(wanted=("openvino",))
    assert engine_for(plan, name="m", model=words(), threads=1).providers == ("OpenVINO:CPU:f32",)
