"""What a person types becomes a request of the protocol."""

import pytest

from cli.failures import MisuseError
from cli.request import differences, nesting, request_from
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec

ROWS = TensorSpec(name="rows", datatype=Datatype.FP32, shape=(-1, 2))
TEXT = TensorSpec(name="text", datatype=Datatype.BYTES, shape=(-1,))
ONE = ModelSignature(inputs=(ROWS,), outputs=(ROWS,))
TWO = ModelSignature(inputs=(ROWS, TEXT), outputs=(ROWS,))


def test_nesting_gives_the_shape():
    """Nobody writes shapes by hand."""
    assert request_from(ONE, ["rows=[[1,2],[3,4]]"])["inputs"] == [
        {"name": "rows", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    ]


def test_one_row_is_a_batch_of_one():
    """A vector given to a model of rows is one row."""
    assert request_from(ONE, ["[1,2]"])["inputs"][0]["shape"] == [1, 2]


def test_files_hold_json(tmp_path):
    """Large inputs come from files."""
    path = tmp_path / "rows.json"
    path.write_text("[[1,2]]")

    assert request_from(ONE, [f"rows=@{path}"])["inputs"][0]["data"] == [[1, 2]]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["[1,2]"], "has no name"),
        (["rows=[1,2", 'text=["a"]'], "is not JSON"),
        (["text=hello"], "quotes of its own"),
        (["columns=[1]"], "no input 'columns'"),
        (["rows=@nowhere.json"], "cannot read"),
    ],
)
def test_misunderstandings_say_what_to_write(words, why):
    """Each mistake has its own sentence."""
    with pytest.raises(MisuseError, match=why):
        request_from(TWO, words)


def test_shape_of_ragged_and_empty_values():
    """The service judges them; the command only reads them."""
    assert [nesting(v) for v in ([], [[]], [[1], 2], 5)] == [(0,), (1, 0), (2, 1), ()]


@pytest.mark.parametrize(
    ("data", "wrong"), [([1.0, 2.0], []), ([1.0004, 2.0], []), ([1.1, 2.0], ["p"]), ([1.0], ["p"])]
)
def test_answers_are_compared_within_their_tolerance(data, wrong):
    """A golden case is right or wrong, never nearly."""
    case = {"expect": {"outputs": [{"name": "p", "data": [1, 2]}]}, "atol": 0.001, "rtol": 0}

    assert differences(case, {"outputs": [{"name": "p", "data": data}]}) == wrong


def test_missing_output_is_a_difference():
    """An answer without the expected output is wrong."""
    assert differences({"expect": {"outputs": [{"name": "p", "data": [1]}]}}, {}) == ["p"]
