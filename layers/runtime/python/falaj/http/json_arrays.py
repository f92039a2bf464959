"""Tensor data that simdjson still holds as an index into a large document, to NumPy."""

from typing import Any, Final, Literal

import numpy as np
import simdjson

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.http.json_values import RULES, ValueRule, refuse_kind, refuse_range, refuse_shape
from falaj.http.large_documents import IndexedArray

_Buffer = tuple[Literal["d", "i", "u"], type[np.float64 | np.int64 | np.uint64]]
_SIGNED: Final[_Buffer] = ("i", np.int64)
_BUFFERS: Final[dict[Datatype, _Buffer]] = {
    Datatype.UINT64: ("u", np.uint64),
    Datatype.FP16: ("d", np.float64),
    Datatype.FP32: ("d", np.float64),
    Datatype.FP64: ("d", np.float64),
}


def values_of(
    spec: TensorSpec,
    shape: tuple[int, ...],
    count: int,
    data: Any,  # noqa: ANN401 - JSON
) -> Tensor | list[Any]:
    """Take checked values out of an array: numbers as a flat tensor, others as a list.

    Raises:
        TensorDataError: Its nesting is not the shape's, or a value not the type's.
    """
    if not isinstance(data, IndexedArray):
        refuse_shape(spec)
    array, is_even = data
    _check_nesting(spec, shape, count, array, is_even=is_even)
    if spec.datatype is Datatype.BOOL or spec.datatype is Datatype.BYTES:
        return _leaves(spec, array, rank=len(shape))
    return _from_buffer(spec, count, array)


def _from_buffer(spec: TensorSpec, count: int, data: simdjson.Array) -> Tensor:
    code, wire = _BUFFERS.get(spec.datatype, _SIGNED)
    try:
        values = np.frombuffer(data.as_buffer(of_type=code), dtype=wire)
    except (TypeError, RuntimeError):
        refuse_kind(spec)
    except ValueError:
        refuse_range(spec)
    if len(values) != count:
        refuse_shape(spec)
    rule = RULES[spec.datatype]
    if rule.dtype == values.dtype:
        return values
    if count and not _is_within(rule, values.min().item(), values.max().item()):
        refuse_range(spec)
    return values.astype(rule.dtype)


def _is_within(rule: ValueRule, least: float, most: float) -> bool:
    return rule.low is None or rule.high is None or rule.low <= least <= most <= rule.high


def _check_nesting(
    spec: TensorSpec, shape: tuple[int, ...], count: int, data: simdjson.Array, *, is_even: bool
) -> None:
    """Refuse nested data whose levels are not those of the shape; flat data has only a length."""
    is_nested = len(data) > 0 and isinstance(data[0], simdjson.Array)
    if is_nested:
        is_right = _is_nested_like(data, shape, is_even=is_even)
    else:
        is_right = len(data) == count and _is_flat(data, is_even=is_even)
    if not is_right:
        refuse_shape(spec)


def _is_nested_like(data: simdjson.Array, shape: tuple[int, ...], *, is_even: bool) -> bool:
    if not shape or len(data) != shape[0]:
        return False
    inner = shape[1:]
    if not inner:
        return _is_flat(data, is_even=is_even)
    return all(
        isinstance(row, simdjson.Array) and _is_nested_like(row, inner, is_even=is_even)
        for row in data
    )


def _is_flat(data: simdjson.Array, *, is_even: bool) -> bool:
    if is_even:
        return not (len(data) and isinstance(data[0], simdjson.Array))
    return not any(isinstance(item, simdjson.Array) for item in data)


def _leaves(spec: TensorSpec, data: simdjson.Array, *, rank: int) -> list[Any]:
    """List the scalars of checked data, stopping at the first of another kind."""
    kinds = RULES[spec.datatype].kinds
    leaves: list[Any] = []
    for item in data:
        if isinstance(item, simdjson.Array) and rank > 1:
            leaves += _leaves(spec, item, rank=rank - 1)
        elif type(item) in kinds:
            leaves.append(item)
        else:
            refuse_kind(spec)
    return leaves
