"""Promise: docs/reference/alarms.md says what the templates say."""

from audits.alarms_page import PAGE, page


def test_the_page_is_current(synthesized_once):
    """`python -m audits.alarms_page CDK_OUT` writes it, from a model with default settings."""
    assert PAGE.read_text(encoding="utf-8") == page(synthesized_once["smb"])


def test_both_profiles_have_the_same_alarms(synthesized_once):
    """A bank's rollback is no other than a shop's."""
    assert page(synthesized_once["smb"]) == page(synthesized_once["enterprise"])
