"""Looks for a token wherever it may have gone, in clear or as machines like to write it."""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from urllib.parse import quote, quote_plus

DEPTH = 4
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
_GZIP = b"\x1f\x8b\x08"


def found_in(content: bytes, *tokens: str, depth: int = DEPTH) -> str:
    """Say how one of some tokens stands in some bytes; empty if none does.

    Args:
        content: What was kept somewhere.
        tokens: What must not be.
        depth: How often something packed in something packed is opened.
    """
    for how, form in _forms_of(tokens):
        if form in content:
            return how
    if depth:
        for how, inner in _opened(content):
            if deeper := found_in(inner, *tokens, depth=depth - 1):
                return f"{deeper} in {how}"
    return ""


@cache
def _forms_of(tokens: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    found = {form: f"{how} of {token!r}" for token in tokens for how, form in forms(token)}
    return tuple((how, form) for form, how in found.items())


def forms(token: str) -> Iterator[tuple[str, bytes]]:
    """Yield the ways in which a token may be written."""
    data = token.encode()
    yield "clear", data
    yield "upper case", data.upper()
    yield "lower case", data.lower()
    yield "reversed", data[::-1]
    yield "UTF-16", token.encode("utf-16-le")
    yield "bytes of Python", repr(data)[2:-1].encode()
    yield "taken for Latin", data.decode("latin-1").encode()
    yield "hex", data.hex().encode()
    yield "hex in upper case", data.hex().upper().encode()
    yield "URL", quote(token, safe="").encode()
    yield "URL with plus", quote_plus(token).encode()
    yield "JSON", json.dumps(token)[1:-1].encode()
    yield "numbers", ", ".join(map(str, data)).encode()
    for offset in range(3):
        for name, encode in (
            ("base64", base64.b64encode),
            ("URL base64", base64.urlsafe_b64encode),
        ):
            encoded = encode(b"\0" * offset + data)
            # What lies wholly inside the token, whatever stands before and after it.
            start = -(-offset * 8 // 6) + (1 if offset else 0)
            yield f"{name} at {offset}", encoded[start : (offset + len(data)) * 8 // 6]


def _opened(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Open whatever is packed in some bytes."""
    start = content.find(_GZIP)
    while start >= 0:
        with suppress(zlib.error):
            yield "gzip", zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content[start:])
        start = content.find(_GZIP, start + 1)
    for how, inner in _decoded(content):
        if _GZIP in inner:
            yield how, inner


def _decoded(content: bytes) -> Iterator[tuple[str, bytes]]:
    for match in _BASE64.finditer(content):
        text = match[0].rstrip(b"=")
        text += b"=" * (-len(text) % 4)
        for decode in (base64.b64decode, base64.urlsafe_b64decode):
            with suppress(ValueError):
                yield "base64", decode(text)
    for match in _HEX.finditer(content):
        yield "hex", bytes.fromhex(match[0][: len(match[0]) // 2 * 2].decode())


def packed(token: str) -> dict[str, bytes]:
    """Plant a token in every way that must be found."""
    data = f'{{"who": "{token}", "more": true}}'.encode()
    return {
        "clear": data,
        "hex": data.hex().encode(),
        "upper": data.upper(),
        "url": quote(data).encode(),
        "base64": base64.b64encode(data),
        "base64 shifted by one": base64.b64encode(b"x" + data),
        "base64 shifted by two": base64.b64encode(b"xy" + data),
        "url base64": base64.urlsafe_b64encode(b"?" + data),
        "gzip": gzip.compress(data),
        "deep in a file": b"head" + gzip.compress(data) + b"tail",
        "as delivered": base64.b64encode(gzip.compress(data)),
        "twice": base64.b64encode(gzip.compress(base64.b64encode(b"a" + data))),
        "utf-16": data.decode().encode("utf-16-le"),
        "numbers": str(list(data)).encode(),
    }
