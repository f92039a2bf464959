"""What a run will do, decided once: the same inputs always make the same plan, byte for byte."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from falaj.batch.shards import Shard

STATE: Final = "_falaj/"
"""Below the output prefix: the plan and the receipts. Names that begin with _ are not data, for
Spark, Hive and Athena alike."""
PLAN: Final = f"{STATE}plan.json"
SUCCESS: Final = "_SUCCESS.json"
QUARANTINE: Final = "_quarantine/"
_INDENT: Final = orjson.OPT_INDENT_2


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which version of which model answers.

    Attributes:
        model: Its name.
        version: Its version.
        digest: The sha256 of its bytes, from its signed manifest.
    """

    model: str
    version: str
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {"model": self.model, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An object that is read, as it was when the run was planned."""

    name: str
    etag: str
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {"name": self.name, "etag": self.etag, "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run's output depends on, and its shards.

    Attributes:
        source: Address of the inputs.
        served: What answers.
        shard_bytes: How large a shard may be.
        inputs: What is read.
        ignored: Objects that are no data by their names, or empty.
        shards: The work.
    """

    source: str
    served: Served
    shard_bytes: int
    inputs: tuple[Input, ...]
    ignored: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = field(default=())

    def is_of(self, other: Self) -> bool:
        """Whether both plans are of one run, whatever is known yet of its shards."""
        return self._run() == other._run()

    def _run(self) -> tuple[object, ...]:
        return self.source, self.served, self.shard_bytes, self.inputs, self.ignored

    def to_json(self) -> bytes:
        """Write the plan but for its shards, which `shards_json` writes."""
        return orjson.dumps(
            {
                "source": self.source,
                "served": self.served.to_dict(),
                "shard_bytes": self.shard_bytes,
                "inputs": [each.to_dict() for each in self.inputs],
                "ignored": self.ignored,
            },
            option=_INDENT,
        )

    def shards_json(self) -> bytes:
        """Write the shards."""
        return orjson.dumps([shard.to_dict() for shard in self.shards])

    @classmethod
    def from_json(cls, text: bytes, shards: bytes) -> Self:
        """Read what `to_json` and `shards_json` wrote."""
        value = orjson.loads(text)
        return cls(
            source=value["source"],
            served=Served(**value["served"]),
            shard_bytes=value["shard_bytes"],
            inputs=tuple(Input(**each) for each in value["inputs"]),
            ignored=tuple(value["ignored"]),
            shards=tuple(Shard.from_dict(each) for each in orjson.loads(shards)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An object of the output.

    Attributes:
        object: Its key.
        bytes: Its size.
        sha256: Of its content, hex.
    """

    object: str
    bytes: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {"object": self.object, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a shard; written last, after its objects.

    Attributes:
        shard: Its number.
        records: How many it holds.
        answered: How many were answered.
        quarantined: How many could not be.
        answers: The answers; None where there are none.
        quarantine: The others; None where there are none.
    """

    shard: int
    records: int
    answered: int
    quarantined: int
    answers: Written | None
    quarantine: Written | None

    @property
    def objects(self) -> tuple[Written, ...]:
        """What was written for the shard."""
        return tuple(each for each in (self.answers, self.quarantine) if each)

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {
            "shard": self.shard,
            "records": self.records,
            "answered": self.answered,
            "quarantined": self.quarantined,
            "answers": self.answers and self.answers.to_dict(),
            "quarantine": self.quarantine and self.quarantine.to_dict(),
        }

    def to_json(self) -> bytes:
        """Write the receipt."""
        return orjson.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what `to_json` wrote."""
        value = orjson.loads(text)
        for name in ("answers", "quarantine"):
            value[name] = Written(**value[name]) if value[name] else None
        return cls(**value)


def receipt_name(number: int) -> str:
    """Name a shard's receipt, below the output prefix."""
    return f"{STATE}receipts/{number:06d}.json"


def part_name(number: int, sha256: str, *, is_answers: bool) -> str:
    """Name an object of a shard by what it holds, below the output prefix."""
    return f"{'' if is_answers else QUARANTINE}part-{number:06d}-{sha256[:16]}.jsonl"


def manifest(plan: Plan, receipts: Sequence[Receipt]) -> bytes:
    """Write the run's last object: how many records went where, and every object's sha256."""
    return orjson.dumps(
        {
            "source": plan.source,
            "served": plan.served.to_dict(),
            "records": sum(receipt.records for receipt in receipts),
            "answered": sum(receipt.answered for receipt in receipts),
            "quarantined": sum(receipt.quarantined for receipt in receipts),
            "inputs": [each.to_dict() for each in plan.inputs],
            "ignored": plan.ignored,
            "shards": [receipt.to_dict() for receipt in receipts],
        },
        option=_INDENT,
    )
