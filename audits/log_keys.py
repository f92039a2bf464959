"""The keys of log lines: read from lines that functions, shadows, containers and breakers write."""

import json
from collections.abc import Mapping
from typing import Final

from audits.emitted import AT, breaker_lines
from falaj.container.ledger import Ledger
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.shadow import shadow_line
from falaj.telemetry.trace import traces

NAMED: Final = (
    "model_name",
    "model_version",
    "model_digest",
    "release",
    "variant",
    "experiment_id",
    "queue_ms",
    "infer_ms",
    "outcome",
)
"""What a line of an inference says besides Powertools' keys, and one of a container's failure."""

MEANINGS: Final[Mapping[str, str]] = {
    "level": "`INFO`, `WARNING` (the caller's fault) or `ERROR` (ours); Powertools'",
    "message": "the operation, such as `infer`; Powertools'",
    "timestamp": "when it began, UTC; Powertools'",
    "service": "the model; `breaker` of a function before a service; Powertools'",
    "cold_start": "whether it was its environment's first; Powertools'",
    "model_name": "the model; empty when none was found",
    "model_version": "the model version that answered",
    "model_digest": "sha256 of its bytes",
    "release": "the Lambda version, or the container's release",
    "variant": "the arm of an experiment, else the model version",
    "experiment_id": "the experiment that assigned the arm; null without one",
    "queue_ms": "time spent waiting for a batch",
    "infer_ms": "time inside the engine",
    "duration_ms": "the whole handler",
    "outcome": "`ok`, `client_error`, `invalid_output` or `error`",
    "status": "the HTTP status, or the gRPC code",
    "error_code": "the error body's `code`",
    "error": "what went wrong, of our own faults only: a refusal quotes its caller",
    "request_id": "`x-request-id`, by which feedback refers to it",
    "function_request_id": "Lambda's id of the invocation; Powertools'",
    "xray_trace_id": "the root of X-Ray's trace; Powertools'",
    "traceparent": "the caller's W3C trace context, its 55 characters",
    "trace_id": "the trace's id in it",
    "parent_id": "the caller's span in it",
    "stable_status": "what stable answered to the request that was copied",
    "difference": "how a copy's answer differs, without any value of it",
}
"""By key; one that is missing here fails the page."""

_OUTCOME: Final = Outcome(
    ending=Ending.ERROR, operation="infer", model="any", error_code="internal", error="broken"
)
_TRACES: Final = {
    "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
_OF_REQUEST: Final = {"request_id": "r", "function_request_id": "f", "status": 500}


def log_lines() -> dict[str, dict[str, object]]:
    """Return a line of each kind by who writes it, its metrics left out."""
    keys = {**_OF_REQUEST, "variant": "1", "experiment_id": None, **traces(_TRACES)}
    log = OutcomeLog(model="any", release="1", level="INFO", fixed={"service": "any"})
    failures: list[str] = []
    ledger = Ledger("1", failures.append)
    ledger.failed(_OUTCOME, request_id="r", status=500, keys=traces(_TRACES))
    shadow = shadow_line(
        _OUTCOME,
        model="any",
        release="1",
        at=AT,
        latency_ns=1,
        is_cold=False,
        difference="output",
        keys={**_OF_REQUEST, "stable_status": 200, **traces(_TRACES)},
    )
    lines = {
        "function": log.line(_OUTCOME, at=AT, latency_ns=1, is_cold=False, keys=keys),
        "shadow": shadow,
        "container": failures[0],
        "breaker": breaker_lines(_TRACES)[0],
    }
    return {who: _without_metrics(json.loads(line)) for who, line in lines.items()}


def _without_metrics(line: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in line.items() if key.islower() and not key.startswith("_")}
