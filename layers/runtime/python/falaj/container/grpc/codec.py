"""Between the protocol's messages and a checked inference; the rules are those of REST.

Source:
    Open Inference Protocol, inference_grpc.md ("Raw tensor representation": raw contents for all
    inputs or for none).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from falaj.container.grpc.messages import Message, message
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.engines.inference import NO_PARAMETERS, InferenceRequest, RequestedOutput
from falaj.engines.repository import ServedModel
from falaj.engines.validation import MAX_RANK, SignatureCheck
from falaj.errors import (
    MalformedRequestError,
    PayloadTooLargeError,
    ShapeMismatchError,
    TensorDataError,
)
from falaj.http.binary_tensors import tensor_from_binary
from falaj.http.encoding import binary_output, check_finite
from falaj.http.service import Limits

_RESPONSE: Final = message("ModelInferResponse")
_FIELDS: Final[dict[Datatype, str]] = {
    Datatype.BOOL: "bool_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
_REFUSED_PARAMETERS: Final = ("classification", "shared_memory_region")


def inference_of_message(request: Message, model: ServedModel, limits: Limits) -> InferenceRequest:
    """Check a `ModelInferRequest` against a model's signature, then build its tensors.

    Raises:
        RequestError: The caller must change the request.
    """
    check = model.check
    tensors = [(item, _checked(item, check)) for item in request.inputs]
    check.check_complete([item.name for item, _ in tensors])
    _check_strings(tensors, check, limits)
    raw = request.raw_input_contents
    if raw and len(raw) != len(tensors):
        raise MalformedRequestError(
            f"expected {len(tensors)} raw_input_contents, one for each input, but got {len(raw)}"
        )
    inputs: dict[str, Tensor] = {}
    for index, (item, count) in enumerate(tensors):
        spec, shape = check.inputs[item.name], tuple(item.shape)
        if raw:
            if item.HasField("contents"):
                raise MalformedRequestError(
                    f"contents field must not be specified when using raw_input_contents for "
                    f"'{item.name}' for model '{model.name}'"
                )
            inputs[spec.name] = tensor_from_binary(spec, shape, count, memoryview(raw[index]))
        else:
            inputs[spec.name] = _from_contents(spec, count, item.contents).reshape(shape)
    outputs = _outputs(request.outputs, check)
    return InferenceRequest(
        inputs=inputs,
        outputs=outputs,
        output_names=check.output_names
        if outputs is check.all_as_binary
        else tuple(output.name for output in outputs),
        id=request.id or None,
        parameters=parameters_of(request.parameters),
    )


def response_of(
    model: ServedModel, request: InferenceRequest, tensors: Sequence[Tensor]
) -> Message:
    """Write a `ModelInferResponse` with raw contents.

    Raises:
        InvalidOutputError: An output holds NaN or Inf, or text that is not Unicode.
    """
    check_finite(model, request, tensors)
    response = _RESPONSE(model_name=model.name, model_version=model.version, id=request.id or "")
    for requested, tensor in zip(request.outputs, tensors, strict=True):
        datatype = model.check.outputs[requested.name].datatype
        response.outputs.add(name=requested.name, datatype=datatype.value, shape=tensor.shape)
        response.raw_output_contents.append(binary_output(model, requested.name, datatype, tensor))
    return response


def parameters_of(found: Mapping[str, Message]) -> Mapping[str, Any]:
    """Read a map of `InferParameter`."""
    if not found:
        return NO_PARAMETERS
    chosen = {name: item.WhichOneof("parameter_choice") for name, item in found.items()}
    return {name: getattr(found[name], choice) for name, choice in chosen.items() if choice}


def _checked(item: Message, check: SignatureCheck) -> int:
    if len(item.shape) > MAX_RANK:
        raise ShapeMismatchError(
            name=item.name, model=check.model, expected=(), got=item.shape[:MAX_RANK]
        )
    if any(name in item.parameters for name in _REFUSED_PARAMETERS):
        raise TensorDataError(name=item.name, reason="shared memory is not supported")
    return check.element_count(item.name, item.datatype, tuple(item.shape))


def _check_strings(
    tensors: Sequence[tuple[Message, int]], check: SignatureCheck, limits: Limits
) -> None:
    if check.has_strings and limits.strings < sum(
        count for item, count in tensors if check.inputs[item.name].datatype is Datatype.BYTES
    ):
        raise PayloadTooLargeError(
            what="the number of strings", limit=limits.strings, mend="send fewer rows at a time"
        )


def _from_contents(spec: TensorSpec, count: int, contents: Message) -> Tensor:
    field = _FIELDS.get(spec.datatype)
    if field is None:
        raise TensorDataError(
            name=spec.name, reason=f"{spec.datatype} has no typed contents; use raw_input_contents"
        )
    values = getattr(contents, field)
    if len(values) != count:
        raise TensorDataError(
            name=spec.name, reason=f"its shape needs {count} values in {field}, got {len(values)}"
        )
    if spec.datatype is Datatype.BYTES:
        return _strings(spec, values)
    limits = spec.datatype.integer_range
    if limits and count and not (limits[0] <= min(values) and max(values) <= limits[1]):
        raise TensorDataError(name=spec.name, reason=f"a value is out of {spec.datatype}'s range")
    return np.array(values, dtype=spec.datatype.numpy_name)


def _strings(spec: TensorSpec, values: Sequence[bytes]) -> Tensor:
    strings = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        try:
            strings[index] = value.decode()
        except UnicodeDecodeError as error:
            raise TensorDataError(
                name=spec.name, reason=f"element {index} is not UTF-8, as ONNX strings are"
            ) from error
    return strings


def _outputs(found: Sequence[Message], check: SignatureCheck) -> tuple[RequestedOutput, ...]:
    if not found:
        return check.all_as_binary
    for output in found:
        check.check_output(output.name)
        for feature in _REFUSED_PARAMETERS:
            if feature in output.parameters:
                raise MalformedRequestError(f"output '{output.name}': {feature} is not supported")
    names = [output.name for output in found]
    if len(set(names)) != len(names):
        raise MalformedRequestError("an output is requested twice")
    return tuple(RequestedOutput(name=name, is_binary=True) for name in names)
