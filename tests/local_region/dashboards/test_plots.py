"""Promise: a graph's lines are what CloudWatch would compute, and what is not drawn says so."""

import json
from datetime import UTC, datetime

import pytest

from local_region.cloudwatch.metrics import MetricId, MetricStore
from local_region.dashboards.body import DashboardError, Graph, Undrawn, read_body
from local_region.dashboards.plots import Window, plots

AT = datetime(2026, 1, 1, 0, 10, 30, tzinfo=UTC)
MINUTE = int(AT.timestamp()) // 60 * 60


def widget(**properties):
    """Return the only widget of a body."""
    body = {"widgets": [{"type": "metric", "properties": properties}]}
    (read,) = read_body(json.dumps(body))
    return read.content


def drawn(store, *metrics, **properties):
    """Return the labels and values of a graph's lines, and why others are missing."""
    graph = widget(metrics=list(metrics), **{"stat": "Sum", "period": 60} | properties)
    found = plots(graph, store, Window.until(AT, 600))
    return [(line.label, line.series) for line in found.lines], found.missing


@pytest.fixture
def store():
    """Two versions' requests in one minute."""
    store = MetricStore()
    for release, count in (("9", 3.0), ("10", 1.0)):
        metric = MetricId.of("Falaj", "Requests", {"Model": "a", "Release": release})
        store.put(metric, [count], at=AT)
    return store


def test_a_search_draws_a_line_for_each_that_it_finds(store):
    """Under the label that the dashboard gives, a dimension's value in it."""
    search = "SEARCH('{Falaj,Model,Release} MetricName=\"Requests\"', 'Sum', 60)"

    lines, missing = drawn(store, [{"expression": search, "label": "v${PROP('Dim.Release')}"}])

    assert lines == [("v9", {MINUTE: 3.0}), ("v10", {MINUTE: 1.0})]
    assert missing == ()


def test_expressions_use_what_is_not_shown(store):
    """A share is computed of two counts that are not drawn themselves."""
    mine, other = (
        ["Falaj", "Requests", "Model", "a", "Release", r, {"id": f"r{r}", "visible": False}]
        for r in ("10", "9")
    )

    lines, _ = drawn(store, [{"expression": "100 * r10 / (r10 + r9)", "label": "%"}], mine, other)

    assert lines == [("%", {MINUTE: 25.0})]


def test_dots_stand_for_the_entry_before(store):
    """As CloudWatch's own console writes them."""
    lines, _ = drawn(
        store,
        ["Falaj", "Requests", "Model", "a", "Release", "9", {"label": "x"}],
        ["...", "10", {"label": "y"}],
        [".", ".", ".", ".", ".", "9", {"label": "z"}],
    )

    assert lines == [("x", {MINUTE: 3.0}), ("y", {MINUTE: 1.0}), ("z", {MINUTE: 3.0})]


@pytest.mark.parametrize(
    "entry",
    [
        [{"expression": "SUM(SEARCH('{Falaj,Model}', 'Sum', 60))"}],
        [{"expression": "ANOMALY_DETECTION_BAND(m)"}],
        ["Falaj", "Requests", "Model", "a", "Release", "9", {"stat": "tm99"}],
    ],
)
def test_what_is_not_computed_says_so(store, entry):
    """In its place, while the other lines are drawn."""
    known = ["Falaj", "Requests", "Model", "a", "Release", "9"]

    lines, missing = drawn(store, known, entry)

    assert [label for label, _ in lines] == ["Requests"]
    assert len(missing) == 1


@pytest.mark.parametrize(
    "properties",
    [
        {"view": "singleValue", "metrics": []},
        {"annotations": {"vertical": [{"value": "2026-01-01T00:00:00Z"}]}, "metrics": []},
    ],
)
def test_views_that_are_not_drawn_say_so(properties):
    """Never a graph that looks like another."""
    assert isinstance(widget(**properties), Undrawn)


def test_a_graph_without_metrics_is_one():
    """Empty, as on AWS."""
    assert widget() == Graph(title="", drawn=(), thresholds=(), is_stacked=False, least=None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"widgets": [{}]}',
        '{"widgets": [{"type": "metric", "properties": {"metrics": [["Falaj"]]}}]}',
        '{"widgets": [{"type": "metric", "properties": {"metrics": [[".", "x"]]}}]}',
        '{"widgets": [{"type": "metric", "properties": {"metrics": [[]]}}]}',
        '{"widgets": [{"type": "metric", "properties": {"metrics": [["a", "b", "c"]]}}]}',
        '{"widgets": [{"type": "text", "x": "left", "properties": {"markdown": ""}}]}',
    ],
)
def test_what_is_no_body_is_refused(body):
    """As PutDashboard refuses it."""
    with pytest.raises(DashboardError):
        read_body(body)
