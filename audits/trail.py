"""Proof that an audit trail is whole: every record is there, unchanged, in its place.

Offline: from the trail's objects and the public half of the key that signs them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from falaj.capture.chain import (
    CHECKPOINTS,
    GENESIS,
    BrokenSegmentError,
    Segment,
    segment_hash,
    segment_statement,
)

STALE: Final = timedelta(hours=3)
"""Checkpoints come hourly; when the newest is so old, its successors are missing."""

Believes = Callable[[bytes, bytes], bool]
"""Whether a statement bears a signature of the trail's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReport:
    """What an examination found.

    Attributes:
        records: Records that were read, each counted once.
        segments: Segments that were read, checkpoints not among them.
        chains: Chains they form.
        checkpoints: Checkpoints that were read.
        anchored_until: When the newest checkpoint was written; empty when there is none.
        faults: Every fault, as a sentence; none when the trail is whole.
    """

    records: int
    segments: int
    chains: int
    checkpoints: int
    anchored_until: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """Everything that could be read, chain by chain."""

    chains: dict[str, dict[int, tuple[Segment, str]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def examine(
    objects: Iterable[tuple[str, bytes]], believes: Believes, *, now: datetime | None = None
) -> TrailReport:
    """Examine a trail.

    Args:
        objects: Every object of the trail's bucket, by key.
        believes: Checks a signature.
        now: The time, to notice that checkpoints have stopped; None where the trail is a copy.
    """
    reading = _read(objects, believes)
    faults = reading.faults
    for name in sorted(reading.chains):
        faults.extend(_chain_faults(name, reading.chains[name]))
    checkpoints = {
        name: chain for name, chain in reading.chains.items() if name.startswith(f"{CHECKPOINTS}/")
    }
    trail = {name: chain for name, chain in reading.chains.items() if name not in checkpoints}
    faults.extend(_unreached(checkpoints, trail))
    newest = max((s.at for c in checkpoints.values() for s, _ in c.values()), default="")
    if trail:
        faults.extend(_stale(newest, now))
    streams, events = _streams(trail)
    for stream in sorted(streams):
        faults.extend(_stream_faults(stream, streams[stream]))
    return TrailReport(
        records=len(events),
        segments=sum(map(len, trail.values())),
        chains=len(trail),
        checkpoints=sum(map(len, checkpoints.values())),
        anchored_until=newest,
        faults=tuple(faults),
    )


def _read(objects: Iterable[tuple[str, bytes]], believes: Believes) -> _Reading:
    reading = _Reading()
    for key, data in objects:
        try:
            segment, content, signature = Segment.read(data)
        except BrokenSegmentError as error:
            reading.faults.append(f"{key} is no segment: {error}")
            continue
        if not believes(segment_statement(content), signature):
            reading.faults.append(f"{key} was changed, or somebody else has signed it")
            continue
        if segment.place.key != key:
            reading.faults.append(f"{key} holds what was written as {segment.place.key}")
            continue
        chain = reading.chains.setdefault(segment.place.name, {})
        chain[segment.place.number] = segment, segment_hash(content)
    return reading


def _chain_faults(name: str, chain: Mapping[int, tuple[Segment, str]]) -> Iterator[str]:
    before, expected = GENESIS, 0
    for number in sorted(chain):
        if number != expected:
            yield f"{name}: segments {expected} to {number - 1} are missing"
        elif chain[number][0].before != before:
            yield f"{name}: segment {number} does not follow the one before it"
        before, expected = chain[number][1], number + 1


def _unreached(
    checkpoints: Mapping[str, Mapping[int, tuple[Segment, str]]],
    trail: Mapping[str, Mapping[int, tuple[Segment, str]]],
) -> Iterator[str]:
    """Compare every chain with how far checkpoints say that it reached."""
    told: set[str] = set()
    newest_first = sorted(
        (found for chain in checkpoints.values() for found, _ in chain.values()),
        key=lambda found: found.place.number,
        reverse=True,
    )
    for checkpoint in newest_first:
        for record in checkpoint.records:
            name, number = record["chain"], record["number"]
            found = trail.get(name, {}).get(number)
            if found is not None and found[1] != record["hash"]:
                yield f"{name}: segment {number} is not the one of {checkpoint.at}"
            elif found is None and name not in told:
                told.add(name)
                yield f"{name} was cut off: it reached segment {number} at {checkpoint.at}"


def _stale(newest: str, now: datetime | None) -> Iterator[str]:
    if not newest:
        yield "there is no checkpoint: nobody can tell whether ends are missing"
    elif now is not None and now - datetime.fromisoformat(newest) > STALE:
        yield f"the checkpoints end at {newest}: later ones are missing, or the recorder is dead"


def _streams(
    trail: Mapping[str, Mapping[int, tuple[Segment, str]]],
) -> tuple[dict[str, set[int]], set[str]]:
    """Return the numbers of each function environment's records, and the ids of all records."""
    streams: dict[str, set[int]] = {}
    events: set[str] = set()
    for chain in trail.values():
        for segment, _ in chain.values():
            for record in segment.records:
                events.add(str(record["event"]))
                if record.get("stream"):
                    streams.setdefault(record["stream"], set()).add(int(record["number"]))
    return streams, events


def _stream_faults(stream: str, numbers: set[int]) -> Iterator[str]:
    missing = sorted(set(range(1, max(numbers) + 1)) - numbers)
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (" …" if missing[5:] else "")
        yield (
            f"environment {stream} left {max(numbers)} records, {len(missing)} of which "
            f"were never recorded: {shown}"
        )
