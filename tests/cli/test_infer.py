"""`falaj infer` asks a served model and shows its answer."""

import json
from dataclasses import replace

import pytest

from tests.falaj.platform_front import published_models, serving, whole_api

NAMES = [model.name for model in published_models()]


@pytest.mark.parametrize("name", NAMES)
def test_example_is_answered_as_known(falaj, url, name):
    """A newcomer sees a right answer without knowing a tensor."""
    said = falaj("infer", name, "--example", "--url", url)

    assert said.exit == 0
    assert said.out.startswith("✓ ")


def test_wrong_example_ends_with_three(falaj):
    """A model that no longer gives its known answer is found out: the gate says no."""
    model = next(m for m in published_models() if m.name == "breast-cancer")
    case = model.golden[0]
    label = {"name": "label", "datatype": "INT64", "shape": [1], "data": [7]}
    mistaken = replace(model, golden=({**case, "expect": {"outputs": [label]}},))

    with serving(whole_api((mistaken,))) as address:
        said = falaj("infer", model.name, "--example", "--url", address)

    assert said.exit == 3
    assert "not as expected: label" in said.out


def test_values_are_typed_by_the_models_signature(falaj, url):
    """Neither type nor shape has to be written."""
    said = falaj("infer", "tashkeel", "-i", "[149,171,159]", "--url", url, "--json")

    assert said.document["outputs"][0]["shape"] == [1, 3]


def test_whole_requests_come_from_files(falaj, url, tmp_path):
    """What another client sends can be replayed."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps({**published_models()[0].golden[0]["request"], "id": "mine"}))

    said = falaj("infer", NAMES[0], "--request", str(path), "--url", url, "--json")

    assert said.document["id"] == "mine"


def test_refusals_are_the_services_own_words(falaj, url):
    """The sentence that the API says is the sentence that is shown."""
    said = falaj("infer", "ghost", "-i", "[1]", "--url", url)

    assert said.exit == 1
    assert "Request for unknown model: 'ghost' is not found" in said.err


def test_wrong_data_is_refused_by_the_service(falaj, url):
    """--json keeps the service's status and body."""
    said = falaj("infer", "breast-cancer", "-i", "[1,2,3]", "--url", url, "--json")

    assert (said.exit, said.document["status"]) == (1, 400)
    assert said.document["answer"]["code"] == "shape_mismatch"


@pytest.mark.parametrize("words", [[], ["--example", "-i", "[1]"]])
def test_exactly_one_source_of_input(falaj, url, words):
    """Nothing is sent that the reader did not choose."""
    assert falaj("infer", "tashkeel", "--url", url, *words).exit == 2


def test_address_must_be_one(falaj):
    """A typo in the address is misuse, not a network failure."""
    assert falaj("infer", "tashkeel", "--example", "--url", "localhost:8080").exit == 2
