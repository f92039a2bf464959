"""Built versions are whole, repeatable and what their sources promise."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from catalogue.building import Stage, build, built_version
from catalogue.errors import ModelNotBuiltError
from falaj.errors import ConfigurationError

MODEL_YAML = "name: double\nversion: 1\nowner: maths\ndescription: Doubles three numbers\n"


@pytest.fixture
def build_root(tmp_path):
    """Where things are built; the catalogue is elsewhere."""
    return tmp_path / "out"


@pytest.fixture
def double(models_root, good_model):
    """A catalogue with one model, kept as a file beside its source.yaml."""
    folder = models_root / "double" / "1"
    folder.mkdir(parents=True)
    (models_root / "double" / "model.yaml").write_text(MODEL_YAML)
    shutil.copy(good_model, folder / "model.onnx")
    digest = hashlib.sha256(good_model.read_bytes()).hexdigest()
    (folder / "source.yaml").write_text(f"kind: file\nsha256: {digest}\nlicence: Apache-2.0\n")
    return folder


def stages(models_root, build_root) -> list[Stage]:
    """Build, and return the stages without repetition."""
    seen = []
    build(models_root, build_root, progress=lambda p: seen.append(p.stage))
    return list(dict.fromkeys(seen))


def test_built_version_carries_what_was_found(double, models_root, build_root):
    """The manifest names digest, signature, licence and operators; bytes are the source's."""
    (built,) = build(models_root, build_root)
    assert built == built_version(build_root, "double", 1)
    assert built.model_path.read_bytes() == (double / "model.onnx").read_bytes()
    assert built.manifest.signature.inputs[0].shape == (-1, 3)
    assert built.manifest.facts["source"]["licence"] == "Apache-2.0"
    assert built.manifest.facts["operators"] == {"Add": 1}
    assert (built.drift_path, "drift" in built.manifest.facts) == (None, False)


@pytest.mark.usefixtures("double")
def test_second_build_does_nothing(models_root, build_root):
    """What is up to date is left as it is; a removed manifest is made again, equal to the byte."""
    assert stages(models_root, build_root) == [Stage.FETCHING, Stage.EXAMINING, Stage.BUILT]
    manifest = build_root / "models" / "double" / "1" / "manifest.json"
    first = manifest.read_bytes()
    assert stages(models_root, build_root) == [Stage.UP_TO_DATE]
    manifest.unlink()
    assert Stage.BUILT in stages(models_root, build_root)
    assert manifest.read_bytes() == first


@pytest.mark.parametrize("file", ["model.onnx", "recipe.sha256"])
@pytest.mark.usefixtures("double")
def test_damaged_build_is_built_again(models_root, build_root, file):
    """A flipped byte under .build is not served."""
    build(models_root, build_root)
    path = build_root / "models" / "double" / "1" / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert Stage.BUILT in stages(models_root, build_root)


def test_changed_source_is_built_again(double, models_root, build_root):
    """Golden cases are part of a version."""
    build(models_root, build_root)
    (double / "golden.json").write_text("[]")
    assert Stage.BUILT in stages(models_root, build_root)


def test_other_bytes_than_pinned_are_refused(double, models_root, build_root):
    """A file that is not the reviewed one is not built, and nothing is left that looks built."""
    (double / "model.onnx").write_bytes(b"other")
    with pytest.raises(ConfigurationError, match="pinned is"):
        build(models_root, build_root)
    with pytest.raises(ModelNotBuiltError, match="run `falaj models build double`"):
        built_version(build_root, "double", 1)


def test_wrong_answer_stops_the_build(double, models_root, build_root):
    """A version that fails its golden case is refused by name."""
    tensor = {"datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
    case = {
        "name": "doubles",
        "request": {"inputs": [{"name": "x", **tensor}]},
        "expect": {"outputs": [{"name": "y", **tensor}]},
    }
    (double / "golden.json").write_text(json.dumps([case]))
    with pytest.raises(ConfigurationError, match="model 'double' version 1: golden case 'doubles'"):
        build(models_root, build_root)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: magic\n", "kind is 'magic'; write one of wheel, script, file"),
        ("- a\n", "kind is None"),
        ("kind: [", "not YAML"),
        ("kind: file\n", "sha256"),
        ("kind: file\nsha256: 1\n", "sha256: write a text, in quotes"),
        ("kind: file\nsha256: a\ncolour: red\n", "colour"),
        ("kind: script\n", "no such build script"),
        ("kind: file\nsha256: a\nfile: gone.onnx\n", "put the model there or add it anew"),
    ],
)
def test_faulty_source_is_refused(double, models_root, build_root, text, sentence):
    """source.yaml's slips are told, with the file."""
    (double / "source.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        build(models_root, build_root)


def test_missing_source_is_refused(double, models_root, build_root):
    """A version folder without a source has nothing to build."""
    (double / "source.yaml").unlink()
    with pytest.raises(ConfigurationError, match="says where the model comes from"):
        build(models_root, build_root)


def test_failing_script_gives_its_last_line(double, models_root, build_root):
    """A build script that breaks is quoted, not swallowed."""
    (double / "source.yaml").write_text("kind: script\n")
    (double / "build.py").write_text("raise SystemExit('no data today')\n")
    with pytest.raises(ConfigurationError, match="no data today"):
        build(models_root, build_root)


def test_all_broken_versions_are_told_at_once(double, models_root, build_root):
    """One run tells every version that cannot be built."""
    shutil.copytree(double, models_root / "double" / "2")
    for version in ("1", "2"):
        (models_root / "double" / version / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ConfigurationError) as caught:
        build(models_root, build_root)
    assert [f"version {n}" in fault for n, fault in enumerate(caught.value.faults, 1)] == [True] * 2


@pytest.mark.usefixtures("double")
def test_unknown_name_is_refused(models_root, build_root):
    """A mistyped name builds nothing."""
    with pytest.raises(ConfigurationError, match="no model 'triple'"):
        build(models_root, build_root, ["triple"])


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 99}', b"[]"])
def test_unreadable_manifest_is_not_built(build_root, content):
    """A manifest that this version cannot read says what to run."""
    folder = build_root / "models" / "double" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").touch()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelNotBuiltError, match="falaj models build"):
        built_version(build_root, "double", 1)


def test_no_registry_address_and_no_weights_in_the_catalogue():
    """Sources name packages and digests; where packages come from is the machine's business."""
    root = Path(__file__).parents[2] / "models"
    texts = [path.read_text("utf-8") for path in root.rglob("source.yaml")]
    assert len(texts) == 4
    assert not any("://" in text for text in texts)
