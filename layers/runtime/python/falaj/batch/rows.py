"""Records become rows of a model's inputs, by the checks that serve every request.

A record's value of an input has the input's shape without the batch axis; a model without one takes
the whole tensor. `{"inputs": […]}` is a request of the Open Inference Protocol, taken as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from falaj.batch.columns import KEYS
from falaj.domain.tensors import TensorSpec
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.engines.validation import MAX_RANK
from falaj.errors import (
    MalformedRequestError,
    MissingInputError,
    PayloadTooLargeError,
    ShapeMismatchError,
    TensorDataError,
)
from falaj.http.decoding import decoded
from falaj.http.json_tensors import tensor_from_json
from falaj.http.service import Limits

REQUEST: Final = "inputs"
"""A record with this field, for a model without such an input, is a whole request."""
_LIMITS: Final = Limits()


class Row(NamedTuple):
    """One record, understood: its values are not yet tensors.

    Attributes:
        key: The record's own name; None where it has none.
        shapes: Shape of each input's value, in the signature's order.
        values: The values.
        request: The request it is instead.
    """

    key: str | int | None
    shapes: tuple[tuple[int, ...], ...] = ()
    values: tuple[Any, ...] = ()
    request: InferenceRequest | None = None


def row_of_json(text: bytes, model: ServedModel) -> Row:
    """Read one record of JSON Lines.

    Raises:
        RequestError: It is no record, or not one of this model.
    """
    if len(text) > _LIMITS.json_bytes:
        raise PayloadTooLargeError(
            what="the record", limit=_LIMITS.json_bytes, mend="part it into smaller ones"
        )
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"no JSON: {error}") from error
    inputs = model.check.inputs
    if not isinstance(value, dict):
        if len(inputs) != 1:
            raise MalformedRequestError("the record must be an object with a field for each input")
        value = {next(iter(inputs)): value}
    key = key_of(value, inputs)
    if REQUEST in value and REQUEST not in inputs:
        if "id" in value:
            value["id"] = None if key is None else str(key)
        request = decoded(orjson.dumps(value), None, model.check, _LIMITS)
        return Row(key=key, request=request)
    return row_of_fields(value, model, key)


def key_of(fields: Mapping[str, Any], inputs: Mapping[str, TensorSpec]) -> str | int | None:
    """Return what a record calls itself.

    Raises:
        MalformedRequestError: That is neither a text nor a whole number.
    """
    for name in KEYS:
        if name in fields and name not in inputs:
            key = fields[name]
            if key is None or isinstance(key, str) or type(key) is int:
                return key
            raise MalformedRequestError(f"its {name!r} must be a string or a whole number")
    return None


def row_of_fields(fields: Mapping[str, Any], model: ServedModel, key: str | int | None) -> Row:
    """Check the values of a record that names the model's inputs.

    Raises:
        RequestError: One is missing, or of another shape.
    """
    inputs, axis = model.check.inputs, model.manifest.signature.batching.batch_axis
    got = [name for name in inputs if name in fields]
    if len(got) < len(inputs):
        raise MissingInputError(model=model.name, expected=tuple(inputs), got=got)
    shapes, values = [], []
    for name, spec in inputs.items():
        value, wanted = fields[name], without(spec.shape, axis)
        if not isinstance(value, list) and len(wanted) == 1 and wanted[0] in {1, -1}:
            value = [value]
        shape = _shape_of(value)
        if len(shape) != len(wanted) or any(
            declared not in {-1, size} for declared, size in zip(wanted, shape, strict=True)
        ):
            raise ShapeMismatchError(name=name, model=model.name, expected=wanted, got=shape)
        shapes.append(shape)
        values.append(value)
    return Row(key=key, shapes=tuple(shapes), values=tuple(values))


def joined_inputs(rows: Sequence[Row], model: ServedModel) -> dict[str, Tensor]:
    """Build the inputs of one run from rows of equal shapes.

    Raises:
        RequestError: A value is not of its input's type.
    """
    check, axis = model.check, model.manifest.signature.batching.batch_axis
    tensors: dict[str, Tensor] = {}
    for place, (name, spec) in enumerate(check.inputs.items()):
        shape = rows[0].shapes[place]
        whole = shape if axis is None else (*shape[:axis], len(rows), *shape[axis:])
        count = check.element_count(name, spec.datatype, whole)
        if axis is None:
            tensors[name] = tensor_from_json(spec, shape, count, rows[0].values[place])
            continue
        stacked = [row.values[place] for row in rows]
        tensor = tensor_from_json(spec, (len(rows), *shape), count, stacked)
        # Rows are stacked along the first axis; the model may want them along another.
        tensors[name] = np.ascontiguousarray(np.moveaxis(tensor, 0, axis)) if axis else tensor
    return tensors


def without(shape: Sequence[int], axis: int | None) -> tuple[int, ...]:
    """Return a shape without its batch axis."""
    return tuple(size for place, size in enumerate(shape) if place != axis)


def _shape_of(value: Any) -> tuple[int, ...]:  # noqa: ANN401 - JSON
    """Return the shape that a value's first elements have; building a tensor checks the others."""
    shape: list[int] = []
    while isinstance(value, list):
        if len(shape) == MAX_RANK:
            raise TensorDataError(name="record", reason=f"more than {MAX_RANK} lists in each other")
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)
