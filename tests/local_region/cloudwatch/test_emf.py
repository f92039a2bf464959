"""Promise: what the runtime logs becomes the metrics the alarms watch, or an error says why not."""

import json
from datetime import UTC, datetime

import pytest

from local_region.cloudwatch.emf import EmbeddedMetricError, published
from local_region.cloudwatch.metrics import MetricId

LINE = {
    "_aws": {
        "Timestamp": 1_795_000_000_123,
        "CloudWatchMetrics": [
            {
                "Namespace": "Falaj",
                "Dimensions": [["Model", "Release"], ["Model"]],
                "Metrics": [{"Name": "Bad", "Unit": "Count", "StorageResolution": 1}],
            }
        ],
    },
    "Model": "m",
    "Release": "13",
    "Bad": [1, 0, 1],
    "message": "answered",
}


def test_every_dimension_set_receives_the_values():
    """The model's total and the release's share come from one line."""
    found = published(json.dumps(LINE))
    assert [(item.metric, item.values) for item in found] == [
        (MetricId.of("Falaj", "Bad", {"Model": "m", "Release": "13"}), (1.0, 0.0, 1.0)),
        (MetricId.of("Falaj", "Bad", {"Model": "m"}), (1.0, 0.0, 1.0)),
    ]


def test_the_line_s_own_time_is_kept():
    """Metrics land in the period the request was in, not the one they were read in."""
    assert published(json.dumps(LINE))[0].at == datetime.fromtimestamp(1_795_000_000.123, UTC)


@pytest.mark.parametrize("line", ["plain text", "{}", '{"a": 1}', 'broken "_aws" {', "[1]"])
def test_ordinary_lines_carry_nothing(line):
    """Logs that are not metrics pass by."""
    assert published(line) == []


@pytest.mark.parametrize(
    "change",
    [{"Bad": "many"}, {"Bad": True}, {"Release": 13}, {"_aws": {"Timestamp": 1}}, {"Model": None}],
)
def test_a_document_cloudwatch_would_drop_is_an_error(change):
    """A metric that would be lost on AWS is found on the laptop."""
    with pytest.raises(EmbeddedMetricError):
        published(json.dumps({**LINE, **change}))


def test_a_metric_without_a_value_is_an_error():
    """A declared metric must be in the line."""
    line = {key: value for key, value in LINE.items() if key != "Bad"}
    with pytest.raises(EmbeddedMetricError, match="no value"):
        published(json.dumps(line))
