"""Every page of the documentation can be reached from its index, and no link leads nowhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])


def _targets(page):
    return {
        (page.parent / link).resolve()
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    """What a page links to is in the repository."""
    assert [target for target in _targets(page) if not target.exists()] == []


@pytest.mark.parametrize("folder", ["decisions", "reference"])
def test_every_page_is_in_its_index(folder):
    """A reader who starts at the index finds every page."""
    index = DOCS / "decisions/README.md" if folder == "decisions" else DOCS / "README.md"
    pages = {page.resolve() for page in (DOCS / folder).glob("*.md")} - {index.resolve()}
    assert pages - _targets(index) == set()


def test_decisions_are_numbered_once():
    """A number names one record."""
    numbers = [path.name[:4] for path in sorted((DOCS / "decisions").glob("0*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
