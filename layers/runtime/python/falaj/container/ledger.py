"""What became of requests: counts as CloudWatch metrics now and then, failures as lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from falaj import contract
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.quota import LAST
from falaj.telemetry.outcome import Ending, Outcome

_NO_KEYS: Final[Mapping[str, Any]] = {}
_NS_PER_MS: Final = 1e6
LINES_PER_FLUSH: Final = 20
"""Failures described one by one; an overloaded server must not drown its log as well."""

_METRICS: Final[list[dict[str, Any]]] = [
    {
        "Namespace": contract.METRIC_NAMESPACE,
        "Dimensions": [list(names) for names in contract.DIMENSION_SETS],
        "Metrics": [
            {"Name": name, "Unit": "Count"}
            for name in (
                contract.METRIC_REQUESTS,
                contract.METRIC_BAD,
                contract.METRIC_INVALID_OUTPUT,
                contract.METRIC_CLIENT_ERRORS,
            )
        ]
        + [{"Name": contract.METRIC_QUEUE_TIME, "Unit": "Milliseconds"}],
    }
]
_WITHOUT_QUEUE: Final = [
    {
        **_METRICS[0],
        "Metrics": [
            told for told in _METRICS[0]["Metrics"] if told["Name"] != contract.METRIC_QUEUE_TIME
        ],
    }
]


class Tally:
    """Good answers of one model since the last time they were told.

    Attributes:
        count: How many.
        queue_ns: How long their requests had waited, summed.
    """

    __slots__ = ("count", "queue_ns")

    def __init__(self) -> None:
        self.count = self.queue_ns = 0


class Ledger:
    """Counts endings by model; the names are those that functions emit.

    A function writes a line for each request. A container answers tens of thousands a second, and a
    line costs as much as the answer: it sums them up instead.

    Args:
        release: What runs.
        write: Takes each line.
        models: Whose queue times are told even while nobody asks: without data, nobody scales in.
        has_queue: Whether requests wait here; of somebody else's queue nothing is told.
        clock: The time of lines that describe a failure.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    def __init__(
        self,
        release: str,
        write: Callable[[str], object],
        *,
        models: Iterable[str] = (),
        has_queue: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._release, self._write = release, write
        self._metrics = _METRICS if has_queue else _WITHOUT_QUEUE
        self._models = frozenset(models)
        self._tallies: dict[str, Tally] = {}
        self._counts: Counter[tuple[str, Ending]] = Counter()
        self._queue_ns: Counter[str] = Counter()
        self._waited: Counter[str] = Counter()
        self._shed: dict[str, int] = {}
        self._lines = 0

    def tally(self, model: str) -> Tally:
        """Return where good answers of a model are counted; who counts many keeps it."""
        tally = self._tallies.get(model)
        if tally is None:
            tally = self._tallies[model] = Tally()
        return tally

    def answered(self, model: str, *, queue_ns: int = 0) -> None:
        """Count one good answer, and how long its request had waited."""
        tally = self.tally(model)
        tally.count += 1
        tally.queue_ns += queue_ns

    def failed(
        self,
        outcome: Outcome,
        *,
        request_id: str,
        status: int,
        keys: Mapping[str, Any] = _NO_KEYS,
    ) -> None:
        """Count one request that got no answer; describe it if it is our fault.

        Args:
            outcome: How it ended.
            request_id: Its id.
            status: What it was answered.
            keys: What else its line says, as its trace's ids.
        """
        self._counts[outcome.model, outcome.ending] += 1
        if outcome.queue_ns:
            self._queue_ns[outcome.model] += outcome.queue_ns
            self._waited[outcome.model] += 1
        if not outcome.is_bad:
            return
        self._lines += 1
        if self._lines <= LINES_PER_FLUSH:
            self._write_line(
                {
                    "level": "ERROR",
                    "message": outcome.operation or "unrouted",
                    "timestamp": self._clock.now(),
                    "service": outcome.model or "falaj",
                    "model_name": outcome.model,
                    "model_version": outcome.version,
                    "model_digest": outcome.digest,
                    "release": self._release,
                    "variant": outcome.version,
                    "experiment_id": None,
                    "queue_ms": outcome.queue_ns / _NS_PER_MS,
                    "infer_ms": outcome.infer_ns / _NS_PER_MS,
                    "outcome": outcome.ending.value,
                    "error_code": outcome.error_code,
                    "error": outcome.error,
                    "request_id": request_id,
                    "status": status,
                    **keys,
                }
            )

    def shed(self, model: str, priority: int) -> None:
        """Count a tenant of some priority who was told to wait, as one of the priorities that do.

        Args:
            model: What it asked for.
            priority: Its own.
        """
        self._shed[model] = min(priority, self._shed.get(model, LAST))

    def flush(self, at: datetime) -> None:
        """Write the counts since the last time, of every model that was named or asked for."""
        counts, self._counts = self._counts, Counter()
        queue_ns, self._queue_ns = self._queue_ns, Counter()
        waited, self._waited = self._waited, Counter()
        for model, tally in self._tallies.items():
            if tally.count:
                counts[model, Ending.OK] += tally.count
                queue_ns[model] += tally.queue_ns
                waited[model] += tally.count
                tally.count = tally.queue_ns = 0
        hidden, self._lines = max(0, self._lines - LINES_PER_FLUSH), 0
        for model in sorted({model for model, _ in counts if model} | self._models):
            ends = {ending: counts[model, ending] for ending in Ending}
            requests = sum(ends.values())
            bad = ends[Ending.ERROR] + ends[Ending.INVALID_OUTPUT]
            self._write_line(
                {
                    "_aws": {
                        "Timestamp": int(at.timestamp() * 1000),
                        "CloudWatchMetrics": self._metrics,
                    },
                    contract.DIMENSION_MODEL: model,
                    contract.DIMENSION_RELEASE: self._release,
                    contract.METRIC_REQUESTS: requests,
                    contract.METRIC_BAD: bad,
                    contract.METRIC_INVALID_OUTPUT: ends[Ending.INVALID_OUTPUT],
                    contract.METRIC_CLIENT_ERRORS: ends[Ending.CLIENT_ERROR],
                    contract.METRIC_QUEUE_TIME: queue_ns[model] / max(1, waited[model]) / 1e6,
                }
            )
        self._tell_of_shed(at)
        if hidden:
            self._write_line({"level": "WARNING", "message": f"{hidden} failures not described"})

    def _tell_of_shed(self, at: datetime) -> None:
        """Count who waits, by model and over all, as the load shedder does for functions."""
        shed, self._shed = self._shed, {}
        waiting = {model: LAST + 1 - first for model, first in shed.items()}
        told = [(contract.DIMENSION_MODEL, model, count) for model, count in waiting.items()]
        if waiting:
            most = max(waiting.values())
            told.append((contract.DIMENSION_SCOPE, contract.ALL_MODELS, most))
        for dimension, value, count in told:
            declared = {
                "Namespace": contract.METRIC_NAMESPACE,
                "Dimensions": [[dimension]],
                "Metrics": [{"Name": contract.METRIC_SHED, "Unit": "Count"}],
            }
            self._write_line(
                {
                    "_aws": {
                        "Timestamp": int(at.timestamp() * 1000),
                        "CloudWatchMetrics": [declared],
                    },
                    dimension: value,
                    contract.METRIC_SHED: count,
                }
            )

    def _write_line(self, values: dict[str, Any]) -> None:
        self._write(orjson.dumps(values, option=orjson.OPT_UTC_Z).decode() + "\n")
