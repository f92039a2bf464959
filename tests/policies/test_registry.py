"""Promise: each rule refuses what it is there for, and lets pass what is right."""

import importlib

import pytest

from policies.controls import CONTROLS
from policies.evaluation import evaluate
from policies.registry import RULES
from tests.policies.planting import POLICIES, example, example_file

FAMILIES = ("residency", "encryption", "exposure", "iam", "audit")
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@EACH
def test_the_violating_template_is_caught_by_name(rule):
    """The rule itself says so, whatever other rules say."""
    found = {finding.rule for finding in evaluate([example(rule, "violating")]).findings}

    assert rule.id in found


@EACH
def test_the_compliant_template_passes(rule):
    """Whoever does it right is left alone."""
    found = {finding.rule for finding in evaluate([example(rule, "compliant")]).findings}

    assert rule.id not in found


@EACH
def test_a_rule_explains_itself(rule):
    """Its id is its place, and it tells why, who says so and which control it serves."""
    family, _, name = rule.id.partition(".")
    module = importlib.import_module(f"policies.{family}.{name.replace('-', '_')}")

    assert module.RULE is rule
    assert example_file(rule).is_file()
    assert rule.source.startswith("https://")
    assert len(rule.reason) > 40
    assert set(rule.controls) <= {control.id for control in CONTROLS}


def test_at_least_forty_violations_are_planted():
    """One template for each, in files beside the rules."""
    assert len({example_file(rule) for rule in RULES}) >= 40


def test_every_rule_file_counts():
    """A file that is not in the table would look like protection and be none."""
    files = {
        f"{family}.{path.stem.replace('_', '-')}"
        for family in FAMILIES
        for path in (POLICIES / family).glob("[!_]*.py")
    }

    assert files == {rule.id for rule in RULES}


def test_every_template_belongs_to_a_rule():
    """None is left over."""
    assert set(POLICIES.glob("*/*.yaml")) == {example_file(rule) for rule in RULES}


def test_every_control_is_served_by_a_rule():
    """A control without a check is a claim without evidence."""
    served = {control for rule in RULES for control in rule.controls}

    assert {control.id for control in CONTROLS} - served == set()
