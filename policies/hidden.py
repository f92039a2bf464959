"""Texts inside texts: what a string says once it is read as whoever receives it will read it.

A state machine, a dashboard, an API's body or a policy may stand in a template as one string of
JSON, user data as base64, an address with its characters escaped. A rule that reads only the outer
string sees none of what they say.
"""

import base64
import binascii
import contextlib
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

LEAST_BASE64: Final = 16
MOST_BYTES: Final = 1 << 20
"""A gzip stream is read so far; the rest of a longer one says nothing that the head does not."""
_BASE64: Final = re.compile(rf"[A-Za-z0-9+/]{{{LEAST_BASE64},}}={{0,2}}")
_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_GZIP: Final = b"\x1f\x8b"


def inner(text: str) -> Iterator[tuple[str, Any]]:
    r"""Yield what a text holds in another notation, each with the notation's name.

    Example:
        >>> list(inner('{"Resource": "eu\\u002dwest\\u002d1"}'))
        [('json', {'Resource': 'eu-west-1'})]
        >>> list(inner("ZXUtd2VzdC0xOiB0d2lu"))
        [('base64', 'eu-west-1: twin')]
        >>> list(inner("https://sqs.eu%2Dwest%2D1.amazonaws.com"))
        [('url', 'https://sqs.eu-west-1.amazonaws.com')]
        >>> list(inner("FalajModelPredictRole"))
        []
    """
    stripped = text.strip()
    if stripped[:1] in {"{", "["}:
        with contextlib.suppress(ValueError, RecursionError):
            yield "json", json.loads(stripped)
    elif len(stripped) >= LEAST_BASE64 and _BASE64.fullmatch(compact := "".join(stripped.split())):
        decoded = _decoded(compact)
        if decoded:
            yield "base64", decoded
    if _ESCAPED.search(text):
        yield "url", unquote(text)


def _decoded(text: str) -> str:
    """Return the text that base64 stands for; empty if it stands for none."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        if data.startswith(_GZIP):
            data = zlib.decompressobj(wbits=31).decompress(data, MOST_BYTES)
        decoded = data.decode("utf-8")
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return ""
    return decoded if all(each.isprintable() or each.isspace() for each in decoded) else ""
