"""A verdict is one of five words with its reason; no answer is never dressed up as a number."""

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from analysis.effects import NoEffectError, effect_between
from analysis.moments import Moments
from analysis.page import as_page
from analysis.report import Decision, analyse, as_text
from falaj.experiments.lifecycle import (
    Command,
    Evidence,
    ExperimentState,
    Phase,
    Verdict,
    advance,
)
from tests.analysis.truth import START, declare, logs

ALIKE = {"control": 0.1, "warm": 0.1}
BETTER = {"control": 0.10, "warm": 0.16}
GUARD = {"name": "complaints", "kind": "binary", "direction": "decrease", "role": "guardrail"}


def report_of(now, rates, units, **changes):
    """Run and report an experiment with known rates."""
    spec = declare(**changes)
    exposures, outcomes = logs(spec, rates, units)
    return analyse(spec, [exposures], [outcomes], now=now)


def intervals(report):
    """Collect every interval a report holds."""
    return [
        look["interval"]
        for metric in report.to_dict()["metrics"]
        for look in metric["looks"]
        if look["interval"]
    ]


@pytest.mark.parametrize("planned", [None, 6_000])
def test_better_arm_wins(now, planned):
    """A real improvement is found, by either method."""
    report = report_of(now, BETTER, 6_000, planned_units=planned)

    assert report.conclusion.verdict is Verdict.WINNER
    assert report.conclusion.arm == "warm"
    assert report.sentence.startswith("warm beats control: conversion rose from")


@pytest.mark.parametrize("planned", [None, 6_000])
def test_worse_arm_loses(now, planned):
    """A real harm is found, by either method."""
    rates = {"control": 0.16, "warm": 0.10}

    report = report_of(now, rates, 6_000, planned_units=planned)

    assert report.conclusion.verdict is Verdict.LOSER
    assert report.sentence.startswith("warm loses to control")


def test_fewer_complaints_is_better(now):
    """Direction decides what better means."""
    metrics = [{"name": "conversion", "kind": "binary", "direction": "decrease"}]

    report = report_of(now, {"control": 0.16, "warm": 0.10}, 6_000, metrics=metrics)

    assert report.conclusion.verdict is Verdict.WINNER


def test_equal_arms_within_the_margin_do_not_differ(now):
    """Enough data and no effect is an answer, if a margin was declared."""
    report = report_of(now, ALIKE, 14_000, planned_units=14_000)

    assert report.conclusion.verdict is Verdict.NO_DIFFERENCE
    assert "all within ±2.00 %" in report.conclusion.reason


def test_equal_arms_without_a_margin_are_inconclusive(now):
    """Absence of evidence is not called evidence of absence."""
    metrics = [{"name": "conversion", "kind": "binary"}]

    report = report_of(now, ALIKE, 4_000, planned_units=4_000, metrics=metrics)

    assert report.conclusion.verdict is Verdict.INCONCLUSIVE
    assert "all 4,000 planned units are in" in report.conclusion.reason


@pytest.mark.parametrize(
    ("units", "changes", "reason"),
    [
        (0, {}, "the first look has not been reached"),
        (0, {"planned_units": 100}, "the first look has not been reached of 100 planned"),
        (12, {}, "fewer than 10"),
        (300, {}, "events, fewer than 20"),
        (1_500, {"planned_units": 8_000}, "after 1,200 of 8,000 planned units"),
    ],
)
def test_too_little_data_is_inconclusive_with_the_reason(now, units, changes, reason):
    """The reader learns what is missing."""
    report = report_of(now, ALIKE, units, **changes)

    assert report.conclusion.verdict is Verdict.INCONCLUSIVE
    assert reason in report.conclusion.reason


@pytest.mark.parametrize(
    ("units", "why"),
    [(0, "the first look has not been reached"), (2_000, "nothing varies")],
)
def test_a_metric_without_an_answer_says_why(now, units, why):
    """A guardrail of which nothing is known is not passed over in silence, in any form."""
    metrics = [{"name": "conversion", "kind": "binary"}, GUARD]
    report = report_of(now, BETTER, units, metrics=metrics)
    page = re.sub(r"<[^>]*>", " ", as_page(report))
    (line,) = (line for line in as_text(report).splitlines() if "complaints" in line)

    assert why in line
    assert re.search(f"not enough data: [^.]*{why}", page)


def test_sample_ratio_mismatch_blocks_a_winner(now):
    """A broken split makes even a large effect worthless."""
    spec = declare()
    exposures, outcomes = logs(spec, BETTER, 6_000)
    kept = [e for n, e in enumerate(exposures) if e["arm"] == "control" or n % 5]

    report = analyse(spec, [kept], [outcomes], now=now)

    assert report.findings.comparisons[0].is_better
    assert report.conclusion.verdict is Verdict.INVALID
    assert "sample-ratio mismatch" in report.conclusion.reason


def test_subjects_in_two_arms_block_a_verdict(now):
    """When assignment is not sticky, nobody knows who was treated."""
    spec = declare()
    exposures, outcomes = logs(spec, BETTER, 4_000)
    again = [
        e | {"arm": "warm", "inference_id": e["inference_id"] + "x", "at": e["at"] + 1}
        for e in exposures[:300]
    ]

    report = analyse(spec, [exposures, again], [outcomes], now=now)

    assert report.conclusion.verdict is Verdict.INVALID
    assert "were seen in two arms" in report.conclusion.reason


def _with_complaints(now, rate, guard):
    spec = declare(metrics=[{"name": "conversion", "kind": "binary"}, guard])
    exposures, outcomes = logs(spec, BETTER, 6_000)
    _, complaints = logs(spec, {"control": 0.02, "warm": rate}, 6_000, metric="complaints")
    return analyse(spec, [exposures], [outcomes, complaints], now=now)


def test_guardrail_stops_a_winner(now):
    """More conversions do not pay for three times the complaints."""
    report = _with_complaints(now, 0.06, GUARD)

    assert report.conclusion.verdict is Verdict.LOSER
    assert report.conclusion.reason.startswith("guardrail complaints is worse")
    assert report.sentence.startswith("warm does harm")


def test_guardrail_never_makes_a_winner(now):
    """Fewer complaints alone win nothing."""
    spec = declare(metrics=[{"name": "conversion", "kind": "binary"}, GUARD])
    exposures, _ = logs(spec, ALIKE, 6_000)
    _, complaints = logs(spec, {"control": 0.10, "warm": 0.02}, 6_000, metric="complaints")

    report = analyse(spec, [exposures], [complaints], now=now)

    assert report.conclusion.verdict is Verdict.INCONCLUSIVE


def test_allowed_harm_lets_a_small_worsening_pass(now):
    """A guardrail stops only beyond what was allowed."""
    report = _with_complaints(now, 0.05, GUARD | {"allowed_harm": 0.1})

    assert report.conclusion.verdict is Verdict.WINNER


def test_best_of_three_arms_wins(now):
    """With more arms the level is shared and the best one is named."""
    arms = [{"name": n, "share": s} for n, s in [("control", 0.4), ("a", 0.3), ("b", 0.3)]]

    report = report_of(now, {"control": 0.1, "a": 0.1, "b": 0.18}, 8_000, arms=arms)

    assert (report.conclusion.verdict, report.conclusion.arm) == (Verdict.WINNER, "b")
    assert [name for name, _, _ in report.conclusion.by_arm] == ["a", "b"]


def test_secondary_metric_is_a_finding_only_under_the_discovery_rate(now):
    """What is looked at beside the question must clear its own bar."""
    metrics = [
        {"name": "conversion", "kind": "binary"},
        {"name": "again", "kind": "binary", "role": "secondary", "outcome": "conversion"},
        {"name": "never", "kind": "binary", "role": "secondary", "outcome": "noise"},
    ]
    spec = declare(metrics=metrics)
    exposures, outcomes = logs(spec, BETTER, 6_000)
    _, noise = logs(spec, ALIKE, 6_000, metric="noise", seed=5)

    report = analyse(spec, [exposures], [outcomes, noise], now=now)

    assert report.conclusion.discoveries == {("again", "warm")}


def test_looking_more_often_changes_nothing(now):
    """Looks are counted in units: reading the report early does not alter what it says later."""
    spec = declare(planned_units=6_000)
    exposures, outcomes = logs(spec, ALIKE, 6_000)
    half = analyse(spec, [exposures[:3_000]], [outcomes], now=now)

    whole = analyse(spec, [exposures], [outcomes], now=now)

    early = half.findings.comparisons[0].looks
    late = whole.findings.comparisons[0].looks
    assert [look.interval for look in late[: len(early)]] == [
        pytest.approx(look.interval) for look in early
    ]


@pytest.mark.parametrize("rates", [ALIKE, {"control": 0.0, "warm": 0.0}, {"control": 1, "warm": 1}])
def test_no_interval_has_zero_width(now, rates):
    """All failures, all successes, or equal arms: certainty is never printed."""
    report = report_of(now, rates, 800)

    assert all(high > low and math.isfinite(high - low) for low, high in intervals(report))
    assert report.conclusion.verdict is Verdict.INCONCLUSIVE
    assert "p_value" not in json.dumps(report.to_dict())


def test_nothing_that_varies_gives_no_effect():
    """One value for everybody says nothing."""
    rows = Moments.of(np.ones((50, 4)))

    with pytest.raises(NoEffectError, match="nothing varies"):
        effect_between(rows, rows)


class _Page(HTMLParser):
    """Collects tags and addresses of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses = set(), []

    def handle_starttag(self, tag, attrs):
        """Remember the tag and what it refers to."""
        self.tags.add(tag)
        self.addresses += [value for key, value in attrs if key in {"src", "href", "action"}]


def test_page_is_self_contained_and_safe(now):
    """One file, no script, no address; a hostile or Arabic name is only a name."""
    metrics = [
        {"name": "<script>alert(1)</script>", "kind": "binary", "outcome": "conversion"},
        {"name": "تحويل", "kind": "binary", "outcome": "conversion", "role": "secondary"},
    ]
    spec = declare(metrics=metrics)
    exposures, outcomes = logs(spec, BETTER, 4_000)
    decision = Decision(at=now, what="started", why="<b>curiosity</b>")
    report = analyse(spec, [exposures], [outcomes], now=now, decisions=[decision])

    text = as_page(report)

    page = _Page()
    page.feed(text)
    assert {"svg", "path", "table"} <= page.tags
    assert page.tags.isdisjoint({"script", "img", "link", "iframe"})
    assert page.addresses == []
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;curiosity" in text
    assert "<bdi>تحويل</bdi>" in text
    assert not re.search(r"\bnan\b|\binf\b|https?://", text)
    assert text.index("badge") < text.index("<svg")


@pytest.mark.parametrize("units", [0, 50, 3_000])
def test_every_report_has_text_json_and_page(now, units):
    """An empty experiment is reported as well as a full one."""
    report = report_of(now, BETTER, units)

    value = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert value["verdict"] == report.conclusion.verdict.value
    assert as_text(report).startswith(value["verdict"].upper())
    assert value["sentence"] in as_text(report)
    assert "<h1" in as_page(report)


def test_request_unit_is_the_inference(now):
    """On a split alias every request is a unit of its own."""
    spec = declare(unit="request", subject=None)
    exposures = [
        {
            "experiment": "greeting",
            "unit": "one-subject",
            "arm": ("control", "warm")[number % 2],
            "inference_id": f"i{number}",
            "at": START + number,
        }
        for number in range(400)
    ]

    report = analyse(spec, [exposures], [[]], now=now)

    assert (report.tally.units, report.tally.crossed) == (400, 0)


def test_covariate_narrows_the_interval(now):
    """What was known of a subject before pays for itself in width, not in bias."""
    metric = {"name": "conversion", "kind": "continuous"}
    widths = []
    for uses in (False, True):
        spec = declare(metrics=[metric | {"use_covariate": uses}])
        exposures, _ = logs(spec, ALIKE, 3_000)
        for number, exposure in enumerate(exposures):
            if number % 10:  # a tenth has no history
                exposure["covariate"] = float(number % 17)
        outcomes = [
            {
                "inference_id": exposure["inference_id"],
                "metric": "conversion",
                "value": exposure.get("covariate", 8.0) + number % 3,
                "at": exposure["at"] + 1,
            }
            for number, exposure in enumerate(exposures)
        ]
        report = analyse(spec, [exposures], [outcomes], now=now)
        low, high = report.findings.comparisons[0].looks[-1].interval
        widths.append(high - low)

    assert widths[1] < 0.25 * widths[0]


def test_invalid_page_shows_no_effect(now):
    """What means nothing is not drawn, so nobody reads it."""
    spec = declare()
    exposures, outcomes = logs(spec, BETTER, 6_000)
    kept = [e for n, e in enumerate(exposures) if e["arm"] == "control" or n % 5]

    text = as_page(analyse(spec, [kept], [outcomes], now=now))

    assert "Not shown, because" in text
    assert "difference over time" not in text
    assert "units by arm" in text


def test_report_drives_the_lifecycle(now):
    """What the report says is what happens to the traffic."""
    spec = declare(on_win="promote")
    exposures, outcomes = logs(spec, BETTER, 6_000)
    started, _ = advance(ExperimentState(spec=spec), Evidence(command=Command.START), now)

    report = analyse(spec, [exposures], [outcomes], now=now)

    state, _ = advance(started, report.evidence, now)
    assert (state.phase, state.arm) == (Phase.PROMOTED, "warm")
    assert state.reason == report.conclusion.reason
