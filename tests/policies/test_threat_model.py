"""Promise: each threat names a test that is there, or says that nothing holds it yet."""

import re

import pytest

from tests.policies.planting import POLICIES

ROOT = POLICIES.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?:API\d|ML\d|AML).*$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split()[1])
def test_a_threat_is_answered(row):
    """By a test, or plainly as pending or accepted."""
    evidence = row.rstrip(" |").rpartition("|")[2]

    assert "](tests/" in evidence or "**pending**" in evidence or "**accepted**" in evidence


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((tests/[^)]+)\)", TEXT))))
def test_a_linked_test_exists(link):
    """A dead link would be a dead promise."""
    assert (ROOT / link).is_file()


@pytest.mark.parametrize(
    "top_ten", [[f"API{n} " for n in range(1, 11)], [f"ML{n:02} " for n in range(1, 11)]]
)
def test_no_item_of_a_top_ten_is_left_out(top_ten):
    """Silence would look like safety."""
    assert [item for item in top_ten if f"| {item}" not in TEXT] == []
