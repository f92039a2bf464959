"""JSON Schema (2020-12) of a model's tensors, as tight as one schema can say it.

What JSON Schema cannot say, the service checks: that `data` has as many elements as `shape` says.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, Final

from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec

JSON = dict[str, Any]

FLOAT_LIMITS: Final = {
    Datatype.FP16: 65504.0,
    Datatype.FP32: 3.4028234663852886e38,
    Datatype.FP64: 1.7976931348623157e308,
}
"""Largest finite values of binary16, binary32 and binary64. Source: IEEE 754-2019, table 3.5."""

DECLARED_SHAPE: Final = "x-falaj-shape"
"""The shape as the model declares it, -1 where it is open; for people and their pages."""

LARGEST_DIMENSION: Final = 2**63 - 1

PARAMETERS: Final[JSON] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
"""Source: Open Inference Protocol, "Parameters": string, number or boolean values."""


def element_schema(datatype: Datatype) -> JSON:
    """Describe one element of a tensor in JSON.

    Example:
        >>> element_schema(Datatype.UINT8)
        {'type': 'integer', 'minimum': 0, 'maximum': 255}
    """
    if datatype is Datatype.BOOL:
        return {"type": "boolean"}
    if datatype is Datatype.BYTES:
        return {"type": "string"}
    if limits := datatype.integer_range:
        return {"type": "integer", "minimum": limits[0], "maximum": limits[1]}
    limit = FLOAT_LIMITS[datatype]
    return {"type": "number", "minimum": -limit, "maximum": limit}


def shape_schema(shape: Sequence[int]) -> JSON:
    """Describe the `shape` member of a tensor."""
    schema: JSON = {"type": "array", "minItems": len(shape), "maxItems": len(shape)}
    if shape:
        schema["prefixItems"] = [
            {"type": "integer", "minimum": 0, "maximum": LARGEST_DIMENSION}
            if size == DYNAMIC
            else {"type": "integer", "const": size}
            for size in shape
        ]
    return schema


def data_schema(spec: TensorSpec) -> JSON:
    """Describe the `data` member: nested by the shape, or flat in row-major order.

    Source:
        Open Inference Protocol, "Tensor Data": "flattened (one-dimensional) representation or
        nested".
    """
    flat = _flat_schema(spec)
    if len(spec.shape) <= 1:
        return flat
    nested = element_schema(spec.datatype)
    for size in reversed(spec.shape):
        nested = _array_of(nested, size)
    return {"anyOf": [nested, flat]}


def input_schema(spec: TensorSpec) -> JSON:
    """Describe one input tensor of a request, its elements in JSON."""
    return {
        "type": "object",
        "title": spec.name,
        DECLARED_SHAPE: list(spec.shape),
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string", "const": spec.name},
            "datatype": {"type": "string", "const": spec.datatype.value},
            "shape": shape_schema(spec.shape),
            "data": data_schema(spec),
        },
    }


def output_schema(spec: TensorSpec) -> JSON:
    """Describe one output tensor of an answer, its elements in JSON and flat."""
    return {
        "type": "object",
        "title": spec.name,
        DECLARED_SHAPE: list(spec.shape),
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string", "const": spec.name},
            "datatype": {"type": "string", "const": spec.datatype.value},
            "shape": {
                "type": "array",
                "minItems": len(spec.shape),
                "maxItems": len(spec.shape),
                "items": {"type": "integer", "minimum": 0},
            },
            "data": _flat_schema(spec),
            "parameters": PARAMETERS,
        },
    }


def _flat_schema(spec: TensorSpec) -> JSON:
    size = DYNAMIC if DYNAMIC in spec.shape else prod(spec.shape)
    return _array_of(element_schema(spec.datatype), size)


def _array_of(items: JSON, size: int) -> JSON:
    schema: JSON = {"type": "array", "items": items}
    if size != DYNAMIC:
        schema |= {"minItems": size, "maxItems": size}
    return schema
