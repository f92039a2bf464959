"""Promise: a dashboard is drawn as its body says, calls no other origin and runs no stranger."""

import asyncio
import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from local_region.cloudwatch.board import AlarmBoard
from local_region.cloudwatch.metrics import MetricId, MetricStore
from local_region.dashboards.page import ROOT
from local_region.dashboards.site import DashboardSite
from local_region.gateway.messages import Request

AT = datetime(2026, 1, 1, 0, 10, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


class Hands:
    """A clock that stands still."""

    def now(self):
        """Return its instant."""
        return AT


class Source:
    """CloudWatch with one dashboard."""

    def __init__(self, *widgets):
        self.store = MetricStore()
        self.board = AlarmBoard(self.store, lambda _: None)
        self.body = json.dumps({"widgets": list(widgets)})

    def bodies(self):
        """Return it by its name."""
        return {"falaj-a": self.body}


def asked(source, path, *, query="", method="GET"):
    """Return a page's answer."""
    request = Request(
        method=method, path=path, query=query, headers=(), body=b"", source_ip="127.0.0.1"
    )
    return asyncio.run(DashboardSite(source, Hands()).answer(request))


def page(*widgets, query="", values=()):
    """Return a dashboard's page."""
    source = Source(*widgets)
    for value in values:
        source.store.put(MetricId.of("Falaj", "Requests", {}), [value], at=AT)
    answer = asked(source, f"{ROOT}/falaj-a", query=query)
    assert answer.status == 200
    return answer.body.decode()


def metric(**properties):
    """Write a metric widget."""
    graph = {"metrics": [["Falaj", "Requests"]], "stat": "Sum", "period": 60, **properties}
    return {"type": "metric", "width": 8, "properties": graph}


def test_a_graph_is_drawn_with_its_thresholds_and_its_last_value():
    """What a person reads without hovering."""
    lines = {"horizontal": [{"value": 9, "label": "the limit"}]}

    shown = page(metric(title="Requests", annotations=lines), values=[7.0])

    assert "<circle" in shown
    assert ">the limit</text>" in shown
    assert "<bdi>Requests</bdi> <b>7</b>" in shown


def test_a_graph_without_values_says_so():
    """Nothing is drawn as if it were nought."""
    shown = page(metric(title="Requests"))

    assert "no data yet" in shown
    assert "<polyline" not in shown


@pytest.mark.parametrize(
    "entry",
    [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "q"],
        [{"expression": "SEARCH('{AWS/SQS,QueueName}', 'Sum', 60)"}],
    ],
)
def test_what_aws_alone_emits_promises_no_data(entry):
    """A queue's metrics never come on a laptop."""
    assert "AWS alone emits this" in page(metric(metrics=[entry]))


def test_an_expression_that_is_not_known_leaves_a_page():
    """What is not drawn says so, beside a graph that is empty."""
    unknown = [{"expression": "SEARCH('{AWS/SQS,QueueName} NOT a', 'Sum', 60)"}]

    shown = page(metric(metrics=[unknown]))

    assert "no data yet" in shown
    assert "not drawn: metric math" in shown


def test_a_threshold_far_above_is_told_and_flattens_nothing():
    """A timeout of 10 s beside answers of 10 ms."""
    lines = {"horizontal": [{"value": 9500, "label": "near-timeout"}]}

    assert "↑ near-timeout at 9.5k" in page(metric(annotations=lines), values=[10.0])


def test_unknown_widgets_say_so_in_their_place():
    """The others are drawn."""
    shown = page({"type": "log", "properties": {"query": "x"}}, metric(), values=[1.0])

    assert "widgets of type &#x27;log&#x27; are not drawn here" in shown
    assert "<circle" in shown


def test_an_alarm_that_is_not_there_is_no_green_one():
    """A typo is not health."""
    arn = "arn:aws:cloudwatch:me-central-1:000000000000:alarm:gone"

    assert "no such alarm" in page({"type": "alarm", "properties": {"alarms": [arn]}})


@pytest.mark.parametrize(
    "widget",
    [
        {"type": "text", "properties": {"markdown": HOSTILE}},
        {"type": "text", "properties": {"markdown": f"[x](javascript:{HOSTILE})"}},
        {"type": HOSTILE, "properties": {"title": HOSTILE}},
        metric(title=HOSTILE, metrics=[["Falaj", "Requests", {"label": HOSTILE}]]),
        metric(annotations={"horizontal": [{"value": 1, "label": HOSTILE}]}),
    ],
)
def test_what_a_body_says_is_text(widget):
    """A label is no markup."""
    shown = page(widget, values=[1.0])

    assert HOSTILE not in shown
    assert 'href="javascript' not in shown


def test_only_this_style_and_script_run_and_call_home_alone():
    """By the policy, whose hashes are those of what is in the page."""
    answer = asked(Source(metric()), f"{ROOT}/falaj-a")
    policy, shown = dict(answer.headers)["content-security-policy"], answer.body.decode()

    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", shown, re.DOTALL)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", shown) == []


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("", ("23:56", "00:11")),
        ("minutes=60", ("23:11", "00:11")),
        ("minutes=7", ("23:56", "00:11")),
        ("minutes=x", ("23:56", "00:11")),
    ],
)
def test_the_span_is_one_of_those_offered(query, labels):
    """Whatever else is asked, the shortest is shown."""
    shown = page(metric(), query=query)

    assert [f">{label}</text>" in shown for label in labels] == [True, True]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", ROOT, 200),
        ("GET", f"{ROOT}/", 200),
        ("GET", f"{ROOT}/gone", 404),
        ("GET", "/_falaj/other", 404),
        ("GET", f"{ROOT}s", 404),
        ("POST", f"{ROOT}/falaj-a", 405),
    ],
)
def test_other_addresses_are_answered(method, path, status):
    """With what to do."""
    assert asked(Source(), path, method=method).status == status


def test_a_body_that_cannot_be_read_says_so_on_its_page():
    """Whatever somebody has put."""
    source = Source()
    source.body = "{}"

    assert "not drawn" in asked(source, f"{ROOT}/falaj-a").body.decode()
