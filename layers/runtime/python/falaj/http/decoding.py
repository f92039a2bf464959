"""From a request's bytes to a checked inference: nothing is built before all of it is checked."""

from functools import lru_cache
from typing import Any, Final, NamedTuple

from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest, RequestedOutput
from falaj.engines.validation import MAX_RANK, SignatureCheck
from falaj.errors import (
    MalformedRequestError,
    MissingInputError,
    PayloadTooLargeError,
    TensorDataError,
)
from falaj.http.binary_tensors import tensor_from_binary
from falaj.http.documents import parsed_document
from falaj.http.json_tensors import tensor_from_json
from falaj.http.service import Limits

MAX_PARAMETERS: Final = 256
_LARGEST_DIMENSION: Final = 2**63 - 1
_SPARE_INPUTS: Final = 16  # so that a duplicate is called a duplicate
_EMPTY: Final[dict[str, Any]] = {}
_SHORT_BYTES: Final = 1024


class _Input(NamedTuple):
    name: str
    shape: tuple[int, ...]
    elements: int
    data: Any
    binary_size: int | None


class _Declared(NamedTuple):
    inputs: list[_Input]
    outputs: tuple[RequestedOutput, ...]
    output_names: tuple[str, ...]
    id: str | None
    parameters: dict[str, Any]


def decoded(
    body: bytes, header_length: str | None, check: SignatureCheck, limits: Limits
) -> InferenceRequest:
    """Read an inference request, JSON with or without binary tensors behind it.

    Args:
        body: The request's bytes, no longer compressed.
        header_length: The `Inference-Header-Content-Length` header, if there is one.
        check: The model's signature.
        limits: Bounds on what is read.

    Raises:
        RequestError: The request is not the protocol, or not what the signature declares.
    """
    text, binary = _split(body, header_length)
    if binary is not None and len(text) <= _SHORT_BYTES:
        inputs, outputs, names, identifier, parameters = _declared_before(text, check)
    else:
        document = parsed_document(text, limits)
        inputs, outputs, names, identifier, parameters = _declared(document, check)
    if check.has_strings:
        _check_strings(inputs, check, limits)
    _check_binary_sizes(inputs, binary)
    tensors = _tensors(inputs, binary, check)
    return InferenceRequest(tensors, outputs, names, identifier, parameters)


def _declared(document: dict[str, Any], check: SignatureCheck) -> _Declared:
    parameters = _parameters(document.get("parameters"))
    inputs = _inputs(document.get("inputs"), check)
    outputs = _outputs(document.get("outputs"), parameters, check)
    names = _names(outputs, check)
    return _Declared(inputs, outputs, names, _identifier(document.get("id")), parameters)


@lru_cache(maxsize=256)
def _declared_before(text: bytes, check: SignatureCheck) -> _Declared:
    """Read a short JSON part once: in front of binary data, a client's requests are all alike."""
    return _declared(parsed_document(text, Limits()), check)


def _split(body: bytes, header_length: str | None) -> tuple[bytes, memoryview | None]:
    if header_length is None:
        return body, None
    text = header_length.strip()
    if not (text.isascii() and text.isdigit() and len(text) < len(str(_LARGEST_DIMENSION))):
        raise MalformedRequestError(
            "Unable to parse Inference-Header-Content-Length: it must be a whole number of bytes"
        )
    length = int(text)
    if length > len(body):
        raise MalformedRequestError(
            f"Inference-Header-Content-Length is {length}, but the body has {len(body)} bytes"
        )
    return bytes(body[:length]), memoryview(body)[length:]


def _identifier(value: Any) -> str | None:  # noqa: ANN401 - JSON
    if value is None or isinstance(value, str):
        return value
    raise MalformedRequestError("Unable to parse 'id': it must be a string")


def _parameters(value: Any) -> dict[str, Any]:  # noqa: ANN401
    if value is None:
        return _EMPTY
    if type(value) is not dict or len(value) > MAX_PARAMETERS:
        raise MalformedRequestError(
            f"'parameters' must be an object of at most {MAX_PARAMETERS} members"
        )
    for name, item in value.items():
        if not isinstance(item, str | int | float):
            raise MalformedRequestError(
                f"parameter '{name[:120]}' has invalid type. "
                "It should be either 'int', 'bool', 'double' or 'string'."
            )
    return value


def _inputs(value: Any, check: SignatureCheck) -> list[_Input]:  # noqa: ANN401
    if type(value) is not list:
        raise MalformedRequestError("Unable to parse 'inputs': it must be an array of inputs")
    if len(value) > len(check.inputs) + _SPARE_INPUTS:
        raise MissingInputError(
            model=check.model, expected=tuple(check.inputs), got=("…",) * len(check.inputs)
        )
    inputs = [_input(item, check) for item in value]
    check.check_complete([item.name for item in inputs])
    return inputs


def _input(value: Any, check: SignatureCheck) -> _Input:  # noqa: ANN401
    if type(value) is not dict:
        raise MalformedRequestError("Unable to parse 'inputs': each input must be an object")
    name, shape = _string(value, "name"), _shape(value)
    count = check.element_count(name, _string(value, "datatype"), shape)
    parameters = _parameters(value.get("parameters"))
    if not parameters and "data" in value:
        return _Input(name, shape, count, value["data"], None)
    binary_size = parameters.get("binary_data_size")
    _check_one_source(name, value, parameters)
    if binary_size is not None and (type(binary_size) is not int or binary_size < 0):
        raise TensorDataError(name=name, reason="Unable to parse 'binary_data_size'")
    return _Input(name, shape, count, value.get("data"), binary_size)


def _check_one_source(name: str, value: dict[str, Any], parameters: dict[str, Any]) -> None:
    if "shared_memory_region" in parameters:
        raise TensorDataError(
            name=name,
            reason="shared memory is not supported; send 'data' or binary data in the body",
        )
    if ("data" in value) == ("binary_data_size" in parameters):
        got = "set both" if "data" in value else "no field is set"
        raise TensorDataError(
            name=name,
            reason="Input must set only one of the following fields: 'data', 'binary_data_size' "
            f"in 'parameters'. But {got}",
        )


def _string(value: dict[str, Any], field: str) -> str:
    text = value.get(field)
    if not isinstance(text, str):
        raise MalformedRequestError(f"Unable to parse '{field}' of an input: it must be a string")
    return text


def _shape(value: dict[str, Any]) -> tuple[int, ...]:
    shape = value.get("shape")
    if type(shape) is not list or len(shape) > MAX_RANK:
        raise MalformedRequestError(
            f"Unable to parse 'shape' of an input: it must be an array of at most {MAX_RANK} sizes"
        )
    for size in shape:
        if type(size) is not int or not 0 <= size <= _LARGEST_DIMENSION:
            raise MalformedRequestError(
                "Unable to parse 'shape' of an input: a size is a whole number of at least 0"
            )
    return tuple(shape)


def _outputs(
    value: Any,  # noqa: ANN401
    parameters: dict[str, Any],
    check: SignatureCheck,
) -> tuple[RequestedOutput, ...]:
    by_default = parameters.get("binary_data_output", False)
    if type(by_default) is not bool:
        raise MalformedRequestError("Unable to parse 'binary_data_output': it must be a boolean")
    if value is None or value == []:
        return check.all_as_binary if by_default else check.all_as_json
    if type(value) is not list or len(value) > len(check.outputs) + _SPARE_INPUTS:
        raise MalformedRequestError(
            f"Unable to parse 'outputs': it must be an array of at most {len(check.outputs)} items"
        )
    outputs = tuple(_output(item, by_default=by_default, check=check) for item in value)
    if len({output.name for output in outputs}) != len(outputs):
        raise MalformedRequestError("an output is requested twice")
    return outputs


def _names(outputs: tuple[RequestedOutput, ...], check: SignatureCheck) -> tuple[str, ...]:
    if outputs is check.all_as_json or outputs is check.all_as_binary:
        return check.output_names
    return tuple(output.name for output in outputs)


def _output(value: Any, *, by_default: bool, check: SignatureCheck) -> RequestedOutput:  # noqa: ANN401
    name = value.get("name") if type(value) is dict else None
    if not isinstance(name, str):
        raise MalformedRequestError(
            "Unable to parse 'outputs': each output must be an object with a 'name'"
        )
    check.check_output(name)
    parameters = _parameters(value.get("parameters"))
    for feature in ("classification", "shared_memory_region"):
        if feature in parameters:
            raise MalformedRequestError(f"output '{name}': {feature} is not supported")
    is_binary = parameters.get("binary_data", by_default)
    if type(is_binary) is not bool:
        raise MalformedRequestError("Unable to parse 'binary_data': it must be a boolean")
    return RequestedOutput(name=name, is_binary=is_binary)


def _check_strings(inputs: list[_Input], check: SignatureCheck, limits: Limits) -> None:
    if limits.strings < sum(
        item.elements for item in inputs if check.inputs[item.name].datatype is Datatype.BYTES
    ):
        raise PayloadTooLargeError(
            what="the number of strings", limit=limits.strings, mend="send fewer rows at a time"
        )


def _check_binary_sizes(inputs: list[_Input], binary: memoryview | None) -> None:
    stated = 0
    for item in inputs:
        if item.binary_size is not None:
            if binary is None:
                raise MalformedRequestError(
                    "binary data needs the Inference-Header-Content-Length header"
                )
            stated += item.binary_size
    if binary is not None and stated != len(binary):
        raise MalformedRequestError(
            f"unexpected size of binary data: the inputs state {stated} bytes, "
            f"the body has {len(binary)} after its JSON"
        )


def _tensors(
    inputs: list[_Input], binary: memoryview | None, check: SignatureCheck
) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    offset = 0
    for item in inputs:
        spec, shape = check.inputs[item.name], item.shape
        if item.binary_size is None or binary is None:
            tensors[spec.name] = tensor_from_json(spec, shape, item.elements, item.data)
        else:
            end = offset + item.binary_size
            tensors[spec.name] = tensor_from_binary(spec, shape, item.elements, binary[offset:end])
            offset = end
    return tensors
