"""Differences are judged by what arithmetic and quantisation really do."""

import numpy as np
import pytest

from catalogue.gate.company import difference


def judged(expected, got) -> bool:
    """Whether two answers count as the same."""
    return difference({"y": np.array(expected)}, {"y": np.array(got)}) <= 1.0


@pytest.mark.parametrize(
    ("expected", "got", "is_same"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], True),  # the order of a float32 sum
        ([1.0, 2.0], [1.0, 2.008], False),  # one step of 8-bit quantisation
        ([0.0, 0.0], [0.0, 0.0], True),
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.nan, 1.0], [1.0, 1.0], False),
        ([np.inf], [np.inf], True),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        ([1.0], [1.0, 1.0], False),
    ],
)
def test_rounding_is_forgiven_and_quantisation_is_not(expected, got, is_same):
    """The line lies between a reordered sum and one quantisation step."""
    assert judged(expected, got) is is_same


def test_half_precision_is_judged_by_its_own_step():
    """float16 cannot be held to float32's tolerance."""
    one = np.array([1.0, 2.0], dtype=np.float16)
    next_up = np.nextafter(one, np.float16(3))
    assert judged(one, next_up)
