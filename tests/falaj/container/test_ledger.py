"""What a container tells CloudWatch: counts, and how long requests waited."""

import json
from datetime import UTC, datetime

from falaj.container.ledger import Ledger
from falaj.telemetry.outcome import Ending, Outcome
from tests.falaj.clocks import StandingClock

AT = datetime(2026, 1, 1, tzinfo=UTC)


def flushed(ledger, lines):
    """The metrics of one flush by model."""
    lines.clear()
    ledger.flush(AT)
    return {line["Model"]: line for line in map(json.loads, lines) if "_aws" in line}


def test_queue_time_is_the_mean_wait_of_answered_and_failed():
    """A request that expired in the queue counts as much as one that was answered."""
    lines = []
    ledger = Ledger("7", lines.append)
    ledger.answered("m", queue_ns=2_000_000)
    ledger.answered("m", queue_ns=4_000_000)
    late = Outcome(operation="infer", model="m", ending=Ending.ERROR, queue_ns=30_000_000)
    ledger.failed(late, request_id="r", status=503)
    assert flushed(ledger, lines)["m"]["QueueTime"] == 12.0


def test_a_failure_is_told_under_the_names_of_functions_lines():
    """One search finds it, whoever served."""
    lines = []
    outcome = Outcome(
        operation="infer",
        model="m",
        version="3",
        digest="d",
        ending=Ending.ERROR,
        queue_ns=2_000_000,
        infer_ns=1_000_000,
        error_code="internal",
        error="broken",
    )
    ledger = Ledger("7", lines.append, clock=StandingClock(AT))
    ledger.failed(outcome, request_id="r", status=500, keys={"trace_id": "t"})

    assert json.loads(lines[0]) == {
        "level": "ERROR",
        "message": "infer",
        "timestamp": "2026-01-01T00:00:00Z",
        "service": "m",
        "model_name": "m",
        "model_version": "3",
        "model_digest": "d",
        "release": "7",
        "variant": "3",
        "experiment_id": None,
        "queue_ms": 2.0,
        "infer_ms": 1.0,
        "outcome": "error",
        "error_code": "internal",
        "error": "broken",
        "request_id": "r",
        "status": 500,
        "trace_id": "t",
    }


def test_an_idle_model_waits_zero():
    """Without data no service is scaled in: an idle replica says 0, not nothing."""
    lines = []
    ledger = Ledger("7", lines.append, models=("idle",))
    found = flushed(ledger, lines)["idle"]
    assert (found["QueueTime"], found["Requests"]) == (0.0, 0)


def test_every_value_is_declared_as_a_metric():
    """CloudWatch takes only values that the record's directive names."""
    lines = []
    ledger = Ledger("7", lines.append, models=("m",))
    line = flushed(ledger, lines)["m"]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert names == line.keys() - {"_aws", "Model", "Release"}
