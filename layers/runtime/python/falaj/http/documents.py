"""The JSON part of a request, parsed with bounds on what becomes Python objects.

Small documents go through orjson; in larger ones simdjson keeps the tensors' data as an index into
the text, so that only a checked tensor is ever built from it.
"""

from typing import Any, Final

import orjson

from falaj.errors import MalformedRequestError, PayloadTooLargeError
from falaj.http.service import Limits

SMALL_BYTES: Final = 4096
UNCOUNTED_BYTES: Final = 3 * 1024 * 1024
UNREADABLE: Final = "failed to parse the request JSON buffer"


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
            raise MalformedRequestError(f"{UNREADABLE}: {error}") from error
        if type(document) is not dict:
            raise MalformedRequestError("the request must be a JSON object")
        return document
    _check_size(text, limits)
    # simdjson brings imports that a cold start does without: small requests never need them.
    from falaj.http.large_documents import parsed_fields  # noqa: PLC0415

    return parsed_fields(text, keep_parser=len(text) <= UNCOUNTED_BYTES)


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
