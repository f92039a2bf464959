"""Exposures and outcomes become units: joined by inference id, counted by unit, in bounded memory.

The records lie in temporary SQLite files whose sorts spill to disk, so memory does not grow with
them. The first exposure decides a unit's arm. What cannot be counted is set aside and counted by
reason.
"""

import math
import sqlite3
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from analysis.channels import Channel, value_channel
from analysis.intake import Intake, Record, fingerprint, is_of
from analysis.moments import Array
from analysis.tables import JOIN, PRAGMAS
from analysis.tally import Tally
from falaj.experiments.metrics import REQUESTS, Kind, Metric
from falaj.experiments.records import Exposure, Outcome
from falaj.experiments.spec import ExperimentSpec

BATCH: Final = 20_000
CACHE_KIB: Final = 32 * 1024
"""For each of the two files."""
WORTH_KEEPING: Final = 0.1
"""Share of all sources that must be new before the file is kept again."""
FEWEST_NEW: Final = 20
CLOCK_SKEW_S: Final = 60.0
"""An outcome may be stamped this much before its exposure: two machines' clocks."""


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

    Args:
        spec: The experiment.
        directory: Folder for the temporary files, about 400 bytes a record.
        take_up: Writes what `keep` gave to a file; says whether there was anything.

    Attributes:
        spec: The experiment.
    """

    def __init__(
        self,
        spec: ExperimentSpec,
        *,
        directory: Path | None = None,
        take_up: Callable[[Path], bool] | None = None,
    ) -> None:
        self.spec = spec
        self._folder = tempfile.TemporaryDirectory(dir=directory, prefix="falaj-join-")
        self._kept = Path(self._folder.name) / "kept.sqlite"
        try:
            self._db = self._opened(take_up)
        except BaseException:
            self._folder.cleanup()
            raise
        self._intake = Intake(spec, self._db)
        self._channels = self._intake.channels
        self._caps: dict[str, float] = {}

    def _opened(self, take_up: Callable[[Path], bool] | None) -> sqlite3.Connection:
        """Open what was kept, or begin anew where nothing was, or what was is of no use."""
        if take_up is not None and take_up(self._kept):
            db = sqlite3.connect(self._kept, isolation_level=None)
            if is_of(db, self.spec):
                return self._prepared(db)
            db.close()
        self._kept.unlink(missing_ok=True)
        db = self._prepared(sqlite3.connect(self._kept, isolation_level=None))
        db.execute("CREATE TABLE main.about (fingerprint TEXT)")
        db.execute("INSERT INTO main.about VALUES (?)", (fingerprint(self.spec),))
        return db

    def _prepared(self, db: sqlite3.Connection) -> sqlite3.Connection:
        work = Path(self._folder.name) / "work.sqlite"
        db.execute("ATTACH ? AS work", (str(work),))
        db.executescript(PRAGMAS.format(cache=CACHE_KIB))
        return db

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

    def add_exposures(self, records: Iterable[Record]) -> None:
        """Take in exposures, as `Exposure.to_dict` writes them."""
        self._intake.add_exposures(records)

    def add_outcomes(self, records: Iterable[Record]) -> None:
        """Take in outcomes, as `Outcome.to_dict` writes them."""
        self._intake.add_outcomes(records)

    def add_checked(self, exposures: Iterable[Exposure], outcomes: Iterable[Outcome]) -> None:
        """Take in records that were checked when they were read."""
        self._intake.add_checked(exposures, outcomes)

    @property
    def known(self) -> Container[str]:
        """Names of the sources that need not be read again."""
        return self._intake.known

    def add_files(
        self,
        exposures: Iterable[tuple[str, Iterable[Exposure]]],
        outcomes: Iterable[tuple[str, Iterable[Outcome]]],
    ) -> None:
        """Take in sources by name; they are known from then on."""
        self._intake.add_files(exposures, outcomes)

    def keep(self, give: Callable[[Path], None]) -> None:
        """Hand over the file of all that was read, if so much is new that it is worth while.

        Reading it again is cheaper than the log, and it is written so seldom that all writing
        together costs as much as writing a few times what there is in the end.
        """
        self._intake.settle()
        known = len(self._intake.known)
        if self._intake.added >= max(FEWEST_NEW, known * WORTH_KEEPING):
            give(self._kept)

    def finish(self, until: float) -> Tally:
        """Join everything taken in.

        Args:
            until: The present, seconds since the epoch: units whose window is open then are
                immature.
        """
        self._intake.settle()
        counts = self._intake.counts
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
            duplicate_exposures=counts["exposures"] - one("SELECT count(*) FROM shown", {}),
            units=one("SELECT count(*) FROM unit", {}),
            analysed=analysed,
            crossed=one("SELECT count(*) FROM unit WHERE crossed", {}),
            immature=one(
                "SELECT count(*) FROM unit WHERE NOT crossed AND first > :closed",
                {"closed": until - window},
            ),
            outcomes=self._fates("good"),
            duplicate_outcomes=sum(counts[f"outcomes:{index}"] for index in first)
            - self._fates("%"),
            unknown_outcomes=self._fates("unknown"),
            late_outcomes=self._fates("late"),
            early_outcomes=self._fates("early"),
            unusable=self._intake.unusable,
        )

    def _primary_channels(self) -> list[int]:
        """Select one channel of each outcome, so that a record is counted once."""
        first = {
            channel.outcome: index for index, channel in reversed([*enumerate(self._channels)])
        }
        return list(first.values())

    def _fates(self, fate: str) -> int:
        among = ", ".join(map(str, self._primary_channels()))
        return self._one(
            f"SELECT count(*) FROM fate WHERE fate LIKE :fate AND channel IN ({among})",  # noqa: S608 - numbers
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
