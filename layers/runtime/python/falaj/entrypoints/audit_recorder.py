"""The audit recorder's Lambda handler: model functions' lines become a signed chain in S3.

CloudWatch Logs delivers the lines; each environment of the recorder writes a chain of its own for
each model and day, so that none waits for another. Once an hour a schedule has it write down how
far every chain reaches, in a chain of checkpoints; every five minutes it takes in again what it
failed on while S3 or KMS was dark. Whoever makes or destroys a tenant's key tells it so directly.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from secrets import token_hex
from typing import Any, Final, NamedTuple

import boto3

from falaj.aws.audit_trail import AuditTrail
from falaj.aws.dead_letters import DeadLetters
from falaj.aws.kms_signing import KmsSigner
from falaj.capture.chain import (
    EVERY_CHAIN,
    GENESIS,
    BrokenSegmentError,
    Place,
    Record,
    Segment,
    checkpoint_record,
    segment_hash,
)
from falaj.capture.key_events import KEY_EVENT, KEYS, key_record
from falaj.capture.records import audit_record, without_begun
from falaj.config.audit import AuditSettings
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.experiment_recorder import DATA, delivery_of
from falaj.errors import DependencyError, LostRaceError, MalformedRequestError

CHECKPOINT: Final = {"falaj": "checkpoint"}
AGAIN: Final = {"falaj": "again"}
MOST_AGAIN: Final = 200
"""Dead letters at a time: as many as are written well within the function's minute."""
DAYS: Final = 2
"""Chains that may have grown since the last checkpoint began on its day, the day before or later:
an environment lives for hours."""


NO_MODEL: Final = "(none)"
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class _Checkpointed(NamedTuple):
    """What the newest checkpoint is."""

    number: int = -1
    hash: str = GENESIS
    day: date | None = None


class AuditRecorder:
    """Handles deliveries and the schedule.

    Args:
        trail: Where segments go.
        dead: What it failed on; None where nothing keeps that.
        clock: The time.
        name: Makes the random name of a chain.
    """

    def __init__(
        self,
        trail: AuditTrail,
        *,
        dead: DeadLetters | None = None,
        clock: Clock | None = None,
        name: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        self._trail, self._clock, self._name = trail, clock or SystemClock(), name
        self._dead = dead
        self._ends: dict[tuple[str, str], tuple[Place, str]] = {}

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
        """Handle one event.

        Raises:
            MalformedRequestError: It is none of these.
            LostRaceError: Two checkpoints were written at once; the schedule's retry writes the
                next.
            DependencyError: S3 or KMS is dark; the event is delivered again.
        """
        del context
        if dict(event) == CHECKPOINT:
            return self._checkpoint()
        if dict(event) == AGAIN:
            return self._take_again()
        if event.get("falaj") == KEY_EVENT:
            record = key_record(event, self._clock.now())
            self._append(KEYS, (record,))
            return {"records": 1}
        return {"records": self._deliver(event)}

    def _deliver(self, event: Mapping[str, Any]) -> int:
        delivered = delivery_of(event)
        if delivered.get("messageType") != DATA:
            return 0
        by_model: dict[str, list[Record]] = {}
        found = (record for entry in delivered["logEvents"] if (record := _record(entry)))
        for record in without_begun(found):
            by_model.setdefault(_folder(record["model"]), []).append(record)
        for model, records in by_model.items():
            self._append(model, tuple(records))
        return sum(map(len, by_model.values()))

    def _take_again(self) -> dict[str, Any]:
        """Take in what failed before; it never fails itself, for it comes again anyway.

        A schedule's word needs no second hearing, since the schedule speaks again. What is no event
        of this function stays where people look.
        """
        taken = 0
        if self._dead is None:
            return {"again": taken}
        with suppress(DependencyError, LostRaceError):
            for letter in self._dead.take(MOST_AGAIN):
                if letter.event not in (CHECKPOINT, AGAIN):
                    try:
                        self._deliver(letter.event)
                    except (MalformedRequestError, TypeError):
                        continue
                self._dead.delete(letter)
                taken += 1
        return {"again": taken}

    def _append(self, model: str, records: tuple[Record, ...]) -> None:
        now = self._clock.now()
        day = now.date().isoformat()
        end = self._ends.get((day, model))
        if end is None:
            self._ends = {key: held for key, held in self._ends.items() if key[0] == day}
            place, before = Place(day=day, model=model, chain=self._name(), number=0), GENESIS
        else:
            last, before = end
            place = Place(day=day, model=model, chain=last.chain, number=last.number + 1)
        # Should S3 have taken what it did not answer, the place is taken: a new chain begins.
        self._ends.pop((day, model), None)
        written = self._trail.write(
            Segment(place=place, before=before, at=now.isoformat(), records=records)
        )
        self._ends[day, model] = place, written

    def _checkpoint(self) -> dict[str, Any]:
        now = self._clock.now()
        last = self._last_checkpoint()
        records = tuple(
            checkpoint_record(place, self._trail.read(place.key))
            for place in self._ends_in_s3(last.day, now)
        )
        place = Place(day="", model="", chain=EVERY_CHAIN, number=last.number + 1)
        self._trail.write(
            Segment(place=place, before=last.hash, at=now.isoformat(), records=records)
        )
        return {"checkpoint": place.number, "chains": len(records)}

    def _ends_in_s3(self, since: date | None, now: datetime) -> list[Place]:
        today = now.date()
        first = min(since or today, today) - timedelta(days=DAYS - 1)
        ends: dict[str, Place] = {}
        for ahead in range((today - first).days + 1):
            for key in self._trail.keys_of_day((first + timedelta(days=ahead)).isoformat()):
                # What else lies there was not written here: whoever examines the trail says so.
                if (place := Place.of(key)) is not None:
                    ends[place.name] = place
        return list(ends.values())

    def _last_checkpoint(self) -> _Checkpointed:
        newest = max(self._trail.checkpoints(), default=None)
        place = newest and Place.of(newest)
        if not newest or not place:
            return _Checkpointed()
        data = self._trail.read(newest)
        day = None
        with suppress(BrokenSegmentError, ValueError):
            day = datetime.fromisoformat(Segment.read(data).at).date()
        return _Checkpointed(number=place.number, hash=segment_hash(data), day=day)


def _folder(model: object) -> str:
    """Return under which name a record stands; a key must not be anybody's to shape."""
    return model if isinstance(model, str) and _MODEL.fullmatch(model) else NO_MODEL


def _record(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    with suppress(ValueError, KeyError, TypeError):
        line = json.loads(entry["message"])
        if isinstance(line, dict):
            return audit_record(line, event=str(entry["id"]))
    return None


handler: AuditRecorder


def __getattr__(name: str) -> AuditRecorder:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = AuditSettings.from_env()
    signer = KmsSigner(boto3.client("kms"), settings.signing_key)
    made = globals()["handler"] = AuditRecorder(
        AuditTrail(boto3.client("s3"), settings.bucket, signer.sign),
        dead=DeadLetters(boto3.client("sqs"), settings.dead_letters),
    )
    return made
