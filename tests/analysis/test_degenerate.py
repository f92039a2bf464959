"""Whatever the logs hold, an answer is one of five words with a reason; no number is made up."""

import json
import math
from datetime import UTC, datetime

from hypothesis import example, given, settings, strategies as st

from analysis.page import as_page
from analysis.report import analyse, as_text
from falaj.experiments.lifecycle import Verdict
from tests.analysis.truth import START, declare

LATER = datetime.fromtimestamp(START + 1e6, UTC)
HUGE = float(2**53 - 1)
"""The largest number that feedback takes."""

NUMBERS = {
    "nothing": st.none(),
    "zero": st.just(0.0),
    "one": st.just(1.0),
    "huge": st.just(HUGE),
    "tiny": st.just(5e-324),
    "huge of either sign": st.sampled_from([HUGE, -HUGE]),
    "nearly alike": st.sampled_from([HUGE, HUGE - 1]),
    "far apart": st.sampled_from([5e-324, 1e-9, 1.0, HUGE]),
    "no numbers": st.sampled_from([math.nan, math.inf, -math.inf, "many", None, [], {}]),
    "binary": st.booleans(),
    "any": st.floats(-HUGE, HUGE),
    "small": st.floats(-1, 1),
}
"""How the units of an arm may answer."""

KINDS = {
    "binary": {"kind": "binary", "minimum_effect": 0.01},
    "label": {"kind": "binary", "positive_label": "many"},
    "sum": {"kind": "continuous"},
    "winsorised": {"kind": "continuous", "winsor": 0.6, "minimum_effect": 1.0},
    "adjusted": {"kind": "continuous", "use_covariate": True},
    "per request": {"kind": "ratio", "denominator": "requests"},
    "over another": {"kind": "ratio", "denominator": "parts", "use_covariate": True},
}


@st.composite
def arms(draw):
    """Draw both arms' units: how many, what they did, and what was known of them before."""
    found = []
    for arm in ("control", "warm"):
        count = draw(st.sampled_from([0, 1, 2, 9, 10, 11, 40, 130]))
        shape = draw(st.sampled_from(sorted(NUMBERS)))
        values = draw(st.lists(NUMBERS[shape], min_size=1, max_size=8))
        before = draw(st.lists(NUMBERS[draw(st.sampled_from(sorted(NUMBERS)))], max_size=4))
        found.append((arm, count, values, before))
    return found


def records_of(drawn):
    """Write the logs: one exposure a unit, and its outcomes of the metric and its denominator."""
    shown, told = [], []
    for place, (arm, count, values, before) in enumerate(drawn):
        for number in range(count):
            inference, at = f"{arm}-{number}", START + 2 * number + place
            record = {
                "experiment": "greeting",
                "unit": inference,
                "arm": arm,
                "inference_id": inference,
                "at": at,
            }
            if before:
                record["covariate"] = before[number % len(before)]
            shown.append(record)
            for metric, step in (("found", 1), ("parts", 3)):
                value = values[step * number % len(values)]
                if value is not None:
                    told.append(
                        {"inference_id": inference, "metric": metric, "value": value, "at": at}
                    )
    return shown, told


@settings(max_examples=50, deadline=None)
@given(
    drawn=arms(),
    kind=st.sampled_from(sorted(KINDS)),
    planned=st.sampled_from([None, 20, 100]),
    fewest=st.sampled_from([1, 20]),
)
@example([("control", 130, [HUGE], []), ("warm", 130, [HUGE - 1], [])], "sum", None, 1)
@example([("control", 130, [HUGE, HUGE - 1], []), ("warm", 130, [HUGE], [])], "sum", 20, 1)
@example([("control", 130, [1.0], []), ("warm", 130, [0.0], [])], "binary", 100, 1)
@example([("control", 130, [1.0], []), ("warm", 130, [1.0], [])], "binary", 100, 1)
@example([("control", 130, [HUGE, 1.0], [HUGE]), ("warm", 130, [-HUGE], [1])], "adjusted", None, 1)
@example(
    [("control", 40, [HUGE, -HUGE, 5e-324], []), ("warm", 40, [1.0], [])], "over another", 20, 1
)
def test_whatever_is_logged_the_answer_is_honest(drawn, kind, planned, fewest):
    """No crash, no NaN, no interval of zero width, and never a verdict that it does not hold."""
    spec = declare(
        metrics=[{"name": "found", **KINDS[kind]}],
        planned_units=planned,
        looks=10,
        minimum_events=fewest,
        mismatch_alpha=1e-6,
    )
    shown, told = records_of(drawn)
    report = analyse(spec, [shown], [told], now=LATER)
    document = report.to_dict()

    assert json.loads(json.dumps(document, allow_nan=False)) is not None
    assert report.conclusion.verdict in Verdict
    assert report.conclusion.reason.strip()
    for look in document["metrics"][0]["looks"]:
        if look["interval"] is not None:
            low, high = look["interval"]
            assert math.isfinite(low)
            assert math.isfinite(high)
            assert low < look["difference"] < high
        else:
            assert look["why_not"]
    if report.conclusion.verdict in {Verdict.WINNER, Verdict.LOSER}:
        low, high = document["metrics"][0]["latest"]["interval"]
        assert low > 0 or high < 0
    told_to_people = as_text(report) + as_page(report)
    assert "nan" not in told_to_people.lower().replace("finance", "")
    assert " inf" not in told_to_people.lower().replace(" inferen", "").replace(" information", "")


@settings(max_examples=20, deadline=None)
@given(drawn=arms(), kind=st.sampled_from(["binary", "sum", "winsorised"]))
@example([("control", 130, [HUGE], []), ("warm", 130, [-HUGE, HUGE], [])], "sum")
@example([("control", 0, [HUGE], []), ("warm", 1, [1.0], [])], "sum")
def test_a_bandit_states_numbers_or_nothing(drawn, kind):
    """Regret, floor and probabilities are numbers that a program can read, whatever was logged."""
    spec = declare(
        metrics=[{"name": "found", **KINDS[kind]}],
        coverage=0.5,
        bandit={"floor_share": 0.1, "step": 0.1, "every": "1d"},
    )
    shown, told = records_of(drawn)
    report = analyse(spec, [shown], [told], now=LATER, shares={"control": 0.3, "warm": 0.3})

    assert report.conclusion.verdict is Verdict.INCONCLUSIVE
    bandit = json.loads(json.dumps(report.to_dict(), allow_nan=False))["bandit"]
    assert bandit["floor_share"] == 0.1
    assert as_page(report)
