"""A reference keeps bins and counts, and refuses what could never tell drift."""

import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalogue.building import Stage, build
from catalogue.drift import registered
from catalogue.watching import DriftPolicy
from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.drift.reference import Reference
from falaj.errors import ConfigurationError

MODEL_YAML = """name: double
version: 1
owner: maths
description: Doubles three numbers
drift:
  reference: {file}
"""
ROWS = 200


@pytest.fixture
def numbers():
    """Two hundred seeded rows of three numbers."""
    return np.random.default_rng(2).normal(size=(ROWS, 3)).astype(np.float32)


@pytest.fixture
def watched(models_root, good_model, tmp_path):
    """Make the catalogue of one watched model, and build it."""

    def make(file: str, write):
        folder = models_root / "double" / "1"
        folder.mkdir(parents=True, exist_ok=True)
        (models_root / "double" / "model.yaml").write_text(MODEL_YAML.format(file=file))
        write(models_root / "double" / file)
        shutil.copy(good_model, folder / "model.onnx")
        digest = hashlib.sha256(good_model.read_bytes()).hexdigest()
        (folder / "source.yaml").write_text(f"kind: file\nsha256: {digest}\nlicence: Apache-2.0\n")
        seen = []
        (built,) = build(models_root, tmp_path / "out", progress=lambda p: seen.append(p.stage))
        return built, list(dict.fromkeys(seen))

    return make


def npz(**arrays):
    """Write arrays."""
    return lambda path: np.savez(path, **arrays)


def tensor(name: str) -> TensorSpec:
    """Three numbers a row."""
    return TensorSpec(name=name, datatype=Datatype.FP32, shape=(-1, 3))


MANIFEST = Manifest(
    name="double",
    version=1,
    sha256="0" * 64,
    size_bytes=1,
    signature=ModelSignature(inputs=(tensor("x"),), outputs=(tensor("y"),)),
)


@pytest.fixture
def reference(tmp_path):
    """Register a reference of a model that doubles, without the gate's process."""

    def make(file: str, write, **changes) -> Reference:
        write(tmp_path / file)
        policy = DriftPolicy(reference=file, **changes)
        return registered(MANIFEST, policy, folder=tmp_path, run=lambda rows: {"y": rows["x"] * 2})

    return make


def test_inputs_and_answers_are_counted_in_tenths(watched, numbers):
    """Six features, twenty rows in each bin, none without a value; the model itself answers."""
    built, _ = watched("reference.npz", npz(x=numbers))
    features = Reference.from_dict(json.loads(built.drift_path.read_text("utf-8"))).features
    assert [each.name for each in features] == [f"{t}[{k}]" for t in "xy" for k in range(3)]
    assert all(sum(each.counts) == ROWS and each.counts[-1] == 0 for each in features)
    assert max(max(each.counts) for each in features) - ROWS // 10 <= 1
    assert features[3].edges == tuple(2 * edge for edge in features[0].edges)
    # What a signature of the manifest covers.
    assert built.manifest.drift == hashlib.sha256(built.drift_path.read_bytes()).hexdigest()


def test_no_row_is_kept(reference, numbers):
    """Of two hundred rows, at most nine numbers a feature are known afterwards."""
    found = reference("reference.npz", npz(x=numbers))
    kept = {edge for each in found.features if each.tensor == "x" for edge in each.edges}
    assert len(kept & set(numbers.ravel().tolist())) == 3 * 9


def test_features_of_a_table_have_its_header_s_names(reference, numbers):
    """Whoever reads the report reads their own words; an empty cell is no value."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["العمر", "weight", "height"])
            writer.writerow(["", 1, 2])
            writer.writerows(numbers.tolist())

    first = reference("reference.csv", write).features[0]
    assert (first.name, first.counts[-1]) == ("العمر", 1)


def test_only_named_tensors_are_watched(reference, numbers):
    """Answers alone, say."""
    found = reference("reference.npz", npz(x=numbers), tensors=("y",))
    assert {each.tensor for each in found.features} == {"y"}


def test_another_reference_is_another_build(watched, numbers):
    """The same file again is up to date; other rows are not, nor is a damaged `drift.json`."""
    built, _ = watched("reference.npz", npz(x=numbers))
    _, again = watched("reference.npz", npz(x=numbers))
    built.drift_path.write_text("{}")
    _, damaged = watched("reference.npz", npz(x=numbers))
    _, other = watched("reference.npz", npz(x=numbers + 1))
    assert (again, Stage.BUILT in damaged, Stage.BUILT in other) == (
        [Stage.UP_TO_DATE],
        True,
        True,
    )


@pytest.mark.parametrize(
    ("arrays", "further", "sentence"),
    [
        ({"z": np.zeros((ROWS, 3))}, {}, "it has no rows of the input 'x'"),
        ({"x": np.zeros((20, 3))}, {}, "20 rows; a delta of 0.1 needs 170 at least"),
        ({"x": np.zeros((ROWS, 4))}, {}, "rows of 'x' have shape (4,), not (3,)"),
        ({"x": np.zeros((ROWS, 3))}, {"tensors": ("q",)}, "drift.tensors names q, which"),
        (
            {"x": np.zeros((ROWS, 3)), "x.names": np.array(["a", "a", "b"])},
            {},
            "two features have the same name",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(reference, arrays, further, sentence):
    """Each refusal says what to change."""
    with pytest.raises(ConfigurationError) as caught:
        reference("reference.npz", npz(**arrays), **further)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "it needs 3 columns in every line"),
        ("a,b,c\n1,2,three\n", "not readable: could not convert"),
        ("", "not readable"),
    ],
)
def test_a_table_that_is_none_is_refused(reference, text, sentence):
    """Whatever is wrong with it, a sentence says so."""
    with pytest.raises(ConfigurationError) as caught:
        reference("reference.csv", lambda path: path.write_text(text))
    assert sentence in str(caught.value)


def test_a_reference_that_is_not_there_is_told_with_its_line(watched):
    """Like every fault of model.yaml."""
    with pytest.raises(ConfigurationError) as caught:
        watched("reference.npz", lambda _: None)
    assert "model.yaml:6: no file reference.npz beside model.yaml" in str(caught.value)


def test_whole_numbers_are_not_made_of_others(tmp_path):
    """A table whose cells an integer input cannot hold is refused, not rounded."""
    spec = TensorSpec(name="x", datatype=Datatype.INT64, shape=(-1, 3))
    signature = ModelSignature(inputs=(spec,), outputs=(tensor("y"),))
    npz(x=np.full((ROWS, 3), 1.5))(tmp_path / "reference.npz")
    with pytest.raises(ConfigurationError, match="INT64, and not all rows are whole"):
        registered(
            replace(MANIFEST, signature=signature),
            DriftPolicy(reference="reference.npz"),
            folder=tmp_path,
            run=lambda _: {},
        )
