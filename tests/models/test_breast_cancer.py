"""Both versions know tumours they were never shown, and keep one contract."""

import os
import subprocess
import sys

import pytest

from falaj.domain.tensors import Datatype, TensorSpec
from tests.models.conftest import MODELS


@pytest.fixture
def data(module):
    """Training and held-out rows."""
    return module("breast-cancer", "breast_cancer_training").split()


@pytest.mark.parametrize("version", [1, 2])
def test_held_out_tumours_are_told_apart(run, data, version):
    """At least 94 of 100 right on rows that were never trained on."""
    labels = run("breast-cancer", data.held_out_features, version)["label"]
    assert len(labels) == 143
    assert (labels == data.held_out_labels).mean() >= 0.94


@pytest.mark.parametrize("version", [1, 2])
def test_probabilities_are_two_that_sum_to_one(run, data, version):
    """No dictionary, no logit: float32[batch, 2]."""
    probabilities = run("breast-cancer", data.held_out_features, version)["probabilities"]
    assert probabilities.shape == (143, 2)
    assert abs(probabilities.sum(axis=1) - 1).max() < 1e-5


def test_both_versions_keep_one_contract(built):
    """Version 2 can take over from version 1 without a client noticing."""
    one, two = (built("breast-cancer", version).manifest.signature for version in (1, 2))
    assert one == two
    assert one.inputs == (TensorSpec(name="features", datatype=Datatype.FP32, shape=(-1, 30)),)
    assert one.batching.is_safe


@pytest.mark.slow
def test_building_again_gives_the_same_bytes(built, tmp_path):
    """A rebuild is not a new version, whatever the process's hash seed."""
    output = tmp_path / "model.onnx"
    subprocess.run(
        [sys.executable, str(MODELS / "breast-cancer" / "1" / "build.py"), str(output)],
        env={**os.environ, "PYTHONPATH": str(MODELS / "breast-cancer"), "PYTHONHASHSEED": "1"},
        check=True,
    )
    assert output.read_bytes() == built("breast-cancer").model_path.read_bytes()


@pytest.mark.parametrize("version", [1, 2])
def test_golden_cases_are_what_the_data_say(built, module, version):
    """`python models/breast-cancer/breast_cancer_golden.py` was run after the last change."""
    cases = module("breast-cancer", "breast_cancer_golden").cases()
    assert list(built("breast-cancer", version).manifest.golden) == cases
