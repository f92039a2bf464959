"""What JSON values may become an element of each type."""

from dataclasses import dataclass
from typing import Any, Final, Never

import numpy as np

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.errors import TensorDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRule:
    """The rule of one element type.

    Attributes:
        dtype: What NumPy calls the type.
        kinds: Python types its JSON values parse to; `bool` is no `int` here.
        words: What to call them in a refusal.
        low: Smallest value; None where there is no order.
        high: Largest value.
    """

    dtype: np.dtype[Any]
    kinds: frozenset[type]
    words: str
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
        return ValueRule(dtype=dtype, kinds=kinds, words="whole numbers", low=low, high=high)
    largest = float(np.finfo(dtype).max)
    kinds = frozenset({int, float})
    return ValueRule(dtype=dtype, kinds=kinds, words="numbers", low=-largest, high=largest)


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
