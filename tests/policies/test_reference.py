"""Promise: the page about the policies is what the rules say."""

from policies.reference import PAGE, reference


def test_the_page_is_current():
    """If not: `python -m policies.reference`."""
    assert PAGE.read_text(encoding="utf-8") == reference()
