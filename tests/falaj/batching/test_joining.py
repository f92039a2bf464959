"""Joined tensors come apart again as they went in."""

import numpy as np
import pytest

from falaj.batching.joining import divided, joined


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_joined_divides_into_what_it_was(axis):
    """Each request gets its own rows back, along any axis."""
    shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    rows = [1, 3, 2]
    for shape, count in zip(shapes, rows, strict=True):
        shape[axis] = count
    inputs = [{"x": np.random.default_rng(0).normal(size=shape)} for shape in shapes]
    whole = joined(inputs, axis)["x"]
    parts = divided([whole, whole * 2], rows, axis)
    for given, (first, second) in zip(inputs, parts, strict=True):
        assert np.array_equal(first, given["x"])
        assert np.array_equal(second, given["x"] * 2)


def test_text_joins_too():
    """BYTES tensors are arrays of objects and batch like others."""
    words = [
        {"x": np.array([["سلام"]], dtype=object)},
        {"x": np.array([["b"], ["c"]], dtype=object)},
    ]
    assert [p[0].tolist() for p in divided([joined(words, 0)["x"]], [1, 2], 0)] == [
        [["سلام"]],
        [["b"], ["c"]],
    ]


@pytest.mark.parametrize("output", [np.zeros(3), np.zeros(()), np.zeros((1, 2))])
def test_an_output_without_a_row_for_each_is_not_divided(output):
    """Rows are never guessed: an output of another length is an error."""
    with pytest.raises(ValueError, match="2 rows went in"):
        divided([output], [1, 1], 0)
