"""The line a request leaves is what Powertools would have written, and alarms can read it."""

import json
from datetime import UTC, datetime

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricResolution, MetricUnit

from falaj import contract
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome

AT = datetime(2026, 11, 22, 3, 16, 9, 123456, tzinfo=UTC)
HIGH = {
    contract.METRIC_REQUESTS,
    contract.METRIC_BAD,
    contract.METRIC_INVALID_OUTPUT,
    contract.METRIC_LATENCY,
}
DURATIONS = {contract.METRIC_LATENCY: 12.5, contract.METRIC_INFERENCE_LATENCY: 7.25}
COUNTS = (
    contract.METRIC_REQUESTS,
    contract.METRIC_BAD,
    contract.METRIC_INVALID_OUTPUT,
    contract.METRIC_CLIENT_ERRORS,
    contract.METRIC_COLD_STARTS,
)


def _log(level="INFO"):
    return OutcomeLog(model="rows", release="12", level=level, fixed={"service": "rows"})


def _line(outcome, *, level="INFO", is_cold=False, **keys):
    line = _log(level).line(
        outcome, at=AT, latency_ns=12_500_000, is_cold=is_cold, keys={"request_id": "r", **keys}
    )
    assert "\n" not in line
    return json.loads(line)


def _outcome(ending, operation="infer"):
    return Outcome(
        ending=ending,
        operation=operation,
        model="rows",
        version="2",
        digest="d" * 64,
        infer_ns=7_250_000,
        error_code="" if ending is Ending.OK else "code",
        error="" if ending is Ending.OK else "a caller's secret",
    )


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("operation", ["infer", "model_metadata"])
@pytest.mark.parametrize("is_cold", [True, False])
def test_the_line_equals_what_powertools_writes(ending, operation, is_cold):
    """For the same values, our line and Powertools' are one JSON document."""
    ours = _line(_outcome(ending, operation), is_cold=is_cold)
    metrics = EphemeralMetrics(namespace=contract.METRIC_NAMESPACE)
    for name in contract.DIMENSION_SETS[0]:
        metrics.add_dimension(name, ours[name])
    counted = {
        contract.METRIC_REQUESTS: 1,
        contract.METRIC_BAD: int(ending in {Ending.ERROR, Ending.INVALID_OUTPUT}),
        contract.METRIC_INVALID_OUTPUT: int(ending is Ending.INVALID_OUTPUT),
        contract.METRIC_CLIENT_ERRORS: int(ending is Ending.CLIENT_ERROR),
        contract.METRIC_COLD_STARTS: int(is_cold),
    }
    is_timed = ending is Ending.OK and operation == "infer" and not is_cold
    timed = DURATIONS if is_timed else {}
    for unit, values in ((MetricUnit.Count, counted), (MetricUnit.Milliseconds, timed)):
        for name, value in values.items():
            high = MetricResolution.High if name in HIGH else MetricResolution.Standard
            metrics.add_metric(name, unit, value, resolution=high)
    metrics.set_timestamp(int(AT.timestamp() * 1000))
    reserved = {"_aws", *counted, *DURATIONS, *contract.DIMENSION_SETS[0]}
    for key in ours.keys() - reserved:
        metrics.add_metadata(key, ours[key])
    theirs = metrics.serialize_metric_set()
    # Powertools writes one set of dimensions; ours adds the one over all releases.
    theirs["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [
        list(s) for s in contract.DIMENSION_SETS
    ]
    assert ours == theirs


def test_every_metric_an_alarm_may_watch_is_written():
    """The contract's outcome metrics are all in an answered inference's directive."""
    directive = _line(_outcome(Ending.OK))["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "Falaj"
    assert directive["Dimensions"] == [["Model", "Release"], ["Model"]]
    assert [metric["Name"] for metric in directive["Metrics"]] == [*COUNTS, *DURATIONS]
    assert {m["Name"] for m in directive["Metrics"] if m.get("StorageResolution") == 1} == HIGH


def test_a_cold_request_is_counted_and_not_timed():
    """A release is not called slow for its cold starts; the log still says how long it took."""
    line = _line(_outcome(Ending.OK), is_cold=True)
    named = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert named == list(COUNTS)
    assert contract.METRIC_LATENCY not in line
    assert line["duration_ms"] == 12.5


def test_the_line_says_who_answered_and_how_it_ended():
    """On-call finds model, version, digest, release, durations and outcome without a join."""
    line = _line(_outcome(Ending.OK), trace_id="t")
    assert {
        key: line[key]
        for key in (
            "level", "message", "service", "cold_start", "model_name", "model_version",
            "model_digest", "release", "outcome", "queue_ms", "infer_ms", "duration_ms",
            "request_id", "trace_id", "timestamp",
        )
    } == {
        "level": "INFO",
        "message": "infer",
        "service": "rows",
        "cold_start": False,
        "model_name": "rows",
        "model_version": "2",
        "model_digest": "d" * 64,
        "release": "12",
        "outcome": "ok",
        "queue_ms": 0.0,
        "infer_ms": 7.25,
        "duration_ms": 12.5,
        "request_id": "r",
        "trace_id": "t",
        "timestamp": "2026-11-22T03:16:09.123456Z",
    }  # fmt: skip


def test_a_refusal_does_not_quote_the_caller():
    """What a caller sent may be personal; a 4xx leaves only its code in the log."""
    line = _line(_outcome(Ending.CLIENT_ERROR))
    assert line["error_code"] == "code"
    assert "secret" not in json.dumps(line)


def test_our_own_failure_is_described():
    """A 5xx says what went wrong."""
    assert _line(_outcome(Ending.ERROR))["error"] == "a caller's secret"


def test_below_the_level_only_metrics_remain():
    """A quieter log loses no metric."""
    line = _line(_outcome(Ending.OK), level="WARNING")
    assert set(line) == {"_aws", "Model", "Release", *COUNTS, *DURATIONS}


def test_a_request_that_reached_no_model_counts_for_the_function():
    """An unknown path has the function's model as its dimension."""
    assert _line(Outcome(ending=Ending.CLIENT_ERROR))["Model"] == "rows"
