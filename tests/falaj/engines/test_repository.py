"""A repository serves what its manifests promise, or refuses to."""

import json

import pytest

from falaj.engines.repository import ModelRepository
from falaj.errors import ArtefactError, UnknownModelError, UnknownVersionError
from tests.falaj import onnx_models


@pytest.fixture
def root(tmp_path):
    """Versions 1, 2 and 10 of one model."""
    for version in (1, 2, 10):
        onnx_models.write_version(tmp_path, "rows", version, onnx_models.linear(seed=version))
    return tmp_path


def _repository(root, **more):
    return ModelRepository.from_folder(root, make_engine=onnx_models.make_engine, **more)


def test_the_highest_version_is_the_default(root):
    """Versions are numbers: 10 comes after 2."""
    assert _repository(root).versions("rows") == ("1", "2", "10")
    assert _repository(root).model("rows").version == "10"


def test_the_default_version_may_be_chosen(root):
    """A release serves the version it names."""
    assert _repository(root, defaults={"rows": 2}).model("rows").version == "2"


def test_a_chosen_version_must_be_there(root):
    """A release that names a version it does not hold does not start."""
    with pytest.raises(ArtefactError, match=r"version 3.*not packaged"):
        _repository(root, defaults={"rows": 3})


def test_versions_are_loaded_when_asked_for_and_once(root):
    """Only what is used takes memory."""
    repository = _repository(root)
    assert repository.loaded() == ()
    first = repository.model("rows", "1")
    assert repository.model("rows", "1") is first
    assert repository.loaded() == (first,)


def test_unknown_names_and_versions_are_told_apart(root):
    """The caller learns which of the two is wrong."""
    repository = _repository(root)
    with pytest.raises(UnknownModelError):
        repository.model("nobody")
    with pytest.raises(UnknownVersionError):
        repository.model("rows", "3")


def test_a_flipped_byte_is_refused(root):
    """Bytes that are not those of the manifest never run."""
    path = root / "rows/10/model.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match="sha256"):
        _repository(root).model("rows")


def test_a_manifest_of_another_model_is_refused(root):
    """A manifest moved to another folder is noticed."""
    (root / "rows/10").rename(root / "rows/11")
    with pytest.raises(ArtefactError, match="lies in another folder"):
        _repository(root)


def test_a_signature_that_is_not_the_models_is_refused(root):
    """A manifest cannot promise inputs its model does not have."""
    path = root / "rows/10/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["signature"]["inputs"][0]["name"] = "z"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="inputs are not those of the manifest"):
        _repository(root).model("rows")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99}'])
def test_an_unreadable_manifest_is_refused(root, text):
    """A damaged manifest is an error that names the file."""
    (root / "rows/10/manifest.json").write_text(text)
    with pytest.raises(ArtefactError, match=r"rows/10/manifest\.json"):
        _repository(root)


def test_an_empty_folder_says_what_to_do(tmp_path):
    """Nothing built is the commonest mistake, and has its own sentence."""
    with pytest.raises(ArtefactError, match="falaj models build"):
        _repository(tmp_path)


def test_bytes_elsewhere_are_fetched_and_checked(root):
    """Bytes that are not packaged come from the reader, and are trusted no more than others."""
    path = root / "rows/10/model.onnx"
    content = path.read_bytes()
    path.unlink()
    assert _repository(root, read=lambda _: content).model("rows").version == "10"
    with pytest.raises(ArtefactError, match="sha256"):
        _repository(root, read=lambda _: content + b"x").model("rows")
    with pytest.raises(ArtefactError, match="bytes are missing"):
        _repository(root).model("rows")
