"""A hostile file is refused with a sentence, and the process that asked lives on."""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from catalogue.errors import ModelRefusedError
from catalogue.gate import Limits, examine
from tests.catalogue.conftest import make_model

FLOAT = TensorProto.FLOAT
Declares = Callable[..., ValueInfoProto]
Writes = Callable[..., Path]


def refusal(path: Path, limits: Limits | None = None) -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(ModelRefusedError) as caught:
        examine(path, limits=limits)
    return str(caught.value)


def external(name: str, location: str) -> TensorProto:
    """Make a tensor whose data are in another file."""
    tensor = TensorProto(name=name, data_type=FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


@pytest.fixture(autouse=True)
def parent_is_untouched() -> Iterator[None]:
    """Whatever the child did, no child is left and this process has its limits and its folder."""
    me = psutil.Process()
    before = Path.cwd(), me.children(recursive=True)
    yield
    assert (Path.cwd(), me.children(recursive=True)) == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not an ONNX model"),
        (b"name: x\nversion: 1\n", "not an ONNX model"),
        (b"\x08\x07", "no ONNX model: it has no nodes"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, content, sentence):
    """An empty, a foreign and a text file are told apart from a model."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert sentence in refusal(path)


def test_truncated_model_is_refused(good_model):
    """Half an upload is not half a model."""
    data = good_model.read_bytes()
    good_model.write_bytes(data[: len(data) - 7])
    assert "cut short" in refusal(good_model)


def test_missing_file_is_refused(tmp_path):
    """A mistyped path is said to be one."""
    assert refusal(tmp_path / "nothing.onnx").endswith("no such file")


def test_too_large_file_is_not_even_opened(good_model):
    """The size limit holds before a child is started."""
    assert re.search(r"\d+ bytes exceed the limit of 8", refusal(good_model, Limits(model_bytes=8)))


@pytest.mark.parametrize("location", ["../../../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_external_data_is_refused(write_model, value: Declares, tmp_path, location):
    """A model may not make the server read a file, wherever it lies."""
    (tmp_path / "weights.bin").write_bytes(struct.pack("<3f", 1, 2, 3))
    path = write_model(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        initializers=[external("w", location)],
    )
    assert f"tensor 'w' is external data in {location!r}" in refusal(path)


def test_external_data_in_a_branch_is_refused(write_model, value: Declares):
    """The same hidden inside the branch of an If."""
    branch = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["b"])],
        "branch",
        [],
        [value("b", FLOAT, [3])],
        initializer=[external("w", "/etc/shadow")],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    path = write_model([node], [value("c", TensorProto.BOOL, [])], [value("y", FLOAT, [3])])
    assert "external data in '/etc/shadow'" in refusal(path)


def test_external_data_in_a_constant_is_refused(write_model, value: Declares):
    """The same hidden in a node's attribute."""
    path = write_model(
        [
            helper.make_node("Constant", [], ["w"], value=external("w", "/etc/hosts")),
            helper.make_node("Add", ["x", "w"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
    )
    assert "external data in '/etc/hosts'" in refusal(path)


@pytest.mark.parametrize(
    ("domain", "operator"),
    [
        ("com.example", "RunAnything"),
        ("com.microsoft.extensions", "OpenAIAudioToText"),
        ("com.microsoft", "EPContext"),
        ("ai.onnx.training", "Gradient"),
        ("", "NoSuchOperator"),
    ],
)
def test_foreign_operator_is_refused(write_model, value: Declares, domain, operator):
    """Operators that call out, load libraries or are unknown never reach the engine."""
    path = write_model(
        [helper.make_node(operator, ["x"], ["y"], domain=domain)],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        domains=[domain] if domain else [],
    )
    name = f"{domain}:{operator}" if domain else operator
    assert f"operators that are not on the list: {name}" in refusal(path)


def test_foreign_operator_in_a_local_function_is_refused(write_model, value: Declares, tmp_path):
    """A function that the model defines for itself does not launder what it calls."""
    model = ModelProto()
    model.ParseFromString(
        write_model(
            [helper.make_node("Kind", ["x"], ["y"], domain="own")],
            [value("x", FLOAT, ["batch", 3])],
            [value("y", FLOAT, ["batch", 3])],
            domains=["own"],
        ).read_bytes()
    )
    model.functions.append(
        helper.make_function(
            "own",
            "Kind",
            ["a"],
            ["b"],
            [helper.make_node("Steal", ["a"], ["b"], domain="com.example")],
            [helper.make_opsetid("com.example", 1)],
        )
    )
    path = tmp_path / "function.onnx"
    path.write_bytes(model.SerializeToString())
    assert "com.example:Steal" in refusal(path)


def loop(value: Declares, trips: int) -> tuple[list, list, list]:
    """A model that counts to `trips` before it answers."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_out"]),
            helper.make_node("Add", ["carried", "carried"], ["carried_out"]),
        ],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go_on", TensorProto.BOOL, []),
            value("carried", FLOAT, ["batch", 3]),
        ],
        [value("go_on_out", TensorProto.BOOL, []), value("carried_out", FLOAT, ["batch", 3])],
    )
    many = numpy_helper.from_array(np.array(trips, dtype=np.int64), "many")
    yes = numpy_helper.from_array(np.ones((), dtype=np.bool_), "yes")
    nodes = [
        helper.make_node("Constant", [], ["many"], value=many),
        helper.make_node("Constant", [], ["yes"], value=yes),
        helper.make_node("Loop", ["many", "yes", "x"], ["y"], body=body),
    ]
    return nodes, [value("x", FLOAT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])]


def test_endless_loop_is_ended_by_the_clock(write_model, value: Declares):
    """The same where the machine is too busy to use up the processor time."""
    path = write_model(*loop(value, 2**62))
    assert "took longer than 2.5 s" in refusal(path, Limits(cpu_s=60, wall_s=2.5))


def test_constant_bomb_is_refused(write_model, value: Declares):
    """Twelve bytes of model that stand for a constant of 4 TB."""
    shape = numpy_helper.from_array(np.array([2**20, 2**20], dtype=np.int64), "shape")
    path = write_model(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["bomb"]),
            helper.make_node("ReduceSum", ["bomb"], ["sum"], keepdims=0),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        initializers=[shape],
    )
    assert "it needs more than 2,048 MiB of memory while warming up" in refusal(path)


def test_computed_bomb_is_refused(write_model, value: Declares):
    """The same, its shape computed from the input, so that no constant shows it."""
    factor = numpy_helper.from_array(np.array([2**20, 2**18], dtype=np.int64), "factor")
    path = write_model(
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Mul", ["shape", "factor"], ["large"]),
            helper.make_node("ConstantOfShape", ["large"], ["bomb"]),
            helper.make_node("ReduceSum", ["bomb"], ["sum"], keepdims=0),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        initializers=[factor],
    )
    sentence = refusal(path, Limits(memory_mib=1024))
    assert "it needs more than 1,024 MiB of memory while warming up" in sentence


def test_initialiser_larger_than_its_data_is_refused(write_model, value: Declares):
    """A shape of 4 TB with four bytes of data behind it."""
    tensor = TensorProto(
        name="w", data_type=FLOAT, dims=[2**20, 2**20], raw_data=struct.pack("<f", 1)
    )
    path = write_model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [value("x", FLOAT, ["batch", 2**20])],
        [value("y", FLOAT, ["batch", 2**20])],
        initializers=[tensor],
    )
    assert "not valid ONNX" in refusal(path)


def test_input_too_large_to_make_is_refused(write_model, value: Declares):
    """A declared input of 4 TB is not tried twice, nor in the asking process."""
    shape = ["batch", 2**20, 2**20]
    path = write_model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [value("x", FLOAT, shape)],
        [value("y", FLOAT, shape)],
    )
    assert "it needs more than 2,048 MiB of memory while warming up" in refusal(path)


def field(number: int, payload: bytes) -> bytes:
    """Write a message field as protobuf does: tag, length, payload."""
    length, head = len(payload), bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + payload


def test_deeply_nested_graphs_are_refused(tmp_path):
    """Ten thousand graphs inside graphs do not exhaust the stack."""
    graph = b""
    for _ in range(10_000):
        graph = field(1, field(5, field(6, graph)))  # node, its attribute, the graph in it
    path = tmp_path / "model.onnx"
    path.write_bytes(field(7, graph))
    assert "not an ONNX model" in refusal(path)


INT64 = TensorProto.INT64
STRING = TensorProto.STRING


def of_value(value: Declares, *nodes, initializers=()) -> ModelProto:
    """A model whose one number, `n`, leads to a tensor `bomb`."""
    ends = [
        helper.make_node("ReduceMax", ["bomb"], ["most"], keepdims=1),
        helper.make_node("Cast", ["most"], ["as_float"], to=FLOAT),
        helper.make_node("Reshape", ["as_float", "one"], ["y"]),
    ]
    one = numpy_helper.from_array(np.array([1], dtype=np.int64), "one")
    return make_model(
        [*nodes, *ends],
        [value("n", INT64, [1])],
        [value("y", FLOAT, [1])],
        initializers=[one, *initializers],
    )


def constant(name: str, number: object, dtype: type = np.int64) -> TensorProto:
    """An initialiser."""
    return numpy_helper.from_array(np.array(number, dtype=dtype), name)


SMALL = constant("small", [1.0], np.float32)
YES = constant("yes", np.True_, np.bool_)
ZERO, STEP = constant("zero", 0), constant("step", 1)
VALUES = {
    "shape": ([helper.make_node("ConstantOfShape", ["n"], ["bomb"])], []),
    "repeats": ([helper.make_node("Tile", ["small", "n"], ["bomb"])], [SMALL]),
    "limit": (
        [
            helper.make_node("Squeeze", ["n"], ["limit"]),
            helper.make_node("Range", ["zero", "limit", "step"], ["bomb"]),
        ],
        [ZERO, STEP],
    ),
}


@pytest.mark.parametrize("bomb", VALUES)
def test_value_that_becomes_a_size_is_refused(value: Declares, tmp_path, bomb):
    """Small to load and quick on what the gate makes up: the first caller's number is the bomb."""
    nodes, initializers = VALUES[bomb]
    path = tmp_path / "model.onnx"
    path.write_bytes(of_value(value, *nodes, initializers=initializers).SerializeToString())
    sentence = refusal(path, Limits(memory_mib=1024))
    assert re.search(r"given \d+ in input 'n': an input decides how much it takes", sentence)


def test_value_that_becomes_a_count_is_refused(value: Declares, tmp_path):
    """A loop that runs as often as a caller says; its imports need two of the seconds."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_out"]),
            helper.make_node("Add", ["carried", "carried"], ["carried_out"]),
        ],
        "body",
        [value("i", INT64, []), value("go_on", TensorProto.BOOL, []), value("carried", FLOAT, [1])],
        [value("go_on_out", TensorProto.BOOL, []), value("carried_out", FLOAT, [1])],
    )
    model = of_value(
        value,
        helper.make_node("Squeeze", ["n"], ["trips"]),
        helper.make_node("Loop", ["trips", "yes", "small"], ["bomb"], body=body),
        initializers=[SMALL, YES],
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    sentence = refusal(path, Limits(cpu_s=6, wall_s=600))
    assert "used more than 6 s of processor time while trying 536870912 in input 'n'" in sentence


def test_bomb_behind_a_branch_is_found(write_model, value: Declares):
    """Only a NaN leads there: no request that the gate makes up would."""
    bomb = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["large"], ["bomb"]),
            helper.make_node("ReduceMax", ["bomb"], ["most"], keepdims=0),
        ],
        "bomb",
        [],
        [value("most", FLOAT, [])],
    )
    nothing = helper.make_graph(
        [helper.make_node("Identity", ["none"], ["nothing"])],
        "no",
        [],
        [value("nothing", FLOAT, [])],
    )
    path = write_model(
        [
            helper.make_node("IsNaN", ["x"], ["is_nan"]),
            helper.make_node("Cast", ["is_nan"], ["as_float"], to=FLOAT),
            helper.make_node("ReduceMax", ["as_float"], ["any"], keepdims=0),
            helper.make_node("Cast", ["any"], ["c"], to=TensorProto.BOOL),
            helper.make_node("If", ["c"], ["more"], then_branch=bomb, else_branch=nothing),
            helper.make_node("Add", ["x", "more"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        initializers=[constant("large", [2**20, 2**20]), constant("none", 0, np.float32)],
    )
    assert "when it is given nan in its floating-point inputs" in refusal(path)


def test_sequence_that_grows_is_refused(write_model, value: Declares):
    """Four megabytes more in each round."""
    sequence = helper.make_tensor_sequence_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_out"]),
            helper.make_node("ConstantOfShape", ["large"], ["more"]),
            helper.make_node("SequenceInsert", ["held", "more"], ["held_out"]),
        ],
        "body",
        [
            value("i", INT64, []),
            value("go_on", TensorProto.BOOL, []),
            sequence("held", FLOAT, None),
        ],
        [value("go_on_out", TensorProto.BOOL, []), sequence("held_out", FLOAT, None)],
    )
    path = write_model(
        [
            helper.make_node("SequenceEmpty", [], ["empty"], dtype=FLOAT),
            helper.make_node("Loop", ["many", "yes", "empty"], ["all"], body=body),
            helper.make_node("SequenceLength", ["all"], ["length"]),
            helper.make_node("Cast", ["length"], ["as_float"], to=FLOAT),
            helper.make_node("Add", ["x", "as_float"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        initializers=[
            constant("many", 2**20),
            YES,
            constant("large", [2**20]),
        ],
    )
    sentence = refusal(path, Limits(memory_mib=1024))
    assert "it needs more than 1,024 MiB of memory while warming up" in sentence


def own_functions(value: Declares, *functions) -> bytes:
    """A model that calls the first of its own functions."""
    model = make_model(
        [helper.make_node(functions[0].name, ["x"], ["y"], domain="own")],
        [value("x", FLOAT, ["batch", 3])],
        [value("y", FLOAT, ["batch", 3])],
        domains=["own"],
    )
    model.functions.extend(functions)
    return model.SerializeToString()


def test_functions_that_double_are_refused(value: Declares, tmp_path):
    """Forty functions, each of which calls the next one twice: a million million nodes."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function(
            "own",
            f"F{n}",
            ["a"],
            ["c"],
            [
                helper.make_node(f"F{n + 1}", ["a"], ["b"], domain="own"),
                helper.make_node(f"F{n + 1}", ["b"], ["c"], domain="own"),
            ],
            opsets,
        )
        for n in range(40)
    ]
    last = helper.make_function(
        "own", "F40", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], opsets
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(own_functions(value, *functions, last))
    sentence = refusal(path, Limits(memory_mib=512, cpu_s=4, wall_s=600))
    assert re.search(r"processor time|MiB of memory", sentence)


def test_external_data_as_a_functions_usual_value_is_refused(value: Declares, tmp_path):
    """The same hidden where a function says what an attribute is if nobody says otherwise."""
    read = helper.make_node("Constant", [], ["w"])
    read.attribute.add(name="value", ref_attr_name="given", type=4)
    function = helper.make_function(
        "own",
        "Read",
        ["a"],
        ["b"],
        [read, helper.make_node("Add", ["a", "w"], ["b"])],
        [helper.make_opsetid("", 17)],
        attribute_protos=[helper.make_attribute("given", external("w", "weights.bin"))],
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(own_functions(value, function))
    assert "tensor 'w' is external data in 'weights.bin'" in refusal(path)


def test_graphs_for_training_are_refused(good_model):
    """Nobody looks into what nobody runs, so nothing may be hidden there."""
    model = ModelProto()
    model.ParseFromString(good_model.read_bytes())
    model.training_info.add().algorithm.initializer.append(external("w", "/etc/passwd"))
    good_model.write_bytes(model.SerializeToString())
    assert "it holds graphs for training" in refusal(good_model)


def quantised_lstm(value: Declares) -> ModelProto:
    """An honest model with a kernel that ends the process where a batch is empty."""
    hidden = size = 4
    weights = np.ones((1, size, 4 * hidden), dtype=np.int8)
    scale, point = np.ones(1, dtype=np.float32), np.zeros(1, dtype=np.int8)
    node = helper.make_node(
        "DynamicQuantizeLSTM",
        ["x", "w", "r", "", "", "", "", "", "ws", "wz", "rs", "rz"],
        ["", "y"],
        hidden_size=hidden,
        domain="com.microsoft",
    )
    named = {"w": weights, "r": weights, "ws": scale, "wz": point, "rs": scale, "rz": point}
    return make_model(
        [node],
        [value("x", FLOAT, ["steps", "batch", size])],
        [value("y", FLOAT, [1, "batch", hidden])],
        initializers=[numpy_helper.from_array(array, name) for name, array in named.items()],
        domains=["com.microsoft"],
    )


def test_what_empty_tensors_end_is_kept_from_them(value: Declares, tmp_path):
    """A crash that no caller could catch: found in a process of its own, and written down."""
    path = tmp_path / "model.onnx"
    path.write_bytes(quantised_lstm(value).SerializeToString())
    _, findings = examine(path)
    assert findings.facts()["takes_empty"] is False
    assert any("a tensor without elements ends the process" in note for note in findings.notes)


def test_honest_model_passes_after_all_that(good_model):
    """The gate is no wall: what is honest is let in, its bytes untouched."""
    data, findings = examine(good_model)
    assert data == good_model.read_bytes()
    assert findings.operators == {"Add": 1}
    assert findings.facts()["takes_empty"] is True
