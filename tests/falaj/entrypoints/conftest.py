"""A handler over real models, whose lines are kept."""

import json

import pytest

from falaj.config.settings import Settings
from falaj.entrypoints.lambda_inference import LambdaInference
from tests.falaj import onnx_models


class Kept(list):
    """Lines the handler wrote, parsed."""

    def write(self, text):
        """Keep a line, which must be one."""
        assert text.endswith("\n")
        assert text.count("\n") == 1
        self.append(json.loads(text))


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Rows of floats, a logarithm, and an answer of 12 MB."""
    root = tmp_path_factory.mktemp("served")
    onnx_models.write_version(root, "rows", 1, onnx_models.linear())
    onnx_models.write_version(root, "log", 1, onnx_models.logarithm())
    onnx_models.write_version(root, "repeat", 1, onnx_models.repeat())
    onnx_models.write_version(root, "words", 1, onnx_models.identity("BYTES", [None]))
    return onnx_models.service_of(root, release="12")


@pytest.fixture
def lines():
    """What the handler wrote."""
    return Kept()


@pytest.fixture
def handler(served, lines):
    """A freshly started function."""
    settings = Settings(model_root="models", model_name="rows", release="12", function_name="fn")
    return LambdaInference(served, settings, write=lines.write)
