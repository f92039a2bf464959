"""The gate knows every kind of honest model, and says what it found."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from catalogue.gate import Findings, examine
from catalogue.gate.examination import admit
from catalogue.gate.refusal import Refusal
from catalogue.gate.running import Runner
from falaj.domain.signature import Batching
from falaj.domain.tensors import Datatype, TensorSpec

FLOAT = TensorProto.FLOAT


def found(path, golden=(), say=lambda _: None) -> Findings:
    """Return what the gate finds; without a child, for these models are harmless."""
    return admit(path.read_bytes(), golden, say).findings


def constant(name, *values, dtype=np.float32):
    """Make an initialiser."""
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


@pytest.mark.parametrize(
    ("element", "datatype"),
    [
        (TensorProto.FLOAT, Datatype.FP32),
        (TensorProto.DOUBLE, Datatype.FP64),
        (TensorProto.FLOAT16, Datatype.FP16),
        (TensorProto.INT8, Datatype.INT8),
        (TensorProto.UINT8, Datatype.UINT8),
        (TensorProto.INT64, Datatype.INT64),
        (TensorProto.UINT64, Datatype.UINT64),
        (TensorProto.BOOL, Datatype.BOOL),
        (TensorProto.STRING, Datatype.BYTES),
    ],
)
def test_every_element_type_of_the_protocol_is_served(write_model, value, element, datatype):
    """Floats, integers, truth values and texts come in and go out."""
    findings = found(
        write_model(
            [helper.make_node("Identity", ["x"], ["y"])],
            [value("x", element, ["batch", 2])],
            [value("y", element, ["batch", 2])],
        )
    )
    assert findings.signature.inputs == (TensorSpec(name="x", datatype=datatype, shape=(-1, 2)),)
    assert findings.signature.outputs == (TensorSpec(name="y", datatype=datatype, shape=(-1, 2)),)
    assert findings.signature.batching == Batching(batch_axis=0, batch_invariant=True)


@pytest.mark.parametrize("element", [TensorProto.BFLOAT16, TensorProto.COMPLEX64])
def test_element_type_outside_the_protocol_is_refused(write_model, value, element):
    """What cannot be written on the wire is refused with the mend."""
    path = write_model(
        [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", element, ["batch"])],
        [value("y", element, ["batch"])],
    )
    with pytest.raises(Refusal, match="add a Cast to a standard type"):
        found(path)


def test_several_outputs_keep_their_order(write_model, value):
    """A multi-output model's outputs stand in graph order."""
    findings = found(
        write_model(
            [helper.make_node("Split", ["x"], ["b", "a"], axis=1)],
            [value("x", FLOAT, ["batch", 4])],
            [value("b", FLOAT, ["batch", 2]), value("a", FLOAT, ["batch", 2])],
        )
    )
    assert [spec.name for spec in findings.signature.outputs] == ["b", "a"]


def test_state_is_recognised(write_model, value):
    """A model whose caller carries a state is said to be one."""
    findings = found(
        write_model(
            [
                helper.make_node("Add", ["h0", "x"], ["hn"]),
                helper.make_node("Neg", ["hn"], ["score"]),
            ],
            [value("x", FLOAT, ["batch", 3]), value("h0", FLOAT, ["batch", 3])],
            [value("score", FLOAT, ["batch", 3]), value("hn", FLOAT, ["batch", 3])],
        )
    )
    assert findings.state_pairs == (("h0", "hn"),)
    assert any("looks stateful" in note for note in findings.notes)


def test_sum_over_the_batch_is_not_batch_invariant(write_model, value):
    """An open first axis need not be a batch: softmax over it mixes the callers."""
    findings = found(
        write_model(
            [helper.make_node("Softmax", ["x"], ["y"], axis=0)],
            [value("x", FLOAT, ["batch", 3])],
            [value("y", FLOAT, ["batch", 3])],
        )
    )
    assert findings.signature.batching == Batching(batch_axis=0, batch_invariant=False)


def test_dynamic_quantisation_is_not_batch_invariant(write_model, value):
    """One scale for the whole batch makes an answer depend on a stranger's numbers."""
    findings = found(
        write_model(
            [
                helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
                helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
            ],
            [value("x", FLOAT, ["batch", 16])],
            [value("y", FLOAT, ["batch", 16])],
        )
    )
    assert not findings.signature.batching.batch_invariant
    assert any("depends on the other requests" in note for note in findings.notes)


def test_fixed_first_dimension_cannot_be_joined(write_model, value):
    """A model exported for one row serves one row."""
    findings = found(
        write_model(
            [helper.make_node("Relu", ["x"], ["y"])],
            [value("x", FLOAT, [1, 3])],
            [value("y", FLOAT, [1, 3])],
        )
    )
    assert findings.signature.batching == Batching()


def test_output_without_rows_cannot_be_joined(write_model, value):
    """A total over all rows is no answer to any of them."""
    findings = found(
        write_model(
            [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
            [value("x", FLOAT, ["n"])],
            [value("y", FLOAT, [])],
        )
    )
    assert findings.signature.batching.batch_axis is None
    assert findings.signature.outputs[0].shape == ()


@pytest.mark.parametrize(("operator", "allowed"), [("Relu", True), ("Softmax", False)])
def test_padding_is_tried(write_model, value, operator, allowed):
    """Element by element padding is harmless; across the padded axis it is not."""
    findings = found(
        write_model(
            [helper.make_node(operator, ["x"], ["y"])],
            [value("x", FLOAT, ["batch", "seq"])],
            [value("y", FLOAT, ["batch", "seq"])],
        )
    )
    assert findings.signature.batching.pad_allowed is allowed
    assert findings.signature.batching.batch_invariant


def test_integers_are_drawn_within_a_small_table(write_model, value):
    """A table of three rows is found out by trying smaller numbers."""
    findings = found(
        write_model(
            [helper.make_node("Gather", ["table", "ids"], ["y"])],
            [value("ids", TensorProto.INT64, ["batch"])],
            [value("y", FLOAT, ["batch"])],
            initializers=[constant("table", 1, 2, 3)],
        )
    )
    assert findings.signature.batching.is_safe


def test_wrong_declared_shape_is_opened(write_model, value):
    """A declared size that a run contradicts is not promised to clients."""
    findings = found(
        write_model(
            [helper.make_node("Tile", ["x", "repeats"], ["y"])],
            [value("x", FLOAT, ["batch", 3])],
            [value("y", FLOAT, ["batch", "twice"])],
            initializers=[constant("repeats", 1, 2, dtype=np.int64)],
        )
    )
    assert findings.signature.outputs[0].shape == (-1, -1)


def test_model_that_takes_no_made_up_input_asks_for_a_golden_case(write_model, value):
    """Where guessing fails the sentence says what helps, and it does help."""
    path = write_model(
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        [value("ids", TensorProto.INT64, ["batch"])],
        [value("y", FLOAT, ["batch"])],
        initializers=[constant("table", 7)],
    )
    case = {
        "name": "the only row",
        "request": {"inputs": [{"name": "ids", "datatype": "INT64", "shape": [1], "data": [0]}]},
        "expect": {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [7]}]},
    }
    with pytest.raises(Refusal, match=r"write golden\.json with a request"):
        found(path)
    assert found(path, golden=[case]).golden_cases == 1


def golden_case(expected):
    """A case for the model that doubles three numbers."""
    return {
        "name": "doubles",
        "request": {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]
        },
        "expect": {
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": expected}]
        },
        "atol": 1e-6,
    }


def test_wrong_golden_answer_is_refused(good_model):
    """The sentence names the case, the place, what came and what is known."""
    with pytest.raises(Refusal) as caught:
        found(good_model, [golden_case([2, 4, 6]), golden_case([2, 4, 7])])
    assert str(caught.value) == (
        "golden case 'doubles': output 'y' is 6.0 at [0, 2] but known is 7.0 (1 of 3 differ)"
    )


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ({"name": "a"}, "has no request.inputs"),
        ({"name": "a", "request": {"inputs": [{"name": "x", "datatype": "FP99"}]}}, "FP99"),
        ({"name": "a", "request": {"inputs": [{"name": "x"}]}}, "datatype"),
    ],
)
def test_malformed_golden_case_is_refused(good_model, case, sentence):
    """A golden.json with a slip is not passed over."""
    with pytest.raises(Refusal, match=sentence):
        found(good_model, [case])


def test_stages_are_told_in_order(good_model):
    """Whoever waits sees what is being done."""
    stages = []
    examine(good_model, on_stage=stages.append)
    assert stages[0] == "reading the file"
    assert stages[-1] == "measuring"
    assert len([stage for stage in stages if not stage.startswith("trying")]) == 7
    assert {"trying 32 rows", "trying empty tensors"} <= set(stages)


def test_findings_survive_json(good_model):
    """What the child writes is what the parent reads."""
    findings = found(good_model)
    assert Findings.from_dict(findings.to_dict()) == findings


def test_sequence_output_is_refused(write_model, value):
    """A sequence is no tensor, and the sentence says how to export instead."""
    path = write_model(
        [helper.make_node("SplitToSequence", ["x"], ["y"])],
        [value("x", FLOAT, ["batch", 3])],
        [helper.make_tensor_sequence_value_info("y", FLOAT, ["batch", 3])],
    )
    with pytest.raises(Refusal, match="output 'y' is a sequence"):
        found(path)


def test_undeclared_input_shape_is_refused(write_model, value):
    """Clients could not be told what to send."""
    path = write_model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [value("x", FLOAT, None)],
        [value("y", FLOAT, [3])],
    )
    with pytest.raises(Refusal, match="input 'x' declares no shape"):
        found(path)


def test_undeclared_output_shape_is_refused(write_model, value):
    """The standard's own checker names no tensor; the sentence does, and how to mend it."""
    path = write_model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [value("x", FLOAT, [3])],
        [value("y", FLOAT, None)],
    )
    with pytest.raises(Refusal, match=r"output 'y' declares no shape; .*infer_shapes"):
        found(path)


@pytest.mark.parametrize("element", [FLOAT, TensorProto.INT64, TensorProto.STRING])
def test_inputs_without_dimensions_are_served(write_model, value, element):
    """A scalar is a tensor too."""
    findings = found(
        write_model(
            [helper.make_node("Identity", ["x"], ["y"])],
            [value("x", element, [])],
            [value("y", element, [])],
        )
    )
    assert [spec.shape for spec in findings.signature.inputs] == [()]
    assert [spec.shape for spec in findings.signature.outputs] == [()]


def test_a_newer_operator_set_is_refused_with_the_newest_that_is_served(write_model, value):
    """The engine's own words name a file of its source first."""
    path = write_model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [value("x", FLOAT, ["batch"])],
        [value("y", FLOAT, ["batch"])],
    )
    model = onnx.load(path)
    model.opset_import[0].version = 999
    onnx.save(model, path)
    with pytest.raises(Refusal, match=r"export it with target_opset=\d+ or less"):
        found(path)


def test_letters_beyond_ascii_change_case_without_a_language(write_model, value):
    """The locale that images have knows the letters of all scripts."""
    path = write_model(
        [helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER")],
        [value("x", TensorProto.STRING, ["batch"])],
        [value("y", TensorProto.STRING, ["batch"])],
    )
    admitted = admit(path.read_bytes(), (), lambda _: None)
    answer = Runner.load(admitted.data).run({"x": np.array(["ÄRGER ЖУК", "فلج"], dtype=object)})
    assert answer["y"].tolist() == ["ärger жук", "فلج"]


def test_a_language_that_images_lack_is_refused(write_model, value):
    """Turkish has letters of its own: no other locale gives the same answers."""
    path = write_model(
        [
            helper.make_node(
                "StringNormalizer", ["x"], ["y"], case_change_action="LOWER", locale="tr_TR.UTF-8"
            )
        ],
        [value("x", TensorProto.STRING, ["batch"])],
        [value("y", TensorProto.STRING, ["batch"])],
    )
    with pytest.raises(Refusal, match=r"locale 'tr_TR\.UTF-8', which images of Lambda do not have"):
        found(path)
