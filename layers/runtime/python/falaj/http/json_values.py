"""What JSON values may become an element of each type."""

from typing import Any, Final, NamedTuple, Never

import numpy as np

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.errors import TensorDataError


class ValueRule(NamedTuple):
    """The rule of one element type.

    Attributes:
        dtype: What NumPy calls the type.
        kinds: Python types its JSON values parse to; `bool` is no `int` here.
        words: What to call them in a refusal.
        code: How `struct` packs one; empty where there is no such code.
        low: Smallest value; None where there is no order.
        high: Largest value.
    """

    dtype: np.dtype[Any]
    kinds: frozenset[type]
    words: str
    code: str = ""
    low: float | None = None
    high: float | None = None


def _rule(datatype: Datatype) -> ValueRule:
    dtype = np.dtype(datatype.numpy_name)
    if datatype is Datatype.BOOL:
        return ValueRule(dtype=dtype, kinds=frozenset({bool}), words="true and false")
    if datatype is Datatype.BYTES:
        return ValueRule(dtype=dtype, kinds=frozenset({str}), words="strings")
    if (bounds := datatype.integer_range) is not None:
        low, high = bounds
        kinds = frozenset[type]({int})
        return ValueRule(
            dtype=dtype,
            kinds=kinds,
            words="whole numbers",
            code=_CODES[dtype.char],
            low=low,
            high=high,
        )
    largest = _largest_float(dtype)
    kinds = frozenset({int, float})
    return ValueRule(
        dtype=dtype, kinds=kinds, words="numbers", code=dtype.char, low=-largest, high=largest
    )


def _largest_float(dtype: np.dtype[Any]) -> float:
    """The largest double that rounds to a finite value of a type: half a step beyond its largest.

    An answer writes the largest FP32 as 3.4028235e38: as a double, a little more than it is.
    """
    largest = np.finfo(dtype).max
    if dtype.itemsize >= _DOUBLE_BYTES:
        return float(largest)
    step = float(largest) - float(np.nextafter(largest, dtype.type(0)))
    return float(np.nextafter(float(largest) + step / 2, 0.0))


_DOUBLE_BYTES: Final = 8
_CODES: Final = {"l": "q", "L": "Q"} | {code: code for code in "bBhHiI"}
"""`struct`'s standard-size code by NumPy's character, which for 64 bits is the platform's long."""

RULES: Final = {datatype: _rule(datatype) for datatype in Datatype}


def refuse_shape(spec: TensorSpec) -> Never:
    """Refuse data that is not what the stated shape says."""
    raise TensorDataError(
        name=spec.name,
        reason="Unable to parse 'data': Shape does not match true shape of 'data' field",
    )


def refuse_kind(spec: TensorSpec) -> Never:
    """Refuse values of another kind than the input's type."""
    raise TensorDataError(
        name=spec.name, reason=f"{spec.datatype} data must be {RULES[spec.datatype].words}"
    )


def refuse_range(spec: TensorSpec) -> Never:
    """Refuse values the input's type cannot hold."""
    raise TensorDataError(
        name=spec.name, reason=f"'data' holds a value outside {spec.datatype}'s range"
    )
