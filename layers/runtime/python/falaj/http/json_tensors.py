"""Tensor data in JSON, as lists of Python values or as an array simdjson still holds, to NumPy.

Nothing is converted on trust: a string, a boolean or null among numbers, a fraction among integers,
a value outside the type's range or a nesting that contradicts the shape is refused.

FP16 is read and written in JSON as decimal numbers. Triton refuses it there for want of a C++ type;
no client can depend on that refusal, and callers without a binary encoder can use such models.
"""

import struct
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
import simdjson

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.http.json_values import RULES, ValueRule, refuse_kind, refuse_range, refuse_shape

_Buffer = tuple[Literal["d", "i", "u"], type[np.float64 | np.int64 | np.uint64]]
_SIGNED: Final[_Buffer] = ("i", np.int64)
_BUFFERS: Final[dict[Datatype, _Buffer]] = {
    Datatype.UINT64: ("u", np.uint64),
    Datatype.FP16: ("d", np.float64),
    Datatype.FP32: ("d", np.float64),
    Datatype.FP64: ("d", np.float64),
}


def tensor_from_json(
    spec: TensorSpec,
    shape: tuple[int, ...],
    count: int,
    data: Any,  # noqa: ANN401 - JSON
) -> Tensor:
    """Build a tensor from a request's `data`, nested like its shape or flat in row-major order.

    Args:
        spec: The input it is for.
        shape: Its shape, already checked against `spec`.
        count: Product of `shape`.
        data: The JSON value; a scalar may stand for itself.

    Raises:
        TensorDataError: It is not `count` values of the input's type.
    """
    if isinstance(data, simdjson.Array):
        _check_nesting(spec, shape, count, data)
        if spec.datatype is not Datatype.BOOL and spec.datatype is not Datatype.BYTES:
            return _from_buffer(spec, count, data).reshape(shape)
        data = _leaves(spec, data, rank=len(shape))
    elif type(data) is not list:
        if shape:
            refuse_shape(spec)
        data = [data]
    elif data and type(data[0]) is list:
        data = _flattened(spec, shape, data)
    return _from_list(spec, count, data).reshape(shape)


def _from_list(spec: TensorSpec, count: int, data: list[Any]) -> Tensor:
    if len(data) != count:
        refuse_shape(spec)
    rule = RULES[spec.datatype]
    kinds = set(map(type, data))
    if not kinds <= rule.kinds:
        refuse_kind(spec)
    if not rule.code:
        return np.array(data, dtype=rule.dtype)
    try:
        # Packing refuses what is out of range, and is quicker than NumPy for a few hundred values.
        return np.frombuffer(struct.pack(f"={count}{rule.code}", *data), dtype=rule.dtype)
    except (struct.error, OverflowError):
        refuse_range(spec)


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
    if count and not _is_within(rule, values.min(), values.max()):
        refuse_range(spec)
    return values.astype(rule.dtype)


def _is_within(rule: ValueRule, least: float, most: float) -> bool:
    return rule.low is None or rule.high is None or rule.low <= least <= most <= rule.high


def _check_nesting(
    spec: TensorSpec, shape: tuple[int, ...], count: int, data: simdjson.Array
) -> None:
    """Refuse nested data whose levels are not those of the shape; flat data has only a length."""
    is_nested = len(data) > 0 and isinstance(data[0], simdjson.Array)
    if not (_is_nested_like(data, shape) if is_nested else len(data) == count):
        refuse_shape(spec)


def _is_nested_like(data: simdjson.Array, shape: tuple[int, ...]) -> bool:
    if not shape or len(data) != shape[0]:
        return False
    inner = shape[1:]
    if not inner:
        return not (len(data) and isinstance(data[0], simdjson.Array))
    return all(isinstance(row, simdjson.Array) and _is_nested_like(row, inner) for row in data)


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


def _flattened(spec: TensorSpec, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    level: list[Any] = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in level):
            refuse_shape(spec)
        level = list(chain.from_iterable(level))
    return level
