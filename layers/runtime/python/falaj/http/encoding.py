"""From a model's outputs to a response's bytes."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson

from falaj.contract import HEADER_BINARY_LENGTH
from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.errors import InvalidOutputError
from falaj.http.binary_tensors import binary_from_tensor

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


def encoded(
    model: ServedModel, request: InferenceRequest, tensors: Sequence[Tensor]
) -> tuple[bytes, dict[str, str]]:
    """Write an inference response, with binary data behind its JSON where it was asked for.

    NaN and Inf have no JSON. They are an invalid output in binary as well: what the guard counts
    must not depend on how a caller likes its numbers.

    Returns:
        The body and the headers that describe it.

    Raises:
        InvalidOutputError: An output holds NaN or Inf, or text that is not UTF-8.
    """
    outputs: list[dict[str, Any]] = []
    binaries: list[bytes] = []
    is_suspect = False
    declared, types = model.check.outputs, model.check.output_types
    for requested, tensor in zip(request.outputs, tensors, strict=True):
        datatype = declared[requested.name].datatype
        output: dict[str, Any] = {
            "name": requested.name,
            "datatype": types[requested.name],
            "shape": tensor.shape,
        }
        if requested.is_binary:
            is_suspect |= not is_finite(tensor)
            binary = binary_output(model, requested.name, datatype, tensor)
            output["parameters"] = {"binary_data_size": len(binary)}
            binaries.append(binary)
        else:
            output["data"] = _json_values(datatype, tensor)
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
    if request.id is not None:
        document["id"] = request.id
    document["outputs"] = outputs
    text = _text(model, document)
    # orjson writes NaN and Inf as null; looking for it is quicker than looking at every number.
    if is_suspect or b"null" in text:
        check_finite(model, request, tensors)
    if not binaries:
        return text, {"content-type": JSON}
    headers = {"content-type": BINARY, HEADER_BINARY_LENGTH: str(len(text))}
    return b"".join((text, *binaries)), headers


def _json_values(datatype: Datatype, tensor: Tensor) -> Any:  # noqa: ANN401 - list or array
    values = tensor.ravel()
    return values.tolist() if datatype is Datatype.BYTES else values


def _text(model: ServedModel, document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=_NUMPY)
    except orjson.JSONEncodeError as error:
        # Everything but an output's text was checked on the way in.
        raise InvalidOutputError(
            name="text", model=model.name, reason="it holds text that is not Unicode"
        ) from error


def binary_output(model: ServedModel, name: str, datatype: Datatype, tensor: Tensor) -> bytes:
    """Write one output's elements in row-major order.

    Raises:
        InvalidOutputError: It holds text that is not Unicode.
    """
    try:
        return binary_from_tensor(datatype, tensor)
    except UnicodeEncodeError as error:
        raise InvalidOutputError(
            name=name, model=model.name, reason="it holds text that is not Unicode"
        ) from error


def is_finite(tensor: Tensor) -> bool:
    """Whether a tensor holds neither NaN nor Inf."""
    return tensor.dtype.kind != "f" or b"\0" not in np.isfinite(tensor).tobytes()


def check_finite(model: ServedModel, request: InferenceRequest, tensors: Sequence[Tensor]) -> None:
    """Refuse to send what is not a number.

    Raises:
        InvalidOutputError: An output holds NaN or Inf.
    """
    for name, tensor in zip(request.output_names, tensors, strict=True):
        if not is_finite(tensor):
            raise InvalidOutputError(name=name, model=model.name, reason="it holds NaN or Inf")
