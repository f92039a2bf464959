"""`falaj models` lists, validates, builds and adds."""

import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.falaj.platform_front import ROOT, published_models


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of one's own, with the real model.yaml files."""
    shutil.copytree(ROOT / "models", tmp_path / "models")
    (tmp_path / "app.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def doubling(tmp_path):
    """A stranger's model: twice what it is given."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(np.float32([2]), "two")],
    )
    path = tmp_path / "doubling.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


def test_list_names_every_model(falaj):
    """A program reads what a person sees."""
    rows = falaj("models", "list", "--json").document["models"]

    assert [(r["name"], r["version"], r["built"]) for r in rows] == [
        (m.name, m.version, True) for m in published_models()
    ]


def test_validate_passes_the_repositorys_own(falaj):
    """The catalogue as committed is sound."""
    assert falaj("models", "validate").exit == 0


def test_validate_reports_every_fault_and_ends_with_three(falaj, checkout):
    """All faults of all files at once, each with file and line."""
    for name in ("tashkeel", "file-type"):
        path = checkout / "models" / name / "model.yaml"
        path.write_text(path.read_text() + "colour: blue\n")

    said = falaj("models", "validate", "--json")

    assert (said.exit, said.document["code"]) == (3, "refused")
    assert [
        f"{n}/model.yaml:" in f
        for n, f in zip(("file-type", "tashkeel"), said.document["faults"], strict=True)
    ] == [True, True]


def test_unknown_model_is_named(falaj):
    """The sentence lists those there are."""
    assert "tashkeel" in falaj("models", "validate", "ghost").err


def test_build_leaves_what_is_up_to_date(falaj):
    """`make test` builds once."""
    said = falaj("models", "build", "tashkeel")

    assert "up to date" in said.err
    assert said.out.startswith("✓ tashkeel 1")


def test_add_writes_a_strangers_model(falaj, checkout, doubling):
    """One command from an ONNX file to a catalogue entry."""
    said = falaj("models", "add", str(doubling), "--name", "doubling", "--json")

    assert (said.exit, said.document["version"]) == (0, 1)
    assert (checkout / "models/doubling/model.yaml").is_file()
    assert (checkout / "models/doubling/1/model.onnx").read_bytes() == doubling.read_bytes()


def test_dry_run_writes_nothing(falaj, checkout, doubling):
    """The gate's findings are shown, the catalogue stays."""
    said = falaj("models", "add", str(doubling), "--name", "doubling", "--dry-run")

    assert said.exit == 0
    assert "x: FP32[any, 2]" in said.out
    assert not (checkout / "models/doubling").exists()


def test_refused_model_ends_with_three(falaj, checkout, tmp_path):
    """What is no model does not enter."""
    path = tmp_path / "not.onnx"
    path.write_bytes(b"\x00" * 64)

    assert falaj("models", "add", str(path), "--name", "not").exit == 3
    assert not (checkout / "models/not").exists()


def test_missing_file_is_misuse(falaj):
    """A typo in the path is told at once."""
    assert falaj("models", "add", "nowhere.onnx", "--name", "n").exit == 2
