"""The three steps of a run, each of which may be killed at any moment and done again.

`plan` lists and cuts the inputs; `shard` answers one shard; `finish` adds everything up. Every
object is written once, under a name that its content decides; a shard's receipt comes after its
objects, `_SUCCESS.json` after all receipts. Whoever repeats a run thus skips what has a receipt,
and writes what has none under the same names again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final

from falaj.batch.answering import outcomes
from falaj.batch.lines import lines_of
from falaj.batch.plan import (
    PLAN,
    QUARANTINE,
    STATE,
    SUCCESS,
    Input,
    Plan,
    Receipt,
    Served,
    Written,
    manifest,
    part_name,
    receipt_name,
)
from falaj.batch.reading import CsvReader, JsonReader, Reader
from falaj.batch.shards import SHARD_BYTES, Format, Shard, shards_of
from falaj.contract import BATCH_SHARDS
from falaj.domain.objects import Listed, Place, Store
from falaj.engines.repository import ServedModel
from falaj.errors import BatchIncompleteError, BatchRefusedError

LEAST_SHARD_BYTES: Final = 1024
"""Smaller shards cost more in calls than they hold."""
LARGEST_SHARD_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run came to.

    Attributes:
        records: How many there were.
        answered: How many were answered.
        quarantined: How many could not be.
        shards: In how many shards.
        manifest: Address of `_SUCCESS.json`.
        sha256: Of that manifest.
    """

    records: int
    answered: int
    quarantined: int
    shards: int
    manifest: str
    sha256: str


class Batch:
    """One run.

    Args:
        model: What answers.
        source: Where the records are.
        target: Where the answers go.
        open_store: Opens a bucket.
        shard_bytes: How much of an object one shard holds.

    Raises:
        BatchRefusedError: The places or the size cannot be.
    """

    def __init__(
        self,
        model: ServedModel,
        *,
        source: Place,
        target: Place,
        open_store: Callable[[str], Store],
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        if source.holds(target):
            raise BatchRefusedError(
                f"the answers ({target}) would lie among the records ({source}); "
                "choose a prefix beside it"
            )
        if not target.prefix:
            raise BatchRefusedError(f"{target} is a whole bucket; name a prefix for the answers")
        if not LEAST_SHARD_BYTES <= shard_bytes <= LARGEST_SHARD_BYTES:
            raise BatchRefusedError(
                f"a shard of {shard_bytes} bytes: from {LEAST_SHARD_BYTES} to {LARGEST_SHARD_BYTES}"
            )
        self._model, self._source, self._target = model, source, target
        self._in, self._out = open_store(source.bucket), open_store(target.bucket)
        self._shard_bytes = shard_bytes

    # ------------------------------------------------------------------- plan
    def plan(self) -> Plan:
        """Decide what is done, or find what was decided.

        Raises:
            BatchRefusedError: There is nothing to do, something is of no known format, or the
                output prefix holds another run's plan or anything else.
        """
        wanted = self._wanted()
        known = self._known()
        if known is not None:
            if not known.is_of(wanted):
                raise BatchRefusedError(_differs(known, wanted, self._target))
            return known
        self._check_empty()
        made = replace(wanted, shards=tuple(self._shards(wanted)))
        self._out.write_once(self._name(BATCH_SHARDS), made.shards_json())
        self._out.write_once(self._name(PLAN), made.to_json())
        return made

    @property
    def shards_address(self) -> Place:
        """Where the shards are listed; the prefix is the object's key."""
        return Place(bucket=self._target.bucket, prefix=self._name(BATCH_SHARDS))

    def _known(self) -> Plan | None:
        """Return the plan that lies there; its shards were written before it."""
        plan, shards = self._out.find(self._name(PLAN)), self._out.find(self._name(BATCH_SHARDS))
        return Plan.from_json(plan, shards) if plan is not None and shards is not None else None

    def _wanted(self) -> Plan:
        inputs, ignored = [], []
        for listed in self._in.listed(self._source.prefix):
            if _is_hidden(listed.name.removeprefix(self._source.prefix)) or not listed.size:
                ignored.append(listed.name)
                continue
            Format.of(listed.name)
            inputs.append(Input(name=listed.name, etag=listed.etag, size=listed.size))
        if not inputs:
            raise BatchRefusedError(f"{self._source} holds no records")
        model = self._model
        return Plan(
            source=str(self._source),
            served=Served(model=model.name, version=model.version, digest=model.digest),
            shard_bytes=self._shard_bytes,
            inputs=tuple(inputs),
            ignored=tuple(ignored),
        )

    def _shards(self, plan: Plan) -> Iterator[Shard]:
        number = 0
        for each in plan.inputs:
            listed = Listed(name=each.name, etag=each.etag, size=each.size)
            read = partial(self._read, each.name, each.etag)
            for shard in shards_of(listed, read, first=number, shard_bytes=plan.shard_bytes):
                yield shard
                number += 1

    def _check_empty(self) -> None:
        """Refuse to mix answers with what nobody accounts for."""
        for listed in self._out.listed(self._target.prefix):
            if listed.size and not listed.name.startswith(self._name(STATE)):
                raise BatchRefusedError(
                    f"{self._target} holds {listed.name} and no plan of a batch; choose another "
                    "prefix"
                )

    # ------------------------------------------------------------------ shard
    def shard(self, shard: Shard) -> Receipt:
        """Answer a shard's records, or find that this was done.

        Raises:
            BatchRefusedError: The input changed, or the shard was answered otherwise before.
        """
        name = self._name(receipt_name(shard.number))
        if (found := self._out.find(name)) is not None:
            return Receipt.from_json(found)
        answers, others = self._answered(shard)
        receipt = Receipt(
            shard=shard.number,
            records=len(answers) + len(others),
            answered=len(answers),
            quarantined=len(others),
            answers=self._write(shard.number, answers, is_answers=True),
            quarantine=self._write(shard.number, others, is_answers=False),
        )
        self._out.write_once(name, receipt.to_json())
        return receipt

    def _answered(self, shard: Shard) -> tuple[list[bytes], list[bytes]]:
        content = self._read(shard.object, shard.etag, shard.start, shard.end)
        lines = lines_of(content, shard)
        if shard.format is Format.JSON_LINES:
            reader: Reader = JsonReader(self._model)
        elif shard.start:
            header = self._read(shard.object, shard.etag, 0, shard.header_bytes)
            reader = CsvReader(header, self._model)
        else:
            head = next(lines, None)
            reader = CsvReader(head.text if head else b"", self._model)
        answers, others = list[bytes](), list[bytes]()
        for outcome in outcomes(lines, reader, self._model):
            (answers if outcome.is_answered else others).append(outcome.text)
        return answers, others

    def _write(self, number: int, lines: list[bytes], *, is_answers: bool) -> Written | None:
        if not lines:
            return None
        content = b"".join(lines)
        digest = sha256(content).hexdigest()
        name = part_name(number, digest, is_answers=is_answers)
        self._out.write_once(self._name(name), content)
        return Written(object=name, bytes=len(content), sha256=digest)

    # ----------------------------------------------------------------- finish
    def finish(self) -> Summary:
        """Add everything up and write `_SUCCESS.json`, after which the answers are whole.

        Raises:
            BatchIncompleteError: Shards have no receipt.
            BatchRefusedError: There is no plan, or something lies there that no receipt names.
        """
        plan = self._known()
        if plan is None:
            raise BatchRefusedError(f"{self._target} holds no plan of a batch")
        receipts = [
            found and Receipt.from_json(found)
            for found in (
                self._out.find(self._name(receipt_name(shard.number))) for shard in plan.shards
            )
        ]
        if missing := [
            shard.number for shard, found in zip(plan.shards, receipts, strict=True) if not found
        ]:
            raise BatchIncompleteError(missing)
        whole = [receipt for receipt in receipts if receipt]
        self._check_objects(whole)
        content = manifest(plan, whole)
        self._out.write_once(self._name(SUCCESS), content)
        return Summary(
            records=sum(receipt.records for receipt in whole),
            answered=sum(receipt.answered for receipt in whole),
            quarantined=sum(receipt.quarantined for receipt in whole),
            shards=len(whole),
            manifest=f"{self._target}{SUCCESS}",
            sha256=sha256(content).hexdigest(),
        )

    def _check_objects(self, receipts: list[Receipt]) -> None:
        """Hold what lies there against the receipts: nothing is missing, nothing is twice."""
        wanted = {self._name(each.object): each.bytes for r in receipts for each in r.objects}
        found = {
            listed.name: listed.size
            for listed in self._out.listed(self._target.prefix)
            if not listed.name.startswith(self._name(STATE))
            and listed.name != self._name(SUCCESS)
            and (listed.size or listed.name.startswith(self._name(QUARANTINE)))
        }
        if strange := sorted(found.items() ^ wanted.items()):
            raise BatchRefusedError(
                f"{strange[0][0]} is not what the receipts say: it is missing, changed, or of an "
                "attempt that answered otherwise; remove it if no receipt names it, or choose "
                "another prefix"
            )

    def _name(self, name: str) -> str:
        return self._target.prefix + name

    def _read(self, name: str, etag: str, start: int, end: int) -> bytes:
        return self._in.read(name, start=start, end=end, etag=etag)


def _is_hidden(name: str) -> bool:
    """Whether a path is no data by Hadoop's convention: a part of it begins with _ or a dot."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def _differs(known: Plan, wanted: Plan, target: Place) -> str:
    differences = {
        "source": known.source != wanted.source,
        "model": known.served != wanted.served,
        "shard size": known.shard_bytes != wanted.shard_bytes,
        "inputs": (known.inputs, known.ignored) != (wanted.inputs, wanted.ignored),
    }
    what = ", ".join(name for name, is_other in differences.items() if is_other)
    return (
        f"{target} holds another run (model {known.served.model} {known.served.version} on "
        f"{known.source}; it differs in: {what}); choose another prefix"
    )
