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


def test_published_pages_of_ensembles_are_current():
    """And for the file that declares a graph."""
    published = json.loads((PUBLISHED / schema.ENSEMBLE_SCHEMA_FILE).read_text("utf-8"))
    assert published == schema.ensemble_schema()
    page = (PUBLISHED / schema.ENSEMBLE_REFERENCE_FILE).read_text("utf-8")
    assert page == schema.ensemble_reference()


def test_the_ensemble_of_the_page_satisfies_its_schema():
    """Who copies it gets a file that an editor does not mark red."""
    page = (PUBLISHED / schema.ENSEMBLE_REFERENCE_FILE).read_text("utf-8")
    document = yaml.safe_load(page.split("```yaml")[1].split("```")[0])
    assert len(document["steps"]) == 2
    validator = Draft202012Validator(schema.ensemble_schema())
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors({**document, "steps": [{"model": "A Name"}]}))


@pytest.mark.parametrize("document", [schema.schema(), schema.ensemble_schema()])
def test_schema_is_one(document):
    """It obeys its own standard."""
    Draft202012Validator.check_schema(document)


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
