"""A caller who must carry state is told so; others are left in peace."""

import pytest

from catalogue.gate.state import state_pairs
from falaj.domain.tensors import Datatype, TensorSpec


def specs(*names: str, shape=(-1, 4)) -> list[TensorSpec]:
    """Declare tensors of one type and shape."""
    return [TensorSpec(name=name, datatype=Datatype.FP32, shape=shape) for name in names]


@pytest.mark.parametrize(
    ("inputs", "outputs", "pairs"),
    [
        (["audio", "state"], ["score", "stateN"], [("state", "stateN")]),
        (["x", "h0", "c0"], ["y", "hn", "cn"], [("h0", "hn"), ("c0", "cn")]),
        (
            ["ids", "past_key_values.0.key"],
            ["logits", "present.0.key"],
            [("past_key_values.0.key", "present.0.key")],
        ),
        (["ids", "past.0.key"], ["logits", "present.0.key"], [("past.0.key", "present.0.key")]),
        (["x", "cache_in"], ["y", "cache_out"], [("cache_in", "cache_out")]),
        (["x"], ["x_out"], []),
        (["input"], ["output"], []),
        (["image", "mask"], ["boxes", "scores"], []),
    ],
)
def test_state_is_told_by_names_of_one_stem(inputs, outputs, pairs):
    """`h0` and `hn`, `state` and `stateN`; a lone input with a like output is no state."""
    assert state_pairs(specs(*inputs), specs(*outputs)) == tuple(pairs)


def test_other_shape_is_no_state():
    """What does not fit back in is not carried."""
    assert state_pairs(specs("x", "h0"), specs("y", "hn", shape=(-1, 5))) == ()
