"""Objects cut into shards on record ends: every byte belongs to exactly one shard.

A record of JSON Lines ends at a line break. A record of CSV ends at a line break before which the
object's quotes are even in number, as in RFC 4180; cutting and reading go by the same rule, so that
no quoted line break ever parts a record.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

from falaj.domain.objects import Listed
from falaj.errors import BatchRefusedError

SHARD_BYTES: Final = 16 * 1024 * 1024
"""How much one call of the function reads, unless asked otherwise."""
LARGEST_RECORD_BYTES: Final = 64 * 1024 * 1024
"""A record beyond this has no end that anybody should look for in memory."""
_CHUNK: Final = 8 * 1024 * 1024

Read = Callable[[int, int], bytes]
"""Reads bytes `start` to `end` (exclusive) of an object."""


class Format(StrEnum):
    """How records stand in an object."""

    JSON_LINES = "json-lines"
    CSV = "csv"

    @classmethod
    def of(cls, name: str) -> Self:
        """Tell the format by an object's suffix.

        Raises:
            BatchRefusedError: It has another.

        Example:
            >>> Format.of("2026/rows.csv")
            <Format.CSV: 'csv'>
        """
        suffix = name.rpartition("/")[2].rpartition(".")[2].lower()
        if suffix not in _SUFFIXES:
            known = ", ".join(f".{each}" for each in _SUFFIXES)
            raise BatchRefusedError(
                f"{name[:200]!r} is neither JSON Lines nor CSV by its suffix (known: {known}); "
                "rename it, or move it out of the prefix"
            )
        return cls(_SUFFIXES[suffix])


_SUFFIXES: Final = {
    "jsonl": "json-lines",
    "ndjson": "json-lines",
    "csv": "csv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A range of one object that begins and ends where records do.

    Attributes:
        number: Counts through the run.
        object: The object's key.
        etag: What the object was when the run was planned.
        start: First byte.
        end: Byte after the last.
        first_line: Number of the line at `start`, from 1.
        header_bytes: Length of the CSV header at the object's own start, where `start` is not 0.
        format: How its records stand.
    """

    number: int
    object: str
    etag: str
    start: int
    end: int
    first_line: int = 1
    header_bytes: int = 0
    format: Format = Format.JSON_LINES

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(**{**value, "format": Format(value["format"])})

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return asdict(self)


def shards_of(listed: Listed, read: Read, *, first: int, shard_bytes: int) -> Iterator[Shard]:
    """Cut an object into shards; one that is no larger than a shard is not looked into.

    Args:
        listed: The object.
        read: Reads a range of it.
        first: The first shard's number.
        shard_bytes: A shard ends with the first record that reaches so far.

    Raises:
        BatchRefusedError: Its suffix says nothing, or a record is longer than one should be.
    """
    format_ = Format.of(listed.name)
    begun, line, header, number = 0, 1, 0, first
    if listed.size > shard_bytes:
        ends = _RecordEnds(listed, read, has_quotes=format_ is Format.CSV)
        head = ends.end_from(1) or listed.size if format_ is Format.CSV else 0
        while (end := ends.end_from(begun + shard_bytes) or listed.size) < listed.size:
            yield _shard(listed, format_, number, (begun, end), line, header)
            begun, line, header, number = end, ends.lines + 1, head, number + 1
    yield _shard(listed, format_, number, (begun, listed.size), line, header)


def _shard(
    listed: Listed, format_: Format, number: int, bytes_: tuple[int, int], line: int, header: int
) -> Shard:
    return Shard(
        number=number,
        object=listed.name,
        etag=listed.etag,
        start=bytes_[0],
        end=bytes_[1],
        first_line=line,
        header_bytes=header,
        format=format_,
    )


class _RecordEnds:
    """Goes once through an object, and counts its lines on the way."""

    def __init__(self, listed: Listed, read: Read, *, has_quotes: bool) -> None:
        self._listed, self._read, self._has_quotes = listed, read, has_quotes
        self._chunk, self._chunk_start = b"", 0
        self._position, self._is_quoted = 0, False
        self.lines = 0

    def end_from(self, least: int) -> int | None:
        """Find the first record end not yet passed of at least this position; None if none is left.

        Raises:
            BatchRefusedError: There is none for longer than a record should be.
        """
        since = max(least, self._position)
        while self._position < self._listed.size:
            if self._position - since > LARGEST_RECORD_BYTES:
                raise BatchRefusedError(
                    f"{self._listed.name} has no record end for {LARGEST_RECORD_BYTES} bytes "
                    f"after byte {since}; are its quotes closed?"
                )
            offset = self._fill()
            skipped = least - 1 - self._position
            if skipped > 0:
                self._pass(offset, min(skipped, len(self._chunk) - offset))
                continue
            found = self._chunk.find(b"\n", offset)
            self._pass(offset, (found + 1 or len(self._chunk)) - offset)
            if found >= 0 and not self._is_quoted:
                return self._position
        return None

    def _fill(self) -> int:
        """Have the chunk that holds the position; return where it is in there."""
        if self._position >= self._chunk_start + len(self._chunk):
            self._chunk_start = self._position
            self._chunk = self._read(
                self._position, min(self._listed.size, self._position + _CHUNK)
            )
        return self._position - self._chunk_start

    def _pass(self, offset: int, count: int) -> None:
        end = offset + count
        self.lines += self._chunk.count(b"\n", offset, end)
        if self._has_quotes:
            self._is_quoted ^= self._chunk.count(b'"', offset, end) % 2 == 1
        self._position += count
