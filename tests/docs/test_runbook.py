"""Every line of the runbook is a test that exists, and nothing that must hold is missing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", RUNBOOK)))
MUST_HOLD = (
    "stable version deleted",
    "rollback of a rollback",
    "two controllers at once",
    "DynamoDB dark",
    "SSM dark",
    "alarm red before the rollout begins",
    "stack rolled back mid-canary",
    "newer release mid-canary",
    "zero traffic",
    "one request an hour",
)


@pytest.fixture(scope="module")
def written():
    """Every test, by name."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize("name", NAMED)
def test_named_test_exists(name, written):
    """Whoever is on call can read what is promised."""
    assert name in written


@pytest.mark.parametrize("situation", MUST_HOLD)
def test_situation_has_a_line_with_a_test(situation):
    """What may happen at night is written down before."""
    (line,) = (line for line in RUNBOOK.splitlines() if line.startswith(f"| **{situation}**"))
    assert re.search(r"`test_\w+`", line)
