"""Promise: every line of every dashboard draws what somebody emits; a dead one is named."""

import json

import pytest

from audits.dashboards import examine
from audits.emitted import emitted
from audits.log_keys import NAMED, log_lines
from audits.observability_page import PAGE, page
from falaj import contract

MODEL, API = "FalajModel-churn", "FalajApi"


def body_of(resources):
    """Return a dashboard's properties, and its body read."""
    (properties,) = (
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::CloudWatch::Dashboard"
    )
    return properties, properties["DashboardBody"]["Fn::Sub"]


@pytest.fixture
def said(doctored):
    """Change a dashboard's text; return what the audit finds."""

    def change(stack, old, new):
        def spoil(resources):
            _, sub = body_of(resources)
            assert old in sub[0]
            sub[0] = sub[0].replace(old, new)

        doctored.spoil(stack, spoil)
        return [
            f"{finding.widget}: {finding.problem}" for finding in examine(doctored.folder).findings
        ]

    return change


@pytest.mark.parametrize("profile", ["smb", "enterprise"])
def test_everything_that_is_drawn_is_emitted(synthesized_once, profile):
    """The control: both kinds of API, with and without an audit trail."""
    report = examine(synthesized_once[profile])

    assert [str(finding) for finding in report.findings] == []
    assert [(each.stack, each.name) for each in report.dashboards] == [
        (MODEL, "falaj-churn"),
        (API, "falaj"),
    ]


def test_a_dashboard_stays_within_what_is_free(synthesized_once):
    """Free are dashboards of at most 50 metrics; a search counts once here."""
    counts = {each.name: each.metrics for each in examine(synthesized_once["smb"]).dashboards}

    assert all(count <= 50 for count in counts.values()), counts


NAMES = {
    name: value
    for name, value in vars(contract).items()
    if name.startswith("METRIC_") and name != "METRIC_NAMESPACE"
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_of_a_metric_is_emitted(name):
    """Whoever adds one says in `audits.emitted` by which line."""
    assert NAMES[name] in {each.name for each in emitted()}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"InvalidOutput"', '"InvalidOutputs"', "nobody emits Falaj InvalidOutputs"),
        ('"Falaj","Bad"', '"Falai","Bad"', "nobody emits into namespace 'Falai'"),
        (
            '"AWS/Lambda","Throttles","FunctionName"',
            '"AWS/Lambda","Throttles","Function"',
            "or (FunctionName, Resource), not by (Function, Resource)",
        ),
        (
            'MetricName=\\"ColdStarts\\"',
            'MetricName=\\"WarmStarts\\"',
            "matches MetricName='WarmStarts'",
        ),
        (
            "{Falaj,Model,Release}",
            "{Falaj,Model,Variant}",
            "nobody emits Falaj by (Model, Variant)",
        ),
        ('Model=\\"churn\\"', 'Model=\\"burn\\"', "matches MetricName='Requests' Model='burn'"),
        ('"Model","churn"', '"Model","burn"', "Model is 'burn', which is nothing of this assembly"),
        ("all - client - bad", "all - client - worse", "worse"),
        ('"id":"client"', '"id":"bad"', "the id 'bad' stands twice"),
        ("'p50'", "'middle'", "'middle'"),
        ("alarm:falaj-churn-evidence-", "alarm:falaj-churn-evidense-", "there is no alarm"),
        ('"view":"timeSeries"', '"view":"gauge"', "the view 'gauge'"),
    ],
)
def test_what_is_dead_is_named(said, old, new, problem):
    """Each way in which a graph would stay empty for ever."""
    assert any(problem in finding for finding in said(MODEL, old, new))


def test_a_body_that_is_none_is_named(doctored):
    """CloudFormation would find out in the middle of a deployment."""

    def spoil(resources):
        properties, _ = body_of(resources)
        properties["DashboardBody"] = json.dumps({"widgets": [{"type": "metric"}]})

    doctored.spoil(MODEL, spoil)

    assert ["structure" in finding.problem for finding in examine(doctored.folder).findings] == [
        True
    ]


def test_the_page_is_current(synthesized_once):
    """`python -m audits.observability_page CDK_OUT` writes it, from a model with defaults."""
    assert PAGE.read_text(encoding="utf-8") == page(synthesized_once["smb"])


@pytest.mark.parametrize("who", ["function", "shadow", "container"])
def test_a_line_carries_the_named_keys(who):
    """One search finds a model's requests, whoever answered."""
    line = log_lines()[who]

    assert set(NAMED) <= line.keys()
    assert {"level", "message", "timestamp", "service", "trace_id", "xray_trace_id"} <= line.keys()
