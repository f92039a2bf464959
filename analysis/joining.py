"""Exposures and outcomes become units: joined by inference id, counted by unit, in bounded memory.

The records lie in a temporary SQLite file whose sorts spill to disk, so memory does not grow with
them. The first exposure decides a unit's arm. What cannot be counted is set aside and counted by
reason.
"""

import math
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from analysis.channels import (
    Channel,
    channels_of,
    is_exposure,
    is_outcome,
    number_or_none,
    value_channel,
)
from analysis.moments import Array
from analysis.tables import JOIN, SCHEMA
from analysis.tally import Tally
from falaj.experiments.metrics import REQUESTS, Kind, Metric
from falaj.experiments.records import Exposure, Outcome
from falaj.experiments.spec import ExperimentSpec

BATCH: Final = 20_000
CACHE_KIB: Final = 48 * 1024
CLOCK_SKEW_S: Final = 60.0
"""An outcome may be stamped this much before its exposure: two machines' clocks."""

_Record = Mapping[str, Any] | None
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some units, in order of first exposure.

    Attributes:
        arms: Index of the arm, int64[n].
        times: First exposure, seconds since the epoch, float64[n].
        rows: By metric, float64[n, 4] as `analysis.moments` describes.
    """

    arms: np.ndarray[Any, np.dtype[np.int64]]
    times: Array
    rows: Mapping[str, Array]


class Joining:
    """A join under way; use it in a `with` block.

    Attributes:
        spec: The experiment.
    """

    def __init__(self, spec: ExperimentSpec, *, directory: Path | None = None) -> None:
        self.spec = spec
        self._arms = {arm.name: index for index, arm in enumerate(spec.arms)}
        self._channels = channels_of(spec.metrics)
        self._unusable: Counter[str] = Counter()
        self._folder = tempfile.TemporaryDirectory(dir=directory, prefix="falaj-join-")
        self._db = sqlite3.connect(Path(self._folder.name) / "join.sqlite", isolation_level=None)
        self._db.executescript(SCHEMA.format(cache=CACHE_KIB))
        self._caps: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def add_exposures(self, records: Iterable[_Record]) -> None:
        """Take in exposures, as `Exposure.to_dict` writes them."""
        self._insert("INSERT INTO exposure VALUES (?, ?, ?, ?, ?)", self._exposures(records))

    def add_outcomes(self, records: Iterable[_Record]) -> None:
        """Take in outcomes, as `Outcome.to_dict` writes them."""
        self._insert("INSERT INTO outcome VALUES (?, ?, ?, ?, ?)", self._outcomes(records))

    def add_checked(self, exposures: Iterable[Exposure], outcomes: Iterable[Outcome]) -> None:
        """Take in records that were checked when they were read."""
        self._insert("INSERT INTO exposure VALUES (?, ?, ?, ?, ?)", self._shown(exposures))
        self._insert("INSERT INTO outcome VALUES (?, ?, ?, ?, ?)", self._told(outcomes))

    def _shown(self, exposures: Iterable[Exposure]) -> Iterator[_Row]:
        is_request, arms, name = self.spec.subject is None, self._arms, self.spec.name
        for each in exposures:
            if each.experiment != name or each.arm not in arms:
                known = "unknown_arm" if each.experiment == name else "other_experiment"
                self._unusable[known] += 1
                continue
            unit = each.inference_id if is_request else each.unit
            yield each.inference_id, unit, arms[each.arm], each.at, each.covariate

    def _told(self, outcomes: Iterable[Outcome]) -> Iterator[_Row]:
        by_outcome = self._by_outcome()
        for each in outcomes:
            channels = by_outcome.get(each.metric)
            if channels is None:
                self._unusable["other_metric"] += 1
                continue
            for index, channel in channels:
                value = channel.number(each.value)
                if value is None:
                    self._unusable["unusable_value"] += 1
                    continue
                yield each.inference_id, index, each.id, value, each.at

    def _by_outcome(self) -> dict[str, list[tuple[int, Channel]]]:
        found: dict[str, list[tuple[int, Channel]]] = {}
        for index, channel in enumerate(self._channels):
            found.setdefault(channel.outcome, []).append((index, channel))
        return found

    def _insert(self, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def _exposures(self, records: Iterable[_Record]) -> Iterator[tuple[Any, ...]]:
        is_request = self.spec.subject is None
        for record in records:
            fault = self._exposure_fault(record)
            if fault or record is None:
                self._unusable[fault] += 1
                continue
            inference = record["inference_id"]
            yield (
                inference,
                inference if is_request else record["unit"],
                self._arms[record["arm"]],
                float(record["at"]),
                number_or_none(record.get("covariate")),
            )

    def _exposure_fault(self, record: _Record) -> str:
        if record is None or not is_exposure(record):
            return "malformed_exposure"
        if record["experiment"] != self.spec.name:
            return "other_experiment"
        return "" if record["arm"] in self._arms else "unknown_arm"

    def _outcomes(self, records: Iterable[_Record]) -> Iterator[tuple[Any, ...]]:
        by_outcome = self._by_outcome()
        for record in records:
            if record is None or not is_outcome(record):
                self._unusable["malformed_outcome"] += 1
                continue
            channels = by_outcome.get(record["metric"], [])
            if not channels:
                self._unusable["other_metric"] += 1
            for index, channel in channels:
                value = channel.number(record.get("value"))
                if value is None:
                    self._unusable["unusable_value"] += 1
                    continue
                identity = record.get("id") or ""
                yield record["inference_id"], index, str(identity), value, float(record["at"])

    def finish(self, until: float) -> Tally:
        """Join everything taken in.

        Args:
            until: The present, seconds since the epoch: units whose window is open then are
                immature.
        """
        window = self.spec.outcome_window.total_seconds()
        facts = {"window": window, "skew": CLOCK_SKEW_S, "closed": until - window}
        sums = ", ".join(
            f"sum(CASE WHEN channel = {index} THEN value END) AS c{index}"
            for index in range(len(self._channels))
        )
        self._run(JOIN.format(sums=sums), facts)
        one = self._one
        analysed = one("SELECT count(*) FROM analysed", {})
        self._caps = {m.name: self._cap(m, analysed) for m in self.spec.metrics if m.winsor}
        first = self._primary_channels()
        return Tally(
            exposures=one("SELECT count(*) FROM shown", {}),
            duplicate_exposures=one(
                "SELECT (SELECT count(*) FROM exposure) - (SELECT count(*) FROM shown)", {}
            ),
            units=one("SELECT count(*) FROM unit", {}),
            analysed=analysed,
            crossed=one("SELECT count(*) FROM unit WHERE crossed", {}),
            immature=one(
                "SELECT count(*) FROM unit WHERE NOT crossed AND first > :closed",
                {"closed": until - window},
            ),
            outcomes=self._fates("good"),
            duplicate_outcomes=one(
                f"SELECT (SELECT count(*) FROM outcome WHERE {first})"  # noqa: S608 - numbers
                f" - (SELECT count(*) FROM fate WHERE {first})",
                {},
            ),
            unknown_outcomes=self._fates("unknown"),
            late_outcomes=self._fates("late"),
            early_outcomes=self._fates("early"),
            unusable=dict(self._unusable),
        )

    def _primary_channels(self) -> str:
        """Select one channel of each outcome, so that a record is counted once."""
        first = {
            channel.outcome: index for index, channel in reversed([*enumerate(self._channels)])
        }
        return f"channel IN ({', '.join(map(str, first.values()))})"

    def _fates(self, fate: str) -> int:
        where = self._primary_channels()
        return self._one(
            f"SELECT count(*) FROM fate WHERE fate = :fate AND {where}",  # noqa: S608 - numbers
            {"fate": fate},
        )

    def set_aside(self, limit: int = 100) -> list[tuple[str, str]]:
        """List some outcomes that were not counted: (inference id, reason)."""
        query = "SELECT DISTINCT inference, fate FROM fate WHERE fate != 'good' LIMIT ?"
        return [(str(a), str(b)) for a, b in self._db.execute(query, (limit,))]

    def arm_counts(self) -> tuple[int, ...]:
        """Count all units by the arm of their first exposure, whether analysed or not."""
        found = dict(self._db.execute("SELECT arm, count(*) FROM unit GROUP BY arm").fetchall())
        return tuple(int(found.get(index, 0)) for index in range(len(self.spec.arms)))

    def units(self) -> Iterator[Batch]:
        """Stream the analysed units in order of their first exposure."""
        sums = ", ".join(f"c{index}" for index in range(len(self._channels)))
        cursor = self._db.execute(
            f"SELECT arm, first, requests, covariate, {sums} FROM analysed"  # noqa: S608 - numbers
            " LEFT JOIN total USING (number) ORDER BY first, number"
        )
        while found := cursor.fetchmany(BATCH):
            table = np.array(found, dtype=np.float64)  # NULL becomes nan
            yield self._batch(table)

    def _batch(self, table: Array) -> Batch:
        return Batch(
            arms=table[:, 0].astype(np.int64),
            times=table[:, 1],
            rows={metric.name: self._rows(metric, table) for metric in self.spec.metrics},
        )

    def _rows(self, metric: Metric, table: Array) -> Array:
        value = np.nan_to_num(table[:, 4 + self._channels.index(value_channel(metric))])
        if metric.kind is Kind.BINARY:
            value = np.minimum(value, 1.0)
        if metric.name in self._caps:
            value = np.minimum(value, self._caps[metric.name])
        covariate = table[:, 3]
        missing = np.isnan(covariate)
        return np.column_stack(
            [value, self._denominator(metric, table), np.nan_to_num(covariate), missing]
        )

    def _denominator(self, metric: Metric, table: Array) -> Array:
        if metric.denominator is None:
            return np.ones(len(table))
        if metric.denominator == REQUESTS:
            return table[:, 2]
        channel = Channel(metric.denominator, is_binary=False, label=None)
        return np.nan_to_num(table[:, 4 + self._channels.index(channel)])

    def _cap(self, metric: Metric, analysed: int) -> float:
        """Find the pooled quantile above which values are cut, without looking at arms."""
        index = self._channels.index(value_channel(metric))
        skipped = min(int((metric.winsor or 1.0) * analysed), max(0, analysed - 1))
        found = self._db.execute(
            f"SELECT ifnull(c{index}, 0) AS value FROM analysed"  # noqa: S608 - a number
            " LEFT JOIN total USING (number) ORDER BY value LIMIT 1 OFFSET ?",
            (skipped,),
        ).fetchone()
        return float(found[0]) if found else math.inf

    def _run(self, script: str, facts: Mapping[str, float]) -> None:
        for statement in script.split(";"):
            if statement.strip():
                known = {key: value for key, value in facts.items() if f":{key}" in statement}
                self._db.execute(statement, known)

    def _one(self, query: str, facts: Mapping[str, Any]) -> int:
        return int(self._db.execute(query, facts).fetchone()[0])
