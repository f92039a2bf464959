"""Promise: a container that is told its publisher serves what that publisher signed, or nothing."""

import json
import shutil

import pytest

from falaj.entrypoints.fetch import check
from falaj.errors import UntrustedArtefactError
from tests.falaj import onnx_models, signed_models
from tests.falaj.container.conftest import running


@pytest.fixture
def published(tmp_path):
    """A folder of two signed versions, and the publisher's fingerprint."""
    root = tmp_path / "models"
    for version in (1, 2):
        onnx_models.write_version(root, "rows", version, onnx_models.linear(seed=version))
    return root, signed_models.publish(root, tmp_path / "build")


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _replay(root):
    shutil.copytree(root / "rows/1", root / "rows/2", dirs_exist_ok=True)


def _rename(root):
    (root / "rows").rename(root / "columns")


def _cut(root):
    path = root / "rows/2/manifest.json"
    path.write_bytes(path.read_bytes()[:-20])


def _sign_anew(root):
    signed_models.publish(root, root.parent / "stranger")


TAMPERING = {
    "a byte of the model": (lambda r: _flip(r / "rows/2/model.onnx"), "sha256|digest"),
    "a byte of the manifest": (lambda r: _flip(r / "rows/2/manifest.json"), "did not sign"),
    "a manifest cut short": (_cut, "did not sign"),
    "a byte of the signature": (lambda r: _flip(r / "rows/2/manifest.sig"), "did not sign"),
    "no signature": (lambda r: (r / "rows/2/manifest.sig").unlink(), "it is not signed"),
    "another version's, signed": (_replay, "lies in another folder"),
    "another name's, signed": (_rename, "lies in another folder"),
    "a byte of the key": (lambda r: _flip(r / "publisher.der"), "no key to check"),
    "another publisher": (_sign_anew, "pins"),
}


def test_a_signed_folder_is_served(published, tmp_path):
    """With the pin, as without."""
    root, fingerprint = published
    with running(root, tmp_path, FALAJ_PUBLISHER_KEY=fingerprint) as container:
        assert container.process.poll() is None
    check(root, fingerprint)


@pytest.mark.parametrize("what", ["a byte of the model", "another version's, signed"])
def test_what_was_not_published_keeps_it_from_starting(published, tmp_path, what):
    """It ends with the reason instead of becoming ready, and one line feeds the alarm."""
    root, fingerprint = published
    tamper, reason = TAMPERING[what]
    tamper(root)
    with (
        pytest.raises(RuntimeError, match=reason),
        running(root, tmp_path, FALAJ_PUBLISHER_KEY=fingerprint),
    ):
        pass
    (line,) = [json.loads(text) for text in (tmp_path / "stdout").read_text().splitlines()]
    assert (line["RefusedStarts"], line["message"]) == (1, "refused to start")
    assert line["release"] == "7"


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_not_published_is_not_put_before_triton_either(published, what):
    """NVIDIA's server checks nothing: what fetches its models does, and as strictly."""
    root, fingerprint = published
    tamper, reason = TAMPERING[what]
    tamper(root)
    with pytest.raises(UntrustedArtefactError, match=reason):
        check(root, fingerprint)


def test_the_images_own_pin_starts_nothing(published, tmp_path):
    """Whoever runs the image must say whose models it believes."""
    with (
        pytest.raises(RuntimeError, match="FALAJ_PUBLISHER_KEY"),
        running(published[0], tmp_path, FALAJ_PUBLISHER_KEY="the-fingerprint-of-your-publisher"),
    ):
        pass
