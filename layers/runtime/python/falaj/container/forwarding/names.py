"""Which model, version and id a message names, read without building the message.

A message of the server behind is passed on as it came. All of them have what is asked for here in
the fields of the same numbers, of which, as protobuf reads them, the last one of a number counts.

Source:
    protobuf.dev/programming-guides/encoding (wire types; "Last One Wins"); Triton's
    grpc_service.proto (`ModelInferRequest`, `ModelReadyRequest`, …: name 1, version 2; id 3).
"""

from typing import Final, NamedTuple

from falaj.container.grpc.fields import MAX_FIELDS, varint
from falaj.errors import MalformedRequestError, PayloadTooLargeError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_NAMED: Final = frozenset({1, 2, 3})


class Names(NamedTuple):
    """What a message names; empty where it names nothing."""

    model: str = ""
    version: str = ""
    id: str = ""


def names_in(data: bytes) -> Names:
    r"""Read the first three strings of a message.

    Raises:
        MalformedRequestError: It is no protobuf message.
        PayloadTooLargeError: It has more fields than any honest one.

    Example:
        >>> names_in(b"\x0a\x01m\x12\x011\x0a\x04rows")
        Names(model='rows', version='1', id='')
    """
    try:
        found = _strings(data)
        return Names(*(found.get(number, b"").decode() for number in sorted(_NAMED)))
    except IndexError as error:
        raise MalformedRequestError("the message ends within a field") from error
    except UnicodeDecodeError as error:
        raise MalformedRequestError("a name in the message is not UTF-8") from error


def _strings(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, end, left = 0, len(data), MAX_FIELDS
    while at < end:
        left -= 1
        if left < 0:
            raise PayloadTooLargeError(
                what="the number of fields", limit=MAX_FIELDS, mend="send fewer inputs at once"
            )
        tag, at = varint(data, at)
        size, at = _size(data, at, tag & 7)
        if tag >> 3 in _NAMED and tag & 7 == _LENGTH:
            found[tag >> 3] = data[at : at + size]
        at += size
    if at > end:
        raise MalformedRequestError("the message ends within a field")
    return found


def _size(data: bytes, at: int, wire: int) -> tuple[int, int]:
    """Return how long a field's value is, and where it begins."""
    if wire == _LENGTH:
        return varint(data, at)
    if wire == _VARINT:
        return 0, varint(data, at)[1]
    if wire in _SIZES:
        return _SIZES[wire], at
    raise MalformedRequestError(f"wire type {wire} is none of protobuf's")
