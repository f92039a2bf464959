"""Tensor element types of the Open Inference Protocol and what other fields call them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Datatype(StrEnum):
    """An element type, spelled as on the wire.

    Source:
        Open Inference Protocol, "Tensor Data Types",
        github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
    """

    __hash__ = str.__hash__  # Enum's is written in Python; this is a key in every request

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def size(self) -> int | None:
        """Bytes of one element; None for BYTES, whose elements vary."""
        return _SIZES[self]

    @property
    def numpy_name(self) -> str:
        """The NumPy dtype's name; `object` for BYTES."""
        return _NUMPY_NAMES[self]

    @property
    def is_float(self) -> bool:
        """Whether elements are floating point."""
        return self in {Datatype.FP16, Datatype.FP32, Datatype.FP64}

    @property
    def is_integer(self) -> bool:
        """Whether elements are integers."""
        return self.value.startswith(("INT", "UINT"))

    @property
    def integer_range(self) -> tuple[int, int] | None:
        """Smallest and largest value of an integer type; None for others."""
        if not self.is_integer or self.size is None:
            return None
        bits = 8 * self.size
        if self.value.startswith("U"):
            return 0, 2**bits - 1
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


_SIZES: Final[dict[Datatype, int | None]] = {
    Datatype.BOOL: 1,
    Datatype.UINT8: 1,
    Datatype.UINT16: 2,
    Datatype.UINT32: 4,
    Datatype.UINT64: 8,
    Datatype.INT8: 1,
    Datatype.INT16: 2,
    Datatype.INT32: 4,
    Datatype.INT64: 8,
    Datatype.FP16: 2,
    Datatype.FP32: 4,
    Datatype.FP64: 8,
    Datatype.BYTES: None,
}

_NUMPY_NAMES: Final[dict[Datatype, str]] = {
    Datatype.BOOL: "bool",
    Datatype.UINT8: "uint8",
    Datatype.UINT16: "uint16",
    Datatype.UINT32: "uint32",
    Datatype.UINT64: "uint64",
    Datatype.INT8: "int8",
    Datatype.INT16: "int16",
    Datatype.INT32: "int32",
    Datatype.INT64: "int64",
    Datatype.FP16: "float16",
    Datatype.FP32: "float32",
    Datatype.FP64: "float64",
    Datatype.BYTES: "object",
}

DYNAMIC: Final = -1
"""A dimension the model leaves open, as KServe and Triton write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """The declared name, element type and shape of one model input or output.

    Attributes:
        name: Tensor name, as in the ONNX graph.
        datatype: Element type.
        shape: Dimensions; `DYNAMIC` (-1) where any size is taken. `()` is a scalar.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a tensor needs a name")
        if any(size < DYNAMIC for size in self.shape):
            raise ValueError(f"tensor {self.name!r}: a dimension is -1 (open) or at least 0")

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether a concrete shape satisfies this declaration.

        Example:
            >>> TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 30)).admits((4, 30))
            True
        """
        return len(shape) == len(self.shape) and all(
            declared in {DYNAMIC, size} for declared, size in zip(self.shape, shape, strict=True)
        )
