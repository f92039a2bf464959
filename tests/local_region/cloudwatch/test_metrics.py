"""Promise: a metric is found under exactly the dimensions it was published with, by period."""

from datetime import UTC, datetime, timedelta

import pytest

from local_region.cloudwatch.metrics import MetricId, MetricStore
from local_region.cloudwatch.statistics import UnknownStatisticError, statistic

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = int(START.timestamp())
BAD = MetricId.of("Falaj", "Bad", {"Model": "m", "Release": "13"})


@pytest.fixture
def store():
    """A store that received one metric's values out of order."""
    filled = MetricStore()
    for offset, value in [(61, 3.0), (0, 1.0), (5, 2.0), (59, 4.0)]:
        filled.put(BAD, [value], at=START + timedelta(seconds=offset))
    return filled


def test_values_are_summed_by_period_in_any_order_of_arrival(store):
    """Late values land in the period they belong to."""
    found = store.read(BAD, "Sum", start=SECOND, end=SECOND + 180, period_s=60)
    assert found == {SECOND: 7.0, SECOND + 60: 3.0}


def test_ten_second_periods_are_kept_apart(store):
    """High-resolution alarms see ten seconds at a time."""
    found = store.read(BAD, "SampleCount", start=SECOND, end=SECOND + 60, period_s=10)
    assert found == {SECOND: 2.0, SECOND + 50: 1.0}


def test_fewer_dimensions_find_nothing(store):
    """CloudWatch does not aggregate a custom metric over a missing dimension."""
    model_only = MetricId.of("Falaj", "Bad", {"Model": "m"})
    assert store.read(model_only, "Sum", start=SECOND, end=SECOND + 60, period_s=60) == {}


def test_forgetting_drops_only_what_is_older(store):
    """Retention never touches newer values."""
    store.forget(before=START + timedelta(seconds=60))
    assert store.read(BAD, "Sum", start=SECOND, end=SECOND + 120, period_s=60) == {SECOND + 60: 3.0}


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("SampleCount", 4.0),
        ("Sum", 100.0),
        ("Average", 25.0),
        ("Minimum", 10.0),
        ("Maximum", 40.0),
        ("p50", 25.0),
        ("p100", 40.0),
        ("PR(:20)", 50.0),
        ("PR(20:)", 50.0),
        ("PR(10:30)", 50.0),
    ],
)
def test_statistic_of_a_period(stat, expected):
    """Each statistic in CloudWatch's words."""
    assert statistic(stat, [10.0, 20.0, 30.0, 40.0]) == expected


def test_an_unknown_statistic_is_refused_by_name():
    """A statistic this region does not compute never reads as zero."""
    with pytest.raises(UnknownStatisticError, match="TM"):
        statistic("TM(10%:90%)", [1.0])
