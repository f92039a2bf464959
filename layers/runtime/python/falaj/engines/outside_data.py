"""Whether a model's file tells its runtime to read another one.

A model given as bytes has no folder, and both runtimes then take the process's own: onnxruntime
1.31.1 and openvino 2026.4.1 read a file that lies there (tests/falaj/engines/test_outside_data.py).
The file is looked through here before either sees it, without the `onnx` package, which functions
and containers do without.

Source: github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers; `external_data` "must be
present if data_location is EXTERNAL", its key "location" required) and
protobuf.dev/programming-guides/encoding/ (tags, wire types), read 2026-11-22.
"""

from typing import Final

from falaj.errors import ArtefactError

_LOCATION: Final = b"location"
"""The key without which no runtime knows which file to read."""

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _TRAINING = range(8)
_PARTS: Final[dict[int, dict[int, int]]] = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _TENSOR: {},
}
"""By kind of message, its fields that hold tensors at some depth, and of which kind they are."""

_EXTERNAL_FIELDS: Final = {13, 14}
"""TensorProto's `external_data` and `data_location`; exporters write it for nothing else."""

_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED_BYTES: Final = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT: Final = 10


def refuse_outside_data(name: str, model: bytes) -> None:
    """Refuse a model that names a file, wherever inside it.

    Args:
        name: What errors call the model.
        model: The bytes of the file.

    Raises:
        ArtefactError: A tensor's data is elsewhere, or the bytes cannot be looked through.
    """
    if _LOCATION not in model:  # a search of the bytes costs a start next to nothing
        return
    try:
        is_outside = _names_a_file(memoryview(model))
    except (ValueError, IndexError) as error:
        raise ArtefactError(
            artefact=f"model '{name}'", reason="its bytes are no ONNX model, or cut short"
        ) from error
    if is_outside:
        raise ArtefactError(
            artefact=f"model '{name}'",
            reason="a tensor's data is in another file, and a version is one file; save it with "
            "onnx.save_model(model, path, save_as_external_data=False)",
        )


def _names_a_file(model: memoryview) -> bool:
    waiting = [(model, _MODEL)]
    while waiting:
        message, kind = waiting.pop()
        parts, at = _PARTS[kind], 0
        while at < len(message):
            tag, at = _varint(message, at)
            field, wire = tag >> 3, tag & 7
            if kind == _TENSOR and field in _EXTERNAL_FIELDS:
                return True
            if wire == _VARINT:
                _, at = _varint(message, at)
                continue
            if wire == _COUNTED:
                size, at = _varint(message, at)
            else:
                size = _FIXED_BYTES.get(wire, len(message) + 1)  # no field of ONNX is a group
            end = at + size
            if end > len(message):
                raise ValueError
            if wire == _COUNTED and field in parts:
                waiting.append((message[at:end], parts[field]))
            at = end
    return False


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next field does."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at + place + 1
    raise ValueError
