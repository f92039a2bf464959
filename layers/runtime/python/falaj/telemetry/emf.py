"""The one line a request leaves: a structured log entry that is its metrics as well.

CloudWatch extracts metrics from log lines in the Embedded Metric Format, so there is no call to
make and nothing to lose. The line is written here rather than by aws-lambda-powertools because that
costs several times as much as all the rest of a small request (benchmarks/handler.py);
tests/falaj/telemetry/test_emf.py holds it equal to what Powertools writes for the same values.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from falaj import contract
from falaj.telemetry.outcome import Ending, Outcome

HIGH_RESOLUTION: Final = 1
"""`StorageResolution` in seconds: the guard's alarms look every 10 s, standard metrics 60 s."""

_COUNTS: Final = (
    {"Name": contract.METRIC_REQUESTS, "Unit": "Count", "StorageResolution": HIGH_RESOLUTION},
    {"Name": contract.METRIC_BAD, "Unit": "Count", "StorageResolution": HIGH_RESOLUTION},
    {"Name": contract.METRIC_INVALID_OUTPUT, "Unit": "Count", "StorageResolution": HIGH_RESOLUTION},
    {"Name": contract.METRIC_CLIENT_ERRORS, "Unit": "Count"},
    {"Name": contract.METRIC_COLD_STARTS, "Unit": "Count"},
)
_DURATIONS: Final = (
    {
        "Name": contract.METRIC_LATENCY,
        "Unit": "Milliseconds",
        "StorageResolution": HIGH_RESOLUTION,
    },
    {"Name": contract.METRIC_INFERENCE_LATENCY, "Unit": "Milliseconds"},
)


def _directive(metrics: tuple[dict[str, Any], ...]) -> str:
    directive = {
        "Namespace": contract.METRIC_NAMESPACE,
        "Dimensions": contract.DIMENSION_SETS,
        "Metrics": metrics,
    }
    return orjson.dumps([directive]).decode()


_COUNTED: Final = _directive(_COUNTS)
_TIMED: Final = _directive(_COUNTS + _DURATIONS)
_LATENCY: Final = contract.METRIC_LATENCY
_INFERENCE_LATENCY: Final = contract.METRIC_INFERENCE_LATENCY
_ENDINGS_KEPT: Final = 64
_ZERO: Final = [0.0]
_ONE: Final = [1.0]
_SEVERITY: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_NS_PER_MS: Final = 1e6
_LEVELS: Final = {
    Ending.OK: "INFO",
    Ending.CLIENT_ERROR: "WARNING",
    Ending.INVALID_OUTPUT: "ERROR",
    Ending.ERROR: "ERROR",
}


class OutcomeLog:
    """Writes outcomes as lines.

    Durations are metrics of answered, warm inferences only: a refused request is quick, metadata is
    quicker, and either would hide a slow model; an environment's first request is slow whatever the
    model, and the guard would hold a new release's cold starts against it.

    Args:
        model: The function's model: the dimension of requests that reach none.
        release: The Lambda version that runs.
        level: Least severe level to describe; below it a line carries its metrics and no more.
        fixed: Keys that every line carries, such as the function's name and memory.
    """

    def __init__(
        self, *, model: str, release: str, level: str, fixed: Mapping[str, Any] | None = None
    ) -> None:
        self._model = model
        self._release = release
        least = _SEVERITY[level]
        self._described = frozenset(
            ending for ending in Ending if _SEVERITY[_LEVELS[ending]] >= least
        )
        self._fixed = dict(fixed or {})
        self._constants = lru_cache(maxsize=_ENDINGS_KEPT)(self._encoded_constants)

    def line(
        self,
        outcome: Outcome,
        *,
        at: datetime,
        latency_ns: int,
        is_cold: bool,
        keys: Mapping[str, Any],
    ) -> str:
        """Write one request's line, without the line break.

        Args:
            outcome: How it ended.
            at: When it began, in UTC.
            latency_ns: How long the handler took.
            is_cold: Whether it was its environment's first.
            keys: What identifies this request: request id, trace, status.
        """
        ending, infer_ms = outcome.ending, outcome.infer_ns / _NS_PER_MS
        is_timed = ending is Ending.OK and not is_cold and outcome.operation == "infer"
        constants = self._constants(
            outcome.model, outcome.version, outcome.digest, outcome.operation, ending, is_cold
        )
        latency_ms = latency_ns / _NS_PER_MS
        values: dict[str, Any] = (
            {_LATENCY: (latency_ms,), _INFERENCE_LATENCY: (infer_ms,)} if is_timed else {}
        )
        if ending in self._described:
            values |= {
                "timestamp": at,
                "queue_ms": outcome.queue_ns / _NS_PER_MS,
                "infer_ms": infer_ms,
                "duration_ms": latency_ms,
                **keys,
            }
            if outcome.error_code:
                values["error_code"] = outcome.error_code
                # A refusal quotes the caller, perhaps personal data: only its code is kept.
                if outcome.is_bad:
                    values["error"] = outcome.error
        variable = orjson.dumps(values, option=orjson.OPT_UTC_Z).decode()
        separator = "," if values else ""
        timestamp_ms = int(at.timestamp() * 1000)
        metrics = _TIMED if is_timed else _COUNTED
        return (
            f'{{"_aws":{{"Timestamp":{timestamp_ms},"CloudWatchMetrics":{metrics}}},'
            f"{constants}{separator}{variable[1:]}"
        )

    def _encoded_constants(
        self,
        model: str,
        version: str,
        digest: str,
        operation: str,
        ending: Ending,
        is_cold: bool,  # noqa: FBT001 - lru_cache takes keywords for another key
    ) -> str:
        """Encode what is the same for all requests that end alike, without its braces."""
        is_bad = ending is Ending.ERROR or ending is Ending.INVALID_OUTPUT
        values: dict[str, Any] = {
            contract.DIMENSION_MODEL: model or self._model,
            contract.DIMENSION_RELEASE: self._release,
            contract.METRIC_REQUESTS: _ONE,
            contract.METRIC_BAD: _ONE if is_bad else _ZERO,
            contract.METRIC_INVALID_OUTPUT: _ONE if ending is Ending.INVALID_OUTPUT else _ZERO,
            contract.METRIC_CLIENT_ERRORS: _ONE if ending is Ending.CLIENT_ERROR else _ZERO,
            contract.METRIC_COLD_STARTS: _ONE if is_cold else _ZERO,
        }
        if ending in self._described:
            values |= {
                "level": _LEVELS[ending],
                "message": operation or "unrouted",
                "cold_start": is_cold,
                "model_name": model,
                "model_version": version,
                "model_digest": digest,
                "release": self._release,
                "outcome": ending.value,
                **self._fixed,
            }
        return orjson.dumps(values)[1:-1].decode()
