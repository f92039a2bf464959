"""A shard's bytes as records, each with the words by which people find it again."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from falaj.batch.shards import Format, Shard

_BOM: Final = b"\xef\xbb\xbf"
_BREAKS: Final = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One record as it was read.

    Attributes:
        at: The object and the number of the record's first line, `rows.csv:17`.
        text: Its bytes without the line break that ends it.
    """

    at: str
    text: bytes


def lines_of(content: bytes, shard: Shard) -> Iterator[Line]:
    """Part a shard's bytes into its records; blank lines are none.

    Args:
        content: The bytes from the shard's start to its end.
        shard: Where they are from.
    """
    if shard.start == 0:
        content = content.removeprefix(_BOM)
    number, begun = shard.first_line, 0
    for end in _ends(content, has_quotes=shard.format is Format.CSV):
        text = content[begun:end]
        if stripped := text.strip():
            del stripped
            yield Line(at=f"{shard.object}:{number}", text=text.rstrip(_BREAKS))
        number += text.count(b"\n")
        begun = end


def _ends(content: bytes, *, has_quotes: bool) -> Iterator[int]:
    """Tell where each record ends; whatever is left at the end is the last."""
    begun = position = 0
    is_quoted = False
    while found := content.find(b"\n", position) + 1:
        if has_quotes:
            is_quoted ^= content.count(b'"', position, found) % 2 == 1
        position = found
        if not is_quoted:
            yield found
            begun = found
    if begun < len(content):
        yield len(content)


def cells_of(text: bytes) -> list[str] | None:
    """Read one CSV record's cells; None if its quotes part it in another way.

    Raises:
        UnicodeDecodeError: It is not UTF-8.

    Example:
        >>> cells_of(b'7,"a, b"')
        ['7', 'a, b']
    """
    try:
        rows = list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
