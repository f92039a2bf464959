"""Promise: the page says what the region does."""

from local_region import errors
from local_region.errors import ConfigurationError
from local_region.fidelity import gaps
from local_region.reference import PAGE, written
from local_region.resources.registry import KINDS


def test_page_holds_the_tables_as_they_are():
    """Run `python -m local_region.reference` after changing a kind."""
    page = PAGE.read_text()

    assert written(page) == page


def test_every_refusal_has_its_paragraph():
    """An operator who meets an error finds it on the page."""
    leaves = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, ConfigurationError)
        and value is not ConfigurationError
    }
    page = PAGE.read_text()

    assert {name for name in leaves if f"`{name}`" not in page} == set()


def test_inert_kinds_say_so():
    """A type that is only recorded has a sentence that admits it."""
    inert = {"AWS::CloudWatch::Alarm", "AWS::Events::Rule", "AWS::IAM::Role"}

    assert inert <= {gap.what for gap in gaps()} & KINDS.keys()
