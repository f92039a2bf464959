"""Promise: Lambda's own metrics tell a candidate's errors from stable's, as on AWS."""

from datetime import UTC, datetime

import pytest

from local_region.cloudwatch.function_metrics import NAMESPACE, Invocation, record
from local_region.cloudwatch.metrics import MetricId, MetricStore

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = int(NOON.timestamp())
FUNCTION = {"FunctionName": "predict"}
ALIAS = {**FUNCTION, "Resource": "predict:live"}


def _invocation(version, **changes):
    called = {"function": "predict", "qualifier": "live", "is_alias": True, "at": NOON}
    return Invocation(**{**called, "executed_version": version, **changes})


@pytest.fixture
def store():
    """Two good calls of stable, one failed call of the candidate, one throttled call."""
    filled = MetricStore()
    record(filled, _invocation("12", duration_ms=5.0))
    record(filled, _invocation("12", duration_ms=7.0))
    record(filled, _invocation("13", duration_ms=9.0, is_error=True))
    record(filled, _invocation(None, is_throttled=True))
    return filled


def _sum(store, name, dimensions):
    metric = MetricId.of(NAMESPACE, name, dimensions)
    return store.read(metric, "Sum", start=SECOND, end=SECOND + 60, period_s=60).get(SECOND)


@pytest.mark.parametrize(
    ("name", "dimensions", "expected"),
    [
        ("Errors", {**ALIAS, "ExecutedVersion": "13"}, 1.0),
        ("Errors", {**ALIAS, "ExecutedVersion": "12"}, 0.0),
        ("Errors", ALIAS, 1.0),
        ("Invocations", FUNCTION, 3.0),
        ("Invocations", {**ALIAS, "ExecutedVersion": "12"}, 2.0),
        ("Throttles", ALIAS, 1.0),
        ("Duration", {**ALIAS, "ExecutedVersion": "13"}, 9.0),
    ],
)
def test_each_dimension_set_has_its_own_count(store, name, dimensions, expected):
    """An alarm with ExecutedVersion sees the canary alone."""
    assert _sum(store, name, dimensions) == expected


def test_a_direct_call_of_a_version_has_no_executed_version():
    """ExecutedVersion exists for calls by an alias only."""
    store = MetricStore()
    record(store, _invocation("13", qualifier="13", is_alias=False))
    assert _sum(store, "Invocations", {**FUNCTION, "Resource": "predict:13"}) == 1.0
    assert not any("ExecutedVersion" in dict(metric.dimensions) for metric in store)
