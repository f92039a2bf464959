"""Promise: a container that is told its publisher serves what that publisher signed, or nothing."""

import pytest

from tests.falaj import onnx_models, signed_models
from tests.falaj.container.conftest import running


@pytest.fixture
def published(tmp_path):
    """A folder of two signed versions, and the publisher's fingerprint."""
    root = tmp_path / "models"
    for version in (1, 2):
        onnx_models.write_version(root, "rows", version, onnx_models.linear(seed=version))
    return root, signed_models.publish(root, tmp_path / "build")


def test_a_signed_folder_is_served(published, tmp_path):
    """With the pin, as without."""
    root, fingerprint = published
    with running(root, tmp_path, FALAJ_PUBLISHER_KEY=fingerprint) as container:
        assert container.process.poll() is None


@pytest.mark.parametrize("file", ["rows/2/manifest.json", "rows/2/manifest.sig", "publisher.der"])
def test_one_changed_byte_keeps_it_from_starting(published, tmp_path, file):
    """It ends with the reason instead of becoming ready."""
    root, fingerprint = published
    content = bytearray((root / file).read_bytes())
    content[-1] ^= 1
    (root / file).write_bytes(content)
    with (
        pytest.raises(RuntimeError, match=r"did not sign|no key to check"),
        running(root, tmp_path, FALAJ_PUBLISHER_KEY=fingerprint),
    ):
        pass


def test_the_images_own_pin_starts_nothing(published, tmp_path):
    """Whoever runs the image must say whose models it believes."""
    with (
        pytest.raises(RuntimeError, match="FALAJ_PUBLISHER_KEY"),
        running(published[0], tmp_path, FALAJ_PUBLISHER_KEY="the-fingerprint-of-your-publisher"),
    ):
        pass
