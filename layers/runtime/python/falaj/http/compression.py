"""Content encodings, bounded: a small body that inflates to a large one is refused on the way."""

import zlib
from typing import Final

from falaj.errors import MalformedRequestError, PayloadTooLargeError, UnsupportedEncodingError

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_FAST: Final = 1
_ZLIB_METHOD: Final = 8


def inflated(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Undo a `Content-Encoding`, never writing more than `limit` bytes.

    `deflate` means the zlib format (RFC 9110, section 8.4.1.2); the raw stream that some clients
    send instead is taken too. A second gzip member is refused: reading on costs quadratic time.

    Raises:
        UnsupportedEncodingError: It is neither gzip, deflate nor identity.
        PayloadTooLargeError: It inflates to more than `limit`.
        MalformedRequestError: It is no such stream, incomplete, or followed by other bytes.
    """
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        result = body
    elif coding in {"gzip", "x-gzip"}:
        result = _inflate(body, _GZIP, limit)
    elif coding == "deflate":
        is_zlib = bool(body) and body[0] & 0x0F == _ZLIB_METHOD
        result = _inflate(body, _ZLIB if is_zlib else _RAW, limit)
    else:
        raise UnsupportedEncodingError(encoding)
    if len(result) > limit:
        raise PayloadTooLargeError(
            what="the body", limit=limit, mend="send fewer rows or use infer_async"
        )
    return result


def accepted_coding(header: str) -> str:
    """Choose among gzip, deflate and nothing by an `Accept-Encoding` header.

    Example:
        >>> accepted_coding("deflate;q=0.5, gzip"), accepted_coding("br, gzip;q=0")
        ('gzip', '')
    """
    weights: dict[str, float] = {}
    for element in header.lower().split(",")[:16]:
        coding, _, parameter = element.partition(";")
        weights[coding.strip()] = _quality(parameter)
    rest = weights.get("*", 0.0)
    weight, coding = max((weights.get(name, rest), name) for name in ("deflate", "gzip"))
    return coding if weight > 0 else ""


def deflated(body: bytes, coding: str) -> bytes:
    """Compress an answer with a coding that `accepted_coding` chose."""
    stream = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP if coding == "gzip" else _ZLIB)
    return stream.compress(body) + stream.flush()


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _inflate(body: bytes, window_bits: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window_bits)
    try:
        result = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedRequestError(f"the compressed body cannot be read: {error}") from error
    if len(result) <= limit:
        if not stream.eof:
            raise MalformedRequestError("the compressed body is incomplete")
        if stream.unused_data:
            raise MalformedRequestError("bytes follow the end of the compressed body")
    return result
