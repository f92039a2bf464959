"""An experiment that could not give an honest answer is refused, with every reason."""

import json
from dataclasses import fields
from datetime import timedelta

import pytest
import yaml

from falaj.domain.plan import OnWin
from falaj.errors import ConfigurationError
from falaj.experiments.metrics import Direction, Kind, Role
from falaj.experiments.spec import ExperimentSpec, Unit, duration

KEYS = [item.name for item in fields(ExperimentSpec)]
DECLARED = """
name: greeting
model: tashkeel
unit: subject
subject: {where: header, name: x-user}
arms:
  - {name: control, share: 0.5, model_version: 1}
  - {name: warm, share: 0.5, model_version: 2}
metrics:
  - {name: تحويل, kind: binary, minimum_effect: 0.01, use_covariate: true}
  - {name: clicks per request, outcome: clicks, kind: ratio, denominator: requests, role: secondary}
  - {name: complaints, kind: binary, direction: decrease, role: guardrail, allowed_harm: 0.002}
namespace: {name: page, start: 0, end: 0.5}
holdout_share: 0.05
overrides: {tester: warm}
planned_units: 17000
outcome_window: 2d
max_duration: 4w
on_win: promote
"""


def declared(**changes):
    """Read the declaration, changed."""
    return yaml.safe_load(DECLARED) | changes


def faults_of(**changes):
    """Collect what is refused."""
    with pytest.raises(ConfigurationError) as refusal:
        ExperimentSpec.from_dict(declared(**changes))
    return " / ".join(refusal.value.faults)


def test_declaration_is_read_from_yaml():
    """What is written in the file is what runs."""
    spec = ExperimentSpec.from_dict(declared())

    assert (spec.unit, spec.on_win) == (Unit.SUBJECT, OnWin.PROMOTE)
    assert spec.outcome_window == timedelta(days=2)
    assert spec.success.kind is Kind.BINARY
    assert spec.metrics[2].role is Role.GUARDRAIL
    assert spec.metrics[2].direction is Direction.DECREASE
    assert spec.allocation.share("warm") == 0.5


def test_declaration_survives_json():
    """Stored and read again, it is the same experiment."""
    spec = ExperimentSpec.from_dict(declared())

    stored = json.loads(json.dumps(spec.to_dict()))

    assert ExperimentSpec.from_dict(stored) == spec
    assert "alpha" not in stored


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Bad Name"}, "not a DNS label"),
        ({"arms": [{"name": "a", "share": 0.5}]}, "at least one other arm"),
        (
            {"arms": [{"name": "a", "share": 0.5}, {"name": "a", "share": 0.5}]},
            "two arms have one name",
        ),
        (
            {"arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.4}]},
            "shares sum to 0.9, not 1",
        ),
        ({"arms": [{"name": "a", "share": 1.0}, {"name": "b", "share": 0.0}]}, "lies in (0, 1)"),
        ({"metrics": []}, "exactly one metric has the role success, not 0"),
        ({"metrics": [{"name": "m", "kind": "ratio"}]}, "a ratio needs a denominator"),
        ({"metrics": [{"name": "m", "kind": "binary", "winsor": 0.9}]}, "nothing to winsorise"),
        ({"metrics": [{"name": "m", "kind": "binary", "allowed_harm": 0.1}]}, "only a guardrail"),
        ({"metrics": [{"name": "m", "kind": "speed"}]}, "'speed' is not a valid Kind"),
        ({"metrics": [{"name": "m", "kind": "binary", "x": 1}]}, "unknown key 'x'"),
        ({"subject": None}, "unit subject needs a subject source"),
        ({"coverage": 0}, "coverage 0 is not in (0, 1]"),
        ({"alpha": 0.5}, "alpha 0.5 is not in (0, 0.5)"),
        ({"looks": 101}, "looks 101 is not in 1 to 100"),
        ({"planned_units": 5}, "less than one unit a look"),
        ({"outcome_window": "0s"}, "outcome_window is above 0"),
        ({"outcome_window": "2 fortnights"}, "write a whole number and s, m, h, d or w"),
        ({"max_duration": "1d"}, "shorter than max_duration"),
        ({"hash_version": 3}, "hash version 3 is not 1 or 2"),
        ({"overrides": {"t": "cold"}}, "which is no arm"),
        ({"holdout_share": 1.0}, "holdout_share 1 is not in [0, 1)"),
        ({"namespace": {"name": "p", "start": 0.6, "end": 0.5}}, "0 ≤ start < end ≤ 1"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"on_win": "celebrate"}, "'celebrate' is not a valid OnWin"),
        ({"arms": None}, "greeting"),
        ({"arms": {"a": 0.5}}, "arms: holds a list"),
        ({"arms": ["control", "warm"]}, "arm 2: holds keys and values, not 'warm'"),
        ({"alpha": "1e-3"}, "alpha: '1e-3' is not a number (write 0.001, not 1e-3)"),
        ({"looks": 2.5}, "looks: 2.5 is not a whole number"),
        ({"name": False}, "name: False is not text (put it in quotes)"),
        ({"outcome_window": 60}, "write a whole number and s, m, h, d or w"),
        ({"overrides": {7: "warm"}}, "overrides: 7 is not text"),
    ],
)
def test_bad_declaration_is_refused_with_its_reason(changes, sentence):
    """The sentence says what to mend."""
    value = faults_of(**changes)

    assert sentence in value


def test_missing_key_is_named():
    """A forgotten key is named, not guessed."""
    value = declared()
    del value["model"]

    with pytest.raises(ConfigurationError, match="'model' is missing"):
        ExperimentSpec.from_dict(value)


def test_all_faults_come_at_once():
    """One round of mending is enough."""
    faults = faults_of(alpha=0.9, coverage=2, looks=0)

    assert all(word in faults for word in ("alpha", "coverage", "looks"))


def test_faults_of_every_part_come_at_once():
    """Nothing that is wrong hides behind the first thing that is."""
    faults = faults_of(
        colour="red",
        arms=[{"name": "a", "share": "half"}, {"name": "b", "part": 0.5}],
        metrics=[{"name": "m", "kind": "speed"}],
        max_duration="soon",
    )

    assert faults.split(" / ") == [
        f"experiment 'greeting': unknown key 'colour'; known: {', '.join(KEYS)}",
        "arm 1: share: 'half' is not a number (write 0.001, not 1e-3)",
        "arm 2: unknown key 'part'; known: name, share, model_version",
        "arm 2: 'share' is missing",
        "metric 1: kind: 'speed' is not a valid Kind",
        (
            "experiment 'greeting': max_duration: duration 'soon': write a whole number and s, m, "
            "h, d or w, as in 14d"
        ),
    ]


def test_declaration_that_is_none_is_refused():
    """An empty file and a list are told from a declaration."""
    with pytest.raises(ConfigurationError, match="holds keys and values, not None"):
        ExperimentSpec.from_dict(None)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("coverage", 0.5, "need unit: subject"),
        ("holdout_share", 0.1, "need unit: subject"),
        (
            "arms",
            [{"name": n, "share": s} for n, s in [("a", 0.5), ("b", 0.25), ("c", 0.25)]],
            "more arms need unit: subject",
        ),
    ],
)
def test_alias_split_is_refused_what_lambda_cannot_do(key, value, sentence):
    """A weighted alias knows two versions and no subjects."""
    plain = {
        "name": "split",
        "model": "tashkeel",
        "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}],
        "metrics": [{"name": "m", "kind": "binary"}],
    }
    ExperimentSpec.from_dict(plain)

    with pytest.raises(ConfigurationError, match=sentence):
        ExperimentSpec.from_dict(plain | {key: value})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("6h", 21_600), ("14d", 1_209_600)]
)
def test_duration_words(text, seconds):
    """Durations are written as people write them."""
    assert duration(text).total_seconds() == seconds
