"""How many fields a request holds, counted before protobuf builds an object for each.

Two bytes on the wire can become a hundred in memory: 16 MiB of empty inputs would take most of a
gigabyte. Counting stops at the limit, so its cost is bounded too.

Source:
    protobuf.dev/programming-guides/encoding (tags, varints, wire types).
"""

from typing import Final

from falaj.errors import MalformedRequestError, PayloadTooLargeError

SMALL_BYTES: Final = 64 * 1024
"""Requests below this cannot grow to more than a few megabytes; they are not counted."""

MAX_FIELDS: Final = 8192

_NESTED: Final[dict[str, dict[int, str]]] = {
    "request": {4: "leaf", 5: "input", 6: "output"},
    "input": {4: "leaf", 5: "contents"},
    "output": {2: "leaf"},
    "contents": {},
    "leaf": {},
}
"""Message-valued fields of ModelInferRequest by number, and what each is."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def check_fields(data: bytes, *, strings: int) -> None:
    """Refuse a `ModelInferRequest` of more fields than any honest one has.

    Args:
        data: The serialized message.
        strings: Most elements of BYTES tensors.

    Raises:
        PayloadTooLargeError: It has more.
        MalformedRequestError: It is no protobuf message.
    """
    if len(data) <= SMALL_BYTES:
        return
    try:
        _count(data, strings)
    except IndexError as error:
        raise MalformedRequestError("the message ends within a field") from error


def _count(data: bytes, strings: int) -> None:
    left = MAX_FIELDS + strings
    pending = [("request", 0, len(data))]
    while pending:
        kind, at, end = pending.pop()
        nested = _NESTED[kind]
        while at < end:
            left -= 1
            if left < 0:
                raise PayloadTooLargeError(
                    what="the number of fields and strings",
                    limit=MAX_FIELDS + strings,
                    mend="use raw_input_contents, or send fewer rows at a time",
                )
            tag, at = varint(data, at)
            wire = tag & 7
            if wire == _LENGTH:
                size, at = varint(data, at)
                if inner := nested.get(tag >> 3):
                    pending.append((inner, at, min(at + size, end)))
                at += size
            elif wire == _VARINT:
                _, at = varint(data, at)
            elif wire in {_FIXED64, _FIXED32}:
                at += 8 if wire == _FIXED64 else 4
            else:
                raise MalformedRequestError(f"wire type {wire} is none of protobuf's")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint; return it and where the next thing begins.

    Raises:
        MalformedRequestError: It does not end.
        IndexError: The message ends within it.
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has its high bit clear
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - ten bytes at most
            raise MalformedRequestError("a varint does not end")
