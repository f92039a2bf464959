"""Editors check model.yaml by the rules that Falaj itself applies."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from catalogue import schema

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "docs" / "reference"


def test_published_schema_is_current():
    """Run `python -m catalogue.schema` after changing a setting."""
    published = json.loads((PUBLISHED / schema.SCHEMA_FILE).read_text("utf-8"))
    assert published == schema.schema()


def test_published_reference_is_current():
    """The same for the page that people read."""
    assert (PUBLISHED / schema.REFERENCE_FILE).read_text("utf-8") == schema.reference()


def test_schema_is_one():
    """It obeys its own standard."""
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize(
    "path", sorted(REPOSITORY.glob("models/*/model.yaml")), ids=lambda p: p.parent.name
)
def test_catalogue_satisfies_the_schema(path):
    """Our own entries are examples that an editor does not mark red."""
    document = yaml.safe_load(path.read_text("utf-8"))
    assert list(Draft202012Validator(schema.schema()).iter_errors(document)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Not A Label"},
        {"ower": "x"},
        {"compute": {"memory_mib": 64}},
        {"compute": {"threads": "many"}},
        {"release": {"bake": "soon"}},
        {"risk": "extreme"},
    ],
)
def test_schema_refuses_what_the_reader_refuses(change):
    """An editor marks the slip before anything is run."""
    document = {"name": "churn", "version": 1, "owner": "crm", "description": "d"} | change
    assert list(Draft202012Validator(schema.schema()).iter_errors(document))


def test_every_setting_has_its_sentence():
    """No key is published without words."""
    text = (PUBLISHED / schema.REFERENCE_FILE).read_text("utf-8")
    assert "|  |" not in text
