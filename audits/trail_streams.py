"""The numbers that environments gave their records: what is missing, and what was told twice."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson

from falaj.capture.records import BEGUN

_PAGE: Final = 64
_DIGEST_BYTES: Final = 8
_DELIVERY: Final = "event"
"""What CloudWatch calls a line; the same one sent twice may be called otherwise."""
_SHOWN: Final = 5


@dataclass(slots=True)
class Stream:
    """One environment's records: eight bytes are kept of each.

    Attributes:
        highest: The highest number seen.
        seen: How many different numbers were.
        begun: Numbers of requests whose beginning was recorded, and their end was not, yet.
    """

    highest: int = 0
    seen: int = 0
    begun: set[int] = field(default_factory=set)
    _pages: "dict[int, array[int]]" = field(default_factory=dict)

    def take(self, number: int, digest: int) -> bool:
        """Note a record; False if another one with this number was noted before."""
        page, place = divmod(number, _PAGE)
        held = self._pages.get(page)
        if held is None:
            held = self._pages[page] = array("Q", bytes(_DIGEST_BYTES * _PAGE))
        if held[place]:
            return held[place] == digest
        held[place] = digest
        self.begun.discard(number)
        self.highest = max(self.highest, number)
        self.seen += 1
        return True

    def begin(self, number: int) -> None:
        """Note that a request was begun; its end may have been noted before."""
        self.highest = max(self.highest, number)
        if not self._has(number):
            self.begun.add(number)

    def missing(self) -> Iterator[int]:
        """Yield the numbers below the highest that were never seen."""
        for number in range(1, self.highest):
            if not self._has(number) and number not in self.begun:
                yield number

    def _has(self, number: int) -> bool:
        page, place = divmod(number, _PAGE)
        held = self._pages.get(page)
        return held is not None and bool(held[place])


@dataclass(slots=True)
class Streams:
    """Every environment's.

    Attributes:
        records: Records that were noted, each counted once.
    """

    records: int = 0
    _streams: dict[str, Stream] = field(default_factory=dict)

    def take(self, record: Mapping[str, Any]) -> str:
        """Note a record; return a fault, or nothing."""
        name, number = record.get("stream"), record.get("number")
        if not isinstance(name, str) or not isinstance(number, int) or number < 1:
            self.records += 1
            return ""
        stream = self._streams.setdefault(name, Stream())
        if record.get(BEGUN):
            stream.begin(number)
            return ""
        before = stream.seen
        if not stream.take(number, _digest(record)):
            return f"environment {name} has two records of number {number} that differ"
        self.records += stream.seen - before
        return ""

    @property
    def unanswered(self) -> int:
        """Requests that were begun and not ended: out of time or memory, or under way."""
        return sum(len(stream.begun) for stream in self._streams.values())

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each environment whose numbers have holes."""
        for name in sorted(self._streams):
            stream = self._streams[name]
            count = stream.highest - stream.seen - len(stream.begun)
            if count:
                missing = stream.missing()
                first = ", ".join(str(next(missing)) for _ in range(min(count, _SHOWN)))
                more = " …" if count > _SHOWN else ""
                yield (
                    f"environment {name} left {stream.highest} records, {count} of which "
                    f"were never recorded: {first}{more}"
                )


def _digest(record: Mapping[str, Any]) -> int:
    said = {name: value for name, value in record.items() if name != _DELIVERY}
    found = blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=_DIGEST_BYTES)
    return int.from_bytes(found.digest(), "big") or 1
