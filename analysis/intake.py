"""Records become rows of a file, each exposure and each outcome once, whatever comes twice.

The file can be kept and taken up again: what was read from the log once is not read again. What is
in it does not depend on the order or the company in which records came.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from analysis.channels import (
    Channel,
    channels_of,
    is_exposure,
    is_outcome,
    number_or_none,
)
from analysis.tables import KEPT, SETTLE, STAGED
from falaj.experiments.records import Exposure, Outcome
from falaj.experiments.spec import ExperimentSpec

FORMAT: Final = 1
"""Of the file; another one is not read."""

Record = Mapping[str, Any] | None
_Row = tuple[Any, ...]
_SHOWN: Final = "INSERT INTO staged_exposure VALUES (?, ?, ?, ?, ?)"
_TOLD: Final = "INSERT INTO staged_outcome VALUES (?, ?, ?, ?, ?)"


class Intake:
    """Takes records in.

    Args:
        spec: The experiment.
        db: An open database: `main` is the file, `work` lies beside it.

    Attributes:
        channels: The numbers that a unit accumulates.
        known: Names of the sources that the file holds.
        counts: How many rows were read, and how many records were of no use, by reason.
    """

    def __init__(self, spec: ExperimentSpec, db: sqlite3.Connection) -> None:
        self._spec, self._db = spec, db
        self._arms = {arm.name: index for index, arm in enumerate(spec.arms)}
        self.channels = channels_of(spec.metrics)
        self._by_outcome: dict[str, list[tuple[int, Channel]]] = {}
        for index, channel in enumerate(self.channels):
            self._by_outcome.setdefault(channel.outcome, []).append((index, channel))
        db.executescript(KEPT)
        db.executescript(STAGED)
        self._known_before = {str(name) for (name,) in db.execute("SELECT name FROM source")}
        self.known = set(self._known_before)
        self.counts = Counter({str(k): int(n) for k, n in db.execute("SELECT * FROM counted")})

    @property
    def added(self) -> int:
        """How many sources are new since the file was taken up."""
        return len(self.known) - len(self._known_before)

    @property
    def unusable(self) -> dict[str, int]:
        """Records that could not be used, by reason."""
        return {
            key.removeprefix("unusable:"): count
            for key, count in self.counts.items()
            if key.startswith("unusable:")
        }

    def add_exposures(self, records: Iterable[Record]) -> None:
        """Take in exposures, as `Exposure.to_dict` writes them."""
        self._insert(_SHOWN, self._exposures(records))

    def add_outcomes(self, records: Iterable[Record]) -> None:
        """Take in outcomes, as `Outcome.to_dict` writes them."""
        self._insert(_TOLD, self._outcomes(records))

    def add_checked(self, exposures: Iterable[Exposure], outcomes: Iterable[Outcome]) -> None:
        """Take in records that were checked when they were read."""
        self._insert(_SHOWN, self._shown(exposures))
        self._insert(_TOLD, self._told(outcomes))

    def add_files(
        self,
        exposures: Iterable[tuple[str, Iterable[Exposure]]],
        outcomes: Iterable[tuple[str, Iterable[Outcome]]],
    ) -> None:
        """Take in sources by name, which are known from then on."""
        self._insert(_SHOWN, (row for each in self._named(exposures) for row in self._shown(each)))
        self._insert(_TOLD, (row for each in self._named(outcomes) for row in self._told(each)))

    def settle(self) -> None:
        """Put what was taken in into the file."""
        rows = self._db.execute("SELECT count(*) FROM staged_exposure").fetchone()[0]
        self.counts["exposures"] += int(rows)
        for channel, count in self._db.execute(
            "SELECT channel, count(*) FROM staged_outcome GROUP BY channel"
        ):
            self.counts[f"outcomes:{channel}"] += int(count)
        self._db.execute("BEGIN")
        for statement in SETTLE:
            self._db.execute(statement)
        names = ((name,) for name in sorted(self.known - self._known_before))
        self._db.executemany("INSERT OR IGNORE INTO source VALUES (?)", names)
        self._db.executemany("INSERT OR REPLACE INTO counted VALUES (?, ?)", self.counts.items())
        self._db.execute("COMMIT")

    def _named(self, sources: Iterable[tuple[str, Iterable[Any]]]) -> Iterator[Iterable[Any]]:
        for name, records in sources:
            self.known.add(name)
            yield records

    def _insert(self, statement: str, rows: Iterator[_Row]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def _set_aside(self, reason: str) -> None:
        self.counts[f"unusable:{reason}"] += 1

    def _shown(self, exposures: Iterable[Exposure]) -> Iterator[_Row]:
        is_request, arms, name = self._spec.subject is None, self._arms, self._spec.name
        for each in exposures:
            if each.experiment != name or each.arm not in arms:
                self._set_aside("unknown_arm" if each.experiment == name else "other_experiment")
                continue
            unit = each.inference_id if is_request else each.unit
            yield each.inference_id, unit, arms[each.arm], each.at, each.covariate

    def _told(self, outcomes: Iterable[Outcome]) -> Iterator[_Row]:
        for each in outcomes:
            channels = self._by_outcome.get(each.metric)
            if channels is None:
                self._set_aside("other_metric")
                continue
            for index, channel in channels:
                value = channel.number(each.value)
                if value is None:
                    self._set_aside("unusable_value")
                    continue
                yield each.inference_id, index, each.id, value, each.at

    def _exposures(self, records: Iterable[Record]) -> Iterator[_Row]:
        is_request = self._spec.subject is None
        for record in records:
            fault = self._exposure_fault(record)
            if fault or record is None:
                self._set_aside(fault)
                continue
            inference = record["inference_id"]
            yield (
                inference,
                inference if is_request else record["unit"],
                self._arms[record["arm"]],
                float(record["at"]),
                number_or_none(record.get("covariate")),
            )

    def _exposure_fault(self, record: Record) -> str:
        if record is None or not is_exposure(record):
            return "malformed_exposure"
        if record["experiment"] != self._spec.name:
            return "other_experiment"
        return "" if record["arm"] in self._arms else "unknown_arm"

    def _outcomes(self, records: Iterable[Record]) -> Iterator[_Row]:
        for record in records:
            if record is None or not is_outcome(record):
                self._set_aside("malformed_outcome")
                continue
            channels = self._by_outcome.get(record["metric"], [])
            if not channels:
                self._set_aside("other_metric")
            for index, channel in channels:
                value = channel.number(record.get("value"))
                if value is None:
                    self._set_aside("unusable_value")
                    continue
                identity = record.get("id") or ""
                yield record["inference_id"], index, str(identity), value, float(record["at"])


def fingerprint(spec: ExperimentSpec) -> str:
    """Name what a file's rows depend on: a file of another experiment is not taken up.

    Args:
        spec: The experiment.
    """
    channels = [[each.outcome, each.is_binary, each.label] for each in channels_of(spec.metrics)]
    arms = [arm.name for arm in spec.arms]
    about = [FORMAT, spec.model, spec.name, spec.unit.value, arms, channels]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def is_of(db: sqlite3.Connection, spec: ExperimentSpec) -> bool:
    """Whether a file is one of this experiment's, whole, and of this format."""
    try:
        rows = db.execute("SELECT fingerprint FROM about").fetchall()
        return rows == [(fingerprint(spec),)] and db.execute("PRAGMA quick_check").fetchall() == [
            ("ok",)
        ]
    except sqlite3.DatabaseError:
        return False
