"""The lines of copies: what a shadow made of them, by metrics of their own.

No copy is ever counted among `Requests`: what alarms and the guard know of live traffic stays what
callers saw.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from falaj import contract
from falaj.telemetry.outcome import Ending, Outcome

_COUNTS: Final = (
    contract.METRIC_SHADOW_REQUESTS,
    contract.METRIC_SHADOW_BAD,
    contract.METRIC_SHADOW_INVALID_OUTPUT,
    contract.METRIC_SHADOW_MATCH,
    contract.METRIC_SHADOW_MISMATCH,
)
_NS_PER_MS: Final = 1e6


def shadow_line(
    outcome: Outcome,
    *,
    model: str,
    release: str,
    at: datetime,
    latency_ns: int,
    is_cold: bool,
    difference: str | None,
    keys: Mapping[str, Any],
) -> str:
    """Write what a shadow made of one copy, without the line break.

    Args:
        outcome: How the shadow's own answer ended.
        model: The function's model, for copies that reach none.
        release: The shadow's Lambda version.
        at: When, in UTC.
        latency_ns: How long it took.
        is_cold: Whether it was its environment's first.
        difference: How the two answers differ, without any value of theirs; empty when they agree,
            None when they were not compared.
        keys: What identifies the request.
    """
    counts = {
        contract.METRIC_SHADOW_REQUESTS: 1,
        contract.METRIC_SHADOW_BAD: int(outcome.is_bad),
        contract.METRIC_SHADOW_INVALID_OUTPUT: int(outcome.ending is Ending.INVALID_OUTPUT),
        contract.METRIC_SHADOW_MATCH: int(difference == ""),
        contract.METRIC_SHADOW_MISMATCH: int(bool(difference)),
    }
    values: dict[str, Any] = {**counts}
    metrics = [_metric(name, "Count") for name in _COUNTS]
    if outcome.ending is Ending.OK and outcome.operation == "infer" and not is_cold:
        values[contract.METRIC_SHADOW_LATENCY] = latency_ns / _NS_PER_MS
        metrics.append(_metric(contract.METRIC_SHADOW_LATENCY, "Milliseconds"))
    values |= {
        "level": "ERROR" if outcome.is_bad else "INFO",
        "message": "shadow",
        "timestamp": at,
        "service": model,
        "cold_start": is_cold,
        "model_name": outcome.model,
        "model_version": outcome.version,
        "model_digest": outcome.digest,
        "release": release,
        "variant": outcome.version,
        "experiment_id": None,
        "queue_ms": outcome.queue_ns / _NS_PER_MS,
        "infer_ms": outcome.infer_ns / _NS_PER_MS,
        "outcome": outcome.ending.value,
        **keys,
    }
    if outcome.is_bad:
        values |= {"error_code": outcome.error_code, "error": outcome.error}
    if difference:
        values["difference"] = difference
    return _line(metrics, values, model=outcome.model or model, release=release, at=at)


def skipped_line(
    *, model: str, release: str, at: datetime, reason: str, keys: Mapping[str, Any]
) -> str:
    """Write that a sampled request was not copied, and why, without the line break."""
    values = {
        contract.METRIC_SHADOW_SKIPPED: 1,
        "level": "WARNING",
        "message": "not copied",
        "reason": reason,
        **keys,
    }
    metrics = [_metric(contract.METRIC_SHADOW_SKIPPED, "Count")]
    return _line(metrics, values, model=model, release=release, at=at)


def _metric(name: str, unit: str) -> dict[str, Any]:
    return {"Name": name, "Unit": unit, "StorageResolution": 1}


def _line(
    metrics: list[dict[str, Any]],
    values: Mapping[str, Any],
    *,
    model: str,
    release: str,
    at: datetime,
) -> str:
    directive = {
        "Namespace": contract.METRIC_NAMESPACE,
        "Dimensions": [[contract.DIMENSION_MODEL, contract.DIMENSION_RELEASE]],
        "Metrics": metrics,
    }
    document = {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        contract.DIMENSION_MODEL: model,
        contract.DIMENSION_RELEASE: release,
        **values,
    }
    return orjson.dumps(document, option=orjson.OPT_UTC_Z).decode()
