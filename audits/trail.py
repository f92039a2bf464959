"""Proof that an audit trail is whole: every record is there, unchanged, in its place.

Offline: from the trail's objects and the public half of the key that signs them. Objects are read
once, in the order of their keys, and nothing is read out of one before its signature is believed.
What is kept meanwhile is the end of each chain and eight bytes for each record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from audits.trail_streams import Streams
from falaj.capture.chain import (
    EVERY_CHAIN,
    GENESIS,
    BrokenSegmentError,
    Place,
    Segment,
    opened,
    segment_hash,
    segment_statement,
)

STALE: Final = timedelta(hours=3)
"""Checkpoints come hourly; when the newest is so old, its successors are missing."""
LARGEST_BYTES: Final = 64 * 2**20
"""What CloudWatch delivers at once is a tenth of it; a larger object is nobody's segment."""
_HEX: Final = frozenset("0123456789abcdef")
_HASH_DIGITS: Final = 64

Believes = Callable[[bytes, bytes], bool]
"""Whether a statement bears a signature of the trail's key."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint that an examination saw, for the next one to ask for.

    Attributes:
        number: Which.
        hash: Of every byte of it.
    """

    number: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            ValueError: It is no head.

        Example:
            >>> str(Head.parse("7:" + "ab" * 32))[:6]
            '7:abab'
        """
        number, _, found = text.partition(":")
        is_hash = len(found) == _HASH_DIGITS and set(found) <= _HEX
        if not (is_hash and number.isascii() and number.isdigit()):
            raise ValueError(f"{text!r} is no head of a trail, NUMBER:HASH as verify prints it")
        return cls(int(number), found)

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReport:
    """What an examination found.

    Attributes:
        records: Records that were read, each counted once.
        unanswered: Those of requests that were begun and whose end was not recorded: their process
            was out of time or memory, or they were under way.
        segments: Segments that were read, checkpoints not among them.
        chains: Chains they form.
        checkpoints: Checkpoints that were read.
        anchored_until: When the newest checkpoint was written; empty when there is none.
        head: The newest checkpoint as `NUMBER:HASH`; empty when there is none.
        unanchored: Segments that no checkpoint vouches for yet: were they cut off, nobody could
            tell.
        faults: Every fault, as a sentence; none when the trail is whole.
    """

    records: int
    unanswered: int
    segments: int
    chains: int
    checkpoints: int
    anchored_until: str
    head: str
    unanchored: int
    faults: tuple[str, ...]


def examine(
    objects: Iterable[tuple[str, bytes]],
    believes: Believes,
    *,
    now: datetime | None = None,
    known: Head | None = None,
    watch: Callable[[int, int], object] = lambda _, __: None,
) -> TrailReport:
    """Examine a trail.

    Args:
        objects: Every object of the trail's bucket with its key, in the order of keys.
        believes: Checks a signature.
        now: The time, to notice that checkpoints have stopped; None where nobody knows when the
            trail was copied.
        known: What an earlier examination saw last: a trail that was put back to an older state
            does not hold it.
        watch: Told of progress: segments and records so far.

    Raises:
        ValueError: The objects are in another order.
    """
    examination = _Examination(believes, known)
    before = ""
    for key, data in objects:
        if key < before:
            raise ValueError(f"{key!r} comes after {before!r}: give objects in the order of keys")
        before = key
        examination.take(key, data)
        watch(examination.segments, examination.streams.records)
    return examination.report(now)


@dataclass(slots=True)
class _Chain:
    """The chain that is being read.

    Attributes:
        name: Its name.
        expected: The number of its next segment.
        before: What that segment has to name; None where the one before could not be read.
    """

    name: str = ""
    expected: int = 0
    before: str | None = GENESIS


@dataclass(slots=True)
class _Examination:
    """One examination under way; keys of checkpoints sort before those of the trail."""

    believes: Believes
    known: Head | None
    faults: list[str] = field(default_factory=list)
    streams: Streams = field(default_factory=Streams)
    segments: int = 0
    _chains: int = 0
    _checkpoints: int = 0
    _unanchored: int = 0
    _head: Head | None = None
    _anchored_until: str = ""
    _chain: _Chain = field(default_factory=_Chain)
    _told: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)
    """Of each chain: number, hash and time of the ends that checkpoints saw, until they are met."""
    _reach: dict[str, int] = field(default_factory=dict)

    def take(self, key: str, data: bytes) -> None:
        """Read one object."""
        place = Place.of(key)
        if place is None or not (place.day or place.chain == EVERY_CHAIN):
            self.faults.append(f"{key!r} is no segment: nobody writes such a key")
            return
        if place.name != self._chain.name:
            self._end()
            self._chain = _Chain(name=place.name)
            self._chains += bool(place.day)
        chain = self._chain
        if place.number != chain.expected:
            gap = f"{chain.expected} to {place.number - 1}"
            self.faults.append(f"{chain.name}: segments {gap} are missing")
            chain.before = None
        chain.expected = place.number + 1
        found = segment_hash(data)
        segment = self._believed(key, data, place)
        if segment is not None:
            if chain.before is not None and segment.before != chain.before:
                self.faults.append(
                    f"{chain.name}: segment {place.number} does not follow the one before it"
                )
            if place.day:
                self._compare(place, found)
                self._count(segment)
            else:
                self._anchor(segment, found)
        elif place.day:
            self._told.get(place.name, {}).pop(place.number, None)
        chain.before = found if segment is not None else None

    def _believed(self, key: str, data: bytes, place: Place) -> Segment | None:
        """Return a segment that is signed and stands in its place; None after naming the fault."""
        if len(data) > LARGEST_BYTES:
            self.faults.append(f"{key} is no segment: none is larger than {LARGEST_BYTES} bytes")
            return None
        try:
            content, signature = opened(data)
            if not self.believes(segment_statement(content), signature):
                self.faults.append(f"{key} was changed, or somebody else has signed it")
                return None
            segment = Segment.of(content)
        except BrokenSegmentError as error:
            self.faults.append(f"{key} is no segment: {error}")
            return None
        if segment.place != place:
            self.faults.append(f"{key} holds what was written as {segment.place.key}")
            return None
        return segment

    def _count(self, segment: Segment) -> None:
        self.segments += 1
        for record in segment.records:
            fault = self.streams.take(record)
            if fault:
                self.faults.append(f"{fault}: one was added ({segment.place.key})")

    def _anchor(self, segment: Segment, found: str) -> None:
        self._checkpoints += 1
        number = segment.place.number
        if self.known and number == self.known.number and found != self.known.hash:
            self.faults.append(f"checkpoint {number} is another than was examined before")
        self._head, self._anchored_until = Head(number, found), segment.at
        for record in segment.records:
            name, end = record["chain"], record["number"]
            self._reach[name] = max(end, self._reach.get(name, -1))
            before = self._told.setdefault(name, {}).setdefault(end, (record["hash"], segment.at))
            if before[0] != record["hash"]:
                self.faults.append(
                    f"{name}: segment {end} was another at {before[1]} than at {segment.at}"
                )

    def _compare(self, place: Place, found: str) -> None:
        self._unanchored += place.number > self._reach.get(place.name, -1)
        told = self._told.get(place.name, {}).pop(place.number, None)
        if told is not None and told[0] != found:
            self.faults.append(f"{place.name}: segment {place.number} is not the one of {told[1]}")

    def _end(self) -> None:
        """Compare how far a chain came with how far checkpoints say that it reached."""
        chain = self._chain
        unmet = self._told.pop(chain.name, {})
        # A lower number than the chain's end lies in a gap, which was named.
        if unmet and max(unmet) >= chain.expected:
            self.faults.append(_cut_off(chain.name, unmet))

    def report(self, now: datetime | None) -> TrailReport:
        """Say what was found, after the last object."""
        self._end()
        return TrailReport(
            records=self.streams.records + self.streams.unanswered,
            unanswered=self.streams.unanswered,
            segments=self.segments,
            chains=self._chains,
            checkpoints=self._checkpoints,
            anchored_until=self._anchored_until,
            head=str(self._head or ""),
            unanchored=self._unanchored,
            faults=(*self.faults, *self._at_the_end(now), *self.streams.faults()),
        )

    def _at_the_end(self, now: datetime | None) -> Iterator[str]:
        for name, told in sorted(self._told.items()):
            yield _cut_off(name, told)
        if self.known and (self._head is None or self._head.number < self.known.number):
            yield (
                f"checkpoint {self.known.number}, which was examined before, is gone: "
                "the trail was put back to an older state"
            )
        if not self._anchored_until:
            if self.segments:
                yield "there is no checkpoint: nobody can tell whether ends are missing"
        elif now is not None and now - datetime.fromisoformat(self._anchored_until) > STALE:
            yield (
                f"the checkpoints end at {self._anchored_until}: later ones are missing, "
                "or the recorder is dead"
            )


def _cut_off(name: str, unmet: Mapping[int, tuple[str, str]]) -> str:
    number, (_, at) = max(unmet.items())
    return f"{name} was cut off: it reached segment {number} at {at}"
