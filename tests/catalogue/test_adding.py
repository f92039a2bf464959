"""A stranger's model enters the catalogue whole, or leaves no trace."""

import pytest
from onnx import TensorProto, helper

from catalogue.adding import add, describe
from catalogue.building import build
from catalogue.errors import ModelRefusedError
from falaj.errors import ConfigurationError

CASE = {
    "name": "doubles",
    "request": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]},
    "expect": {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [2, 4, 6]}]},
}


def test_added_model_builds_at_once(good_model, models_root, tmp_path):
    """What add writes, build takes, golden case included."""
    added = add(good_model, name="double", models_root=models_root, golden=[CASE])
    assert (added.version, added.is_new_model) == (1, True)
    assert added.spec.description == "Added from model.onnx"
    (built,) = build(models_root, tmp_path / "out")
    assert built.manifest.sha256 == added.findings.sha256
    assert [case["name"] for case in built.manifest.golden] == ["doubles"]


def test_second_addition_is_the_next_version(good_model, models_root):
    """model.yaml is a person's; a further version leaves it as it is."""
    first = add(good_model, name="double", models_root=models_root)
    text = first.spec_file.read_text() + "# mine\n"
    first.spec_file.write_text(text)
    second = add(good_model, name="double", models_root=models_root)
    assert (second.version, second.is_new_model, second.spec.version) == (2, False, 1)
    assert first.spec_file.read_text() == text


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_refused_model_leaves_no_trace(models_root, tmp_path, content):
    """After a refusal the catalogue is what it was."""
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefusedError):
        add(path, name="bad", models_root=models_root)
    assert list(models_root.iterdir()) == []


@pytest.mark.parametrize("name", ["../escape", "Upper", "a/b", ""])
def test_name_is_refused_before_anything_runs(models_root, tmp_path, name):
    """A name is never a path."""
    with pytest.raises(ConfigurationError, match="DNS label"):
        add(tmp_path / "never-read.onnx", name=name, models_root=models_root)


def test_description_tells_what_a_caller_must_know(write_model, value, models_root):
    """Open axes, texts, batching, figures and what is still missing, a sentence each."""
    path = write_model(
        [helper.make_node("Identity", ["words"], ["same"])],
        [value("words", TensorProto.STRING, ["batch", 2])],
        [value("same", TensorProto.STRING, ["batch", 2])],
    )
    sentences = describe(add(path, name="echo", models_root=models_root).findings)
    assert "input words: BYTES[any, 2]; open: dimension 0" in sentences
    assert "it takes text: send BYTES tensors, UTF-8" in sentences
    assert "requests may share a batch: an answer is the same alone and in company" in sentences
    assert sentences[-1] == "no known answer was checked; write golden.json beside the model"


def test_broken_model_yaml_stops_an_addition(good_model, models_root):
    """A further version of a model that cannot be read is not written."""
    added = add(good_model, name="double", models_root=models_root)
    added.spec_file.write_text("name: double\n")
    with pytest.raises(ConfigurationError, match="is missing"):
        add(good_model, name="double", models_root=models_root)
    assert not (models_root / "double" / "2").exists()
