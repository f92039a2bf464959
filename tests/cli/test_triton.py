"""`falaj models triton` writes what Triton reads."""

import json

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from tests.infra.conftest import new_catalogue


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one built model."""
    catalogue = new_catalogue(tmp_path / "w")
    catalogue.add("churn")
    root = tmp_path / "w"
    (root / "app.py").touch()
    (root / "build").rename(root / ".build")
    monkeypatch.chdir(root)
    return root


def parsed(text):
    """Read a configuration by the generated code of Triton's client."""
    return text_format.Parse(text, model_config_pb2.ModelConfig())


@pytest.mark.usefixtures("checkout")
def test_the_configuration_is_printed_as_it_is(falaj):
    """It can be piped into a file, or read by a program."""
    assert parsed(falaj("models", "triton", "churn").out).name == "churn"
    document = json.loads(falaj("models", "triton", "churn", "--json").out)
    assert parsed(document["config"]).input[0].name == "x"


def test_it_is_written_into_a_model_repository(falaj, checkout):
    """Beside the versions' folders, where Triton looks for it."""
    said = falaj("models", "triton", "churn", "-o", "repo")
    assert said.exit == 0
    assert parsed((checkout / "repo/churn/config.pbtxt").read_text()).name == "churn"


@pytest.mark.usefixtures("checkout")
def test_an_unknown_model_is_named(falaj):
    """With those there are."""
    said = falaj("models", "triton", "chrun")
    assert said.exit != 0
    assert "there are: churn" in said.err
