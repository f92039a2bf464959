"""Tensor data in JSON, as lists of Python values or as an array simdjson still holds, to NumPy.

Nothing is converted on trust: a string, a boolean or null among numbers, a fraction among integers,
a value outside the type's range or a nesting that contradicts the shape is refused.

FP16 is read and written in JSON as decimal numbers. Triton refuses it there for want of a C++ type;
no client can depend on that refusal, and callers without a binary encoder can use such models.
"""

import struct
from itertools import chain
from typing import Any, Final

import numpy as np

from falaj.domain.tensors import TensorSpec
from falaj.engines.engine import Tensor
from falaj.http.json_values import RULES, refuse_kind, refuse_range, refuse_shape

_SCALARS: Final = (str, int, float, dict, type(None))


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
    if type(data) is not list:
        if isinstance(data, _SCALARS):
            if shape:
                refuse_shape(spec)
            data = [data]
        else:
            # simdjson brings imports that a cold start does without.
            from falaj.http.json_arrays import values_of  # noqa: PLC0415

            data = values_of(spec, shape, count, data)
            if isinstance(data, np.ndarray):
                return data.reshape(shape)
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


def _flattened(spec: TensorSpec, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    level: list[Any] = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in level):
            refuse_shape(spec)
        level = list(chain.from_iterable(level))
    return level
