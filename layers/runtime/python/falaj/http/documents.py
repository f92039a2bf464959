"""The JSON part of a request, parsed with bounds on what becomes Python objects.

Small documents go through orjson. In larger ones simdjson keeps the tensors' data as an index into
the text, so that only a checked tensor is ever built from it. Where simdjson has no wheel, orjson
reads those as well: after their values are counted, since it builds an object of each.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

import orjson

from falaj.errors import MalformedRequestError, PayloadTooLargeError
from falaj.http.service import Limits

SMALL_BYTES: Final = 4096
UNCOUNTED_BYTES: Final = 3 * 1024 * 1024
UNREADABLE: Final = "failed to parse the request JSON buffer"

Read = Callable[[bytes, Limits], dict[str, Any]]
_MEND: Final = "send tensors as binary data (parameters.binary_data_size)"


def parsed_document(
    text: bytes, limits: Limits, *, read_large: Read | None = None
) -> dict[str, Any]:
    """Parse an inference request's JSON object.

    Args:
        text: The document.
        limits: Bounds on what is read.
        read_large: Reads documents of more than `SMALL_BYTES`; by default the best there is.

    Returns:
        Its protocol fields. An input's `data` may still be an `IndexedArray`.

    Raises:
        MalformedRequestError: It is not one JSON object in UTF-8.
        PayloadTooLargeError: It is too long or has too many values.
    """
    if len(text) <= SMALL_BYTES:
        return _object(text)
    if len(text) > limits.json_bytes:
        raise PayloadTooLargeError(what="the request's JSON", limit=limits.json_bytes, mend=_MEND)
    # simdjson brings imports that a cold start does without: small requests never need them.
    return (read_large or best_reader())(text, limits)


@cache
def best_reader(import_module: Callable[[str], Any] = import_module) -> Read:
    """Choose how large documents are read on this machine.

    Args:
        import_module: Finds modules; simdjson's may be missing.
    """
    try:
        import_module("simdjson")
    except ImportError:
        return _read_as_objects
    return _read_as_index


def _read_as_index(text: bytes, limits: Limits) -> dict[str, Any]:
    from falaj.http.large_documents import parsed_fields  # noqa: PLC0415

    # simdjson's index takes up to 14 bytes for each of the text; only a long text needs counting.
    is_short = len(text) <= UNCOUNTED_BYTES
    if not is_short:
        _check_count(text, limits.json_values)
    return parsed_fields(text, keep_parser=is_short)


def _read_as_objects(text: bytes, limits: Limits) -> dict[str, Any]:
    _check_count(text, limits.json_objects)
    return _object(text)


def _object(text: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"{UNREADABLE}: {error}") from error
    if type(document) is not dict:
        raise MalformedRequestError("the request must be a JSON object")
    return document


def _check_count(text: bytes, limit: int) -> None:
    if sum(map(text.count, (b",", b"[", b"{"))) > limit:
        raise PayloadTooLargeError(what="the number of JSON values", limit=limit, mend=_MEND)
