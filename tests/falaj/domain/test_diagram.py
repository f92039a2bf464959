"""The documentation's picture of a rollout is the table's."""

from pathlib import Path

import pytest

from falaj.domain.diagram import mermaid, redrawn
from falaj.domain.rollout import TRANSITIONS, Event, Hold, Phase

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rollout-states.md"


def test_picture_is_current():
    """Redraw it with: python -m falaj.domain.diagram docs/reference/rollout-states.md."""
    page = PAGE.read_text("utf-8")
    assert redrawn(page) == page


def test_picture_shows_every_event_but_refusals():
    """No arrow is missing."""
    words = mermaid().replace(",", " ").split()
    assert {event.value for _, event in TRANSITIONS} - set(words) == {Event.REFUSED.value}


@pytest.mark.parametrize("word", [*Phase, *Hold])
def test_every_phase_and_hold_has_its_line(word):
    """An operator who meets the word finds it explained."""
    assert f"| {word.value} |" in PAGE.read_text("utf-8")


def test_page_without_a_picture_is_refused():
    """A page that lost its block is not silently left as it is."""
    with pytest.raises(ValueError, match="no ```mermaid block"):
        redrawn("# nothing\n")
