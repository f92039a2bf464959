"""Tensor data in JSON: lists of Python values or an array simdjson still holds, to NumPy.

Nothing is converted on trust: a string, a boolean or null among numbers, a fraction among integers,
a value outside the type's range or a nesting that contradicts the shape is refused.

FP16 is read and written in JSON as decimal numbers. Triton refuses it there for want of a C++ type;
no client can depend on that refusal, and callers without a binary encoder can use such models.
"""

from itertools import chain
from typing import Any, Final, Never

import numpy as np
import simdjson

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.errors import TensorDataError

_LARGEST: Final = {
    Datatype.FP16: float(np.finfo(np.float16).max),
    Datatype.FP32: float(np.finfo(np.float32).max),
    Datatype.FP64: float(np.finfo(np.float64).max),
}
_DTYPES: Final = {datatype: np.dtype(datatype.numpy_name) for datatype in Datatype}
_RANGES: Final = {datatype: datatype.integer_range for datatype in Datatype}
_KINDS: Final = {
    Datatype.BOOL: (frozenset({bool}), "true and false"),
    Datatype.BYTES: (frozenset({str}), "strings"),
    **{d: (frozenset({int}), "whole numbers") for d in Datatype if d.is_integer},
    **{d: (frozenset({int, float}), "numbers") for d in Datatype if d.is_float},
}


def tensor_from_json(spec: TensorSpec, shape: tuple[int, ...], count: int, data: Any) -> Tensor:  # noqa: ANN401 - JSON
    """Build a tensor from a request's `data`, nested like its shape or flat in row-major order.

    Args:
        spec: The input it is for.
        shape: Its shape, already checked against `spec`.
        count: Product of `shape`.
        data: The JSON value.

    Raises:
        TensorDataError: It is not `count` values of the input's type.
    """
    if isinstance(data, simdjson.Array):
        if spec.datatype in {Datatype.BOOL, Datatype.BYTES}:
            data = data.as_list() if len(data) <= max(count, 1) else _mismatch(spec)
        else:
            return _from_buffer(spec, shape, count, data)
    return _from_list(spec, shape, count, data)


def _from_list(spec: TensorSpec, shape: tuple[int, ...], count: int, data: Any) -> Tensor:  # noqa: ANN401
    if not isinstance(data, list):
        if shape or data is None:
            raise TensorDataError(name=spec.name, reason="'data' must be an array")
        data = [data]
    if data and type(data[0]) is list:
        data = _flattened(spec, shape, data)
    if len(data) != count:
        _mismatch(spec)
    datatype = spec.datatype
    allowed, words = _KINDS[datatype]
    if not set(map(type, data)) <= allowed:
        raise TensorDataError(name=spec.name, reason=f"{datatype} data must be {words}")
    if data and datatype in _LARGEST:
        largest = _LARGEST[datatype]
        if not -largest <= min(data) <= max(data) <= largest:
            _out_of_range(spec)
    elif data and (bounds := _RANGES[datatype]):
        if min(data) < bounds[0] or max(data) > bounds[1]:
            _out_of_range(spec)
    return np.array(data, dtype=_DTYPES[datatype]).reshape(shape)


def _from_buffer(
    spec: TensorSpec, shape: tuple[int, ...], count: int, data: simdjson.Array
) -> Tensor:
    datatype = spec.datatype
    if len(data) != count or len(shape) > 1:
        _check_nesting(spec, shape, count, data)
    code, wire = _BUFFERS.get(datatype, ("i", np.int64))
    try:
        values = np.frombuffer(data.as_buffer(of_type=code), dtype=wire)
    except (TypeError, RuntimeError) as error:
        words = _KINDS[datatype][1]
        raise TensorDataError(name=spec.name, reason=f"{datatype} data must be {words}") from error
    except ValueError as error:
        raise TensorDataError(
            name=spec.name, reason=f"'data' holds a value outside {datatype}'s range"
        ) from error
    if len(values) != count:
        _mismatch(spec)
    target = _DTYPES[datatype]
    if target != values.dtype:
        _check_range(spec, values)
        values = values.astype(target)
    return values.reshape(shape)


_BUFFERS: Final[dict[Datatype, tuple[str, Any]]] = {
    Datatype.UINT64: ("u", np.uint64),
    **{d: ("d", np.float64) for d in Datatype if d.is_float},
}


def _check_range(spec: TensorSpec, values: Tensor) -> None:
    if not len(values):
        return
    largest = _LARGEST.get(spec.datatype)
    low, high = (-largest, largest) if largest else _RANGES[spec.datatype] or (0, 0)
    if values.min() < low or values.max() > high:
        _out_of_range(spec)


def _check_nesting(
    spec: TensorSpec, shape: tuple[int, ...], count: int, data: simdjson.Array
) -> None:
    """Refuse nested data whose levels are not those of the shape; flat data has only a length."""
    if not len(data) or not isinstance(data[0], simdjson.Array):
        if len(data) != count:
            _mismatch(spec)
        return
    level = [data]
    for depth, size in enumerate(shape):
        if any(not isinstance(row, simdjson.Array) or len(row) != size for row in level):
            _mismatch(spec)
        if depth < len(shape) - 1:
            level = [item for row in level for item in row]


def _flattened(spec: TensorSpec, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    level: list[Any] = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in level):
            _mismatch(spec)
        level = list(chain.from_iterable(level))
    return level


def _mismatch(spec: TensorSpec) -> Never:
    raise TensorDataError(
        name=spec.name,
        reason="Unable to parse 'data': Shape does not match true shape of 'data' field",
    )


def _out_of_range(spec: TensorSpec) -> Never:
    raise TensorDataError(
        name=spec.name, reason=f"'data' holds a value outside {spec.datatype}'s range"
    )
