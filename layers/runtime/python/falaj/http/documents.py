"""The JSON part of a request, parsed with bounds on what becomes Python objects.

Small documents go through orjson; in larger ones simdjson keeps the tensors' data as an index into
the text, so that only a checked tensor is ever built from it.
"""

from sys import getrefcount
from threading import local
from typing import Any, Final, Never

import orjson
import simdjson

from falaj.errors import MalformedRequestError, PayloadTooLargeError
from falaj.http.service import Limits

SMALL_BYTES: Final = 4096
UNCOUNTED_BYTES: Final = 3 * 1024 * 1024
_kept: Final = local()
_OWN_REFERENCES: Final = 3  # the thread's, the local variable's and the argument's
_FIELDS: Final = ("id", "parameters", "inputs", "outputs")
_MAX_ITEMS: Final = 1024
_MAX_DEPTH: Final = 3


def parsed_document(text: bytes, limits: Limits) -> dict[str, Any]:
    """Parse an inference request's JSON object.

    Returns:
        Its protocol fields. An input's `data` may still be a `simdjson.Array`.

    Raises:
        MalformedRequestError: It is not one JSON object in UTF-8.
        PayloadTooLargeError: It is too long or has too many values.
    """
    if len(text) <= SMALL_BYTES:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            _refuse(error)
        if type(document) is not dict:
            raise MalformedRequestError("the request must be a JSON object")
        return document
    _check_size(text, limits)
    try:
        root = _parser(text).parse(text)
    except (ValueError, RuntimeError) as error:
        _refuse(error)
    if not isinstance(root, simdjson.Object):
        raise MalformedRequestError("the request must be a JSON object")
    return {name: _field(name, root[name]) for name in _FIELDS if name in root}


def _parser(text: bytes) -> simdjson.Parser:
    """A parser whose memory is warm, unless the last document still uses it or this one is long.

    A fresh one costs more in page faults than the parsing itself; one that has read a long text
    would keep as much memory for ever.
    """
    if len(text) > UNCOUNTED_BYTES:
        return simdjson.Parser()
    parser = getattr(_kept, "parser", None)
    if parser is None or getrefcount(parser) > _OWN_REFERENCES:
        parser = _kept.parser = simdjson.Parser()
    return parser


def _check_size(text: bytes, limits: Limits) -> None:
    mend = "send tensors as binary data (parameters.binary_data_size)"
    if len(text) > limits.json_bytes:
        raise PayloadTooLargeError(what="the request's JSON", limit=limits.json_bytes, mend=mend)
    # simdjson's index takes up to 14 bytes for each of the text; only a long text needs counting.
    if len(text) <= UNCOUNTED_BYTES:
        return
    if sum(map(text.count, (b",", b"[", b"{"))) > limits.json_values:
        raise PayloadTooLargeError(
            what="the number of JSON values", limit=limits.json_values, mend=mend
        )


def _field(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if name == "inputs" and isinstance(value, simdjson.Array):
        _check_items(value)
        return [_input(item) for item in value]
    return _plain(value, _MAX_DEPTH)


def _input(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, simdjson.Object):
        return None
    _check_items(value)
    # Not items(): that would make Python objects of all that lies below.
    return {key: value[key] if key == "data" else _plain(value[key], _MAX_DEPTH) for key in value}


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401
    """Turn a small part of the document into Python values."""
    is_array, is_object = isinstance(value, simdjson.Array), isinstance(value, simdjson.Object)
    if not is_array and not is_object:
        return value
    if not depth:
        raise MalformedRequestError("the request is nested too deeply outside of 'data'")
    _check_items(value)
    if is_array:
        return [_plain(item, depth - 1) for item in value]
    return {key: _plain(value[key], depth - 1) for key in value}


def _check_items(value: Any) -> None:  # noqa: ANN401
    if len(value) > _MAX_ITEMS:
        raise MalformedRequestError(f"more than {_MAX_ITEMS} items outside of 'data'")


def _refuse(error: Exception) -> Never:
    raise MalformedRequestError(f"failed to parse the request JSON buffer: {error}") from error
