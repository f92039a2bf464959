"""Promise: ways out that nobody had in mind are caught by name, and what is right is left alone."""

from pathlib import Path

import pytest
import yaml

from policies.evaluation import evaluate
from policies.registry import RULES
from tests.policies.planting import stack_of

HERE = Path(__file__).parent
PLANTED = yaml.safe_load((HERE / "planted.yaml").read_text(encoding="utf-8"))
LEGITIMATE = yaml.safe_load((HERE / "legitimate.yaml").read_text(encoding="utf-8"))
EACH = [
    pytest.param(rule, template, id=f"{rule}-{number}")
    for rule, templates in PLANTED.items()
    for number, template in enumerate(templates, start=1)
]


def whole(template):
    """Write a template out: `It` is its only resource."""
    if "It" in template:
        template = {"Resources": {"It": template["It"]}}
    return stack_of(template)


@pytest.mark.parametrize(("rule", "template"), EACH)
def test_it_is_caught_by_name(rule, template):
    """The rule that is named, whatever others say."""
    assert rule in {finding.rule for finding in evaluate([whole(template)]).findings}


@pytest.mark.parametrize("template", LEGITIMATE, ids=range(1, len(LEGITIMATE) + 1))
def test_what_is_right_is_left_alone(template):
    """Global IAM, gateway endpoints, pseudo parameters, our own zones' ids and their like."""
    found = evaluate([whole(template)]).findings

    assert [str(finding) for finding in found if finding.rule.startswith("residency.")] == []


def test_only_rules_that_exist_are_named():
    """A rule that was renamed takes its plants along."""
    assert set(PLANTED) <= {rule.id for rule in RULES}


def test_more_are_planted_here_than_any_one_reviewer_would():
    """Beside the one of every rule."""
    assert len(EACH) >= 150
