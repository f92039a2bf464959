"""Tensor data in the binary extension: little-endian, row-major, without padding.

Source:
    Triton, "Binary Tensor Data Extension", docs/protocol/extension_binary_data.md.
"""

from struct import Struct
from typing import Any, Final

import numpy as np

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.errors import TensorDataError

_LENGTH: Final = Struct("<I")
_DTYPES: Final[dict[Datatype, np.dtype[Any]]] = {
    datatype: np.dtype(datatype.numpy_name).newbyteorder("<")
    for datatype in Datatype
    if datatype is not Datatype.BYTES
}


def tensor_from_binary(
    spec: TensorSpec, shape: tuple[int, ...], count: int, data: memoryview
) -> Tensor:
    """View or copy a tensor out of a request's binary part.

    Args:
        spec: The input it is for.
        shape: Its shape, already checked against `spec`.
        count: Product of `shape`.
        data: Exactly its bytes.

    Raises:
        TensorDataError: They are not `count` elements of the input's type.
    """
    size = spec.datatype.size
    if size is None:
        return _strings(spec, shape, count, data)
    if len(data) != count * size:
        raise TensorDataError(
            name=spec.name,
            reason=f"input byte size mismatch. Expected {count * size}, got {len(data)}",
        )
    if spec.datatype is Datatype.BOOL:
        return _booleans(spec, data).reshape(shape)
    values = np.frombuffer(data, dtype=_DTYPES[spec.datatype])
    # The JSON before it may end anywhere, and vector instructions want aligned addresses.
    return (values if values.flags.aligned else values.copy()).reshape(shape)


def binary_from_tensor(datatype: Datatype, tensor: Tensor) -> bytes:
    """Write a tensor's elements in row-major order."""
    if datatype is Datatype.BYTES:
        parts = [_encoded(element) for element in tensor.ravel()]
        return b"".join(_LENGTH.pack(len(part)) + part for part in parts)
    dtype = _DTYPES[datatype]
    return (tensor if tensor.dtype == dtype else tensor.astype(dtype)).tobytes()


def _encoded(element: str | bytes) -> bytes:
    return element if isinstance(element, bytes) else element.encode()


def _booleans(spec: TensorSpec, data: memoryview) -> Tensor:
    values = np.frombuffer(data, dtype=np.uint8)
    if len(values) and values.max() > 1:
        raise TensorDataError(name=spec.name, reason="a BOOL element is the byte 0 or 1")
    return values.view(np.bool_)


def _strings(spec: TensorSpec, shape: tuple[int, ...], count: int, data: memoryview) -> Tensor:
    if count * _LENGTH.size > len(data):
        raise TensorDataError(
            name=spec.name,
            reason=f"input byte size mismatch. Expected at least {count * _LENGTH.size}, "
            f"got {len(data)}",
        )
    strings = np.empty(count, dtype=object)
    offset = 0
    for index in range(count):
        start = offset + _LENGTH.size
        if start > len(data):
            raise TensorDataError(name=spec.name, reason=f"the data ends before element {index}")
        end = start + int(_LENGTH.unpack_from(data, offset)[0])
        if end > len(data):
            raise TensorDataError(name=spec.name, reason=f"the data ends within element {index}")
        try:
            strings[index] = str(data[start:end], "utf-8")
        except UnicodeDecodeError as error:
            raise TensorDataError(
                name=spec.name, reason=f"element {index} is not UTF-8, as ONNX strings are"
            ) from error
        offset = end
    if offset != len(data):
        raise TensorDataError(
            name=spec.name, reason=f"{len(data) - offset} bytes follow the last element"
        )
    return strings.reshape(shape)
