"""A chain of segments: no record can be changed, left out, moved or cut off unseen.

A segment is JSON lines: a header with the hash of the segment before it, records, and last the
signature over everything above. The hash is that of every byte, the signature's own included, and
nothing is read out of a segment before its signature is believed. Each writer has chains of its
own, so writers never wait for each other; checkpoints, a chain themselves, name the end of every
chain, so that a chain whose end was cut off, or that is gone whole, is missed.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, Self

FORMAT: Final = 2
GENESIS: Final = ""
"""What the first segment of a chain has for the hash of the one before."""
TRAIL: Final = "trail"
CHECKPOINTS: Final = "checkpoints"
EVERY_CHAIN: Final = "all"
"""The one chain of checkpoints."""
_KEY: Final = re.compile(
    rf"(?:{CHECKPOINTS}|{TRAIL}/(?P<day>[0-9-]{{10}})/(?P<model>[^/\s]+))"
    r"/(?P<chain>[^/\s]+)/(?P<number>[0-9]{10})\.jsonl"
)
_SIGNATURE: Final = re.compile(rb'\{"signature":"((?:[0-9a-f]{2})*)"\}\n')
"""Strictly so: a letter in upper case, or a blank more, would be a change that nobody sees."""

Record = Mapping[str, Any]
Sign = Callable[[bytes], bytes]


class BrokenSegmentError(ValueError):
    """These bytes are no segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a segment belongs.

    Attributes:
        day: `2026-11-22`, when the chain began; empty for checkpoints.
        model: Whose records.
        chain: The writer's random name.
        number: Counts the chain's segments from 0.
    """

    day: str
    model: str
    chain: str
    number: int

    @property
    def key(self) -> str:
        """The object's key; keys of one chain sort in order."""
        return f"{chain_prefix(self.day, self.model, self.chain)}{self.number:010}.jsonl"

    @property
    def name(self) -> str:
        """The chain's name in checkpoints."""
        return chain_prefix(self.day, self.model, self.chain).rstrip("/")

    @classmethod
    def of(cls, key: str) -> Self | None:
        """Return the place that a key names; None if it names none.

        Example:
            >>> Place.of("trail/2026-11-22/churn/5eed/0000000007.jsonl").number
            7
            >>> Place.of("trail/2026-11-22/churn/5eed/7.jsonl")
        """
        found = _KEY.fullmatch(key)
        if found is None:
            return None
        return cls(
            day=found["day"] or "",
            model=found["model"] or "",
            chain=found["chain"],
            number=int(found["number"]),
        )


def chain_prefix(day: str, model: str, chain: str) -> str:
    """Return what the keys of one chain begin with.

    Example:
        >>> chain_prefix("2026-11-22", "churn", "5eed")
        'trail/2026-11-22/churn/5eed/'
        >>> chain_prefix("", "", "5eed")
        'checkpoints/5eed/'
    """
    return f"{TRAIL}/{day}/{model}/{chain}/" if day else f"{CHECKPOINTS}/{chain}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some records with their place in a chain.

    Attributes:
        place: Where it belongs.
        before: Hash of the segment before it, `GENESIS` for the first.
        at: When it was written, ISO 8601 in UTC.
        records: What it holds.
    """

    place: Place
    before: str
    at: str
    records: tuple[Record, ...]

    def content(self) -> bytes:
        """Write what is hashed and signed."""
        header = {
            "format": FORMAT,
            **asdict(self.place),
            "before": self.before,
            "at": self.at,
            "count": len(self.records),
        }
        return b"".join(_line(value) for value in (header, *self.records))

    def signed(self, sign: Sign) -> tuple[bytes, str]:
        """Return the whole segment and its hash.

        Args:
            sign: Signs a statement (ECDSA, P-256, SHA-256, DER).
        """
        content = self.content()
        data = content + _line({"signature": sign(segment_statement(content)).hex()})
        return data, segment_hash(data)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Return a segment of one's own; whoever doubts it reads only what is signed (`opened`).

        Raises:
            BrokenSegmentError: It is no segment, cut short or of another format.
        """
        return cls.of(opened(data)[0])

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the segment whose content this is, without its signature.

        Raises:
            BrokenSegmentError: As above.
        """
        try:
            header, *records = map(json.loads, content.removesuffix(b"\n").split(b"\n"))
            if header["format"] != FORMAT or header["count"] != len(records):
                raise BrokenSegmentError("its header does not tell what it holds")
            return cls(
                place=Place(
                    day=header["day"],
                    model=header["model"],
                    chain=header["chain"],
                    number=header["number"],
                ),
                before=header["before"],
                at=header["at"],
                records=tuple(records),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BrokenSegmentError(str(error)) from error


def opened(data: bytes) -> tuple[bytes, bytes]:
    """Return what is signed of a segment and its signature, and believe nothing yet.

    Raises:
        BrokenSegmentError: No signature ends it, or in another form than signers write.
    """
    start = data.rfind(b"\n", 0, len(data) - 1) + 1
    found = _SIGNATURE.fullmatch(data[start:])
    if found is None:
        raise BrokenSegmentError("it does not end with a signature")
    return data[:start], bytes.fromhex(found[1].decode())


def segment_hash(data: bytes) -> str:
    """Return what the next segment has for `before`: the hash of every byte."""
    return sha256(data).hexdigest()


def segment_statement(content: bytes) -> bytes:
    """Return what is signed for a segment; it names its purpose.

    Example:
        >>> segment_statement(b"")[:30]
        b'falaj audit segment sha256 e3b'
    """
    return b"falaj audit segment sha256 " + sha256(content).hexdigest().encode()


def checkpoint_record(place: Place, data: bytes) -> Record:
    """Say how far a chain reaches.

    Args:
        place: Of its last segment.
        data: That segment, every byte of it.
    """
    return {"chain": place.name, "number": place.number, "hash": segment_hash(data)}


def _line(value: Record) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"
