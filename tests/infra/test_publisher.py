"""Promise: what is deployed is signed by the key that the settings pin, or is not deployed."""

import shutil

import pytest

from catalogue.signing import LocalSigner, remember_key, sign
from falaj.contract import MANIFEST_SIGNATURE_FILE
from falaj.errors import ConfigurationError


@pytest.fixture
def publisher(catalogue, tmp_path):
    """Somebody who signs elsewhere, and whose public key is known here."""
    catalogue.add("churn")
    signer = LocalSigner(tmp_path / "elsewhere")
    remember_key(catalogue.sources.build, signer.key)
    return signer


def version_folder(catalogue):
    """Where the only version is built."""
    return catalogue.sources.build / "models" / "churn" / "1"


def pinned(assembly):
    """What the function is pinned to."""
    function = assembly.one("FalajModel-churn", "AWS::Lambda::Function")
    return function["Properties"]["Environment"]["Variables"]["FALAJ_PUBLISHER_KEY"]


def release(assembly):
    """The logical id of the version, which changes with the release."""
    (version,) = assembly.of_type("FalajModel-churn", "AWS::Lambda::Version")
    return version


def test_the_pinned_publishers_signature_is_packaged(catalogue, publisher, assemble):
    """Beside the throw-away one, which stays out."""
    signature = sign(version_folder(catalogue), publisher).read_bytes()
    assembly = assemble(catalogue.sources, publisherKey=publisher.key.fingerprint)
    (packaged,) = assembly.folder.glob(f"asset.*/models/churn/1/{MANIFEST_SIGNATURE_FILE}")

    assert (packaged.read_bytes(), pinned(assembly)) == (signature, publisher.key.fingerprint)


def test_signing_again_is_no_new_release(catalogue, publisher, assemble):
    """Every ECDSA signature is another one; who signed and what did not change."""
    before = assemble(catalogue.sources)
    shutil.rmtree(version_folder(catalogue) / "signatures")
    sign(version_folder(catalogue), LocalSigner(catalogue.sources.build))
    after = assemble(catalogue.sources)
    sign(version_folder(catalogue), publisher)
    other = assemble(catalogue.sources, publisherKey=publisher.key.fingerprint)

    assert release(before) == release(after)
    assert release(before) != release(other)


def test_a_manifest_that_the_pinned_publisher_did_not_sign_is_refused(
    catalogue, publisher, assemble
):
    """Before anything is made, with what to do."""
    with pytest.raises(ConfigurationError, match=r"churn.*not signed.*falaj models sign"):
        assemble(catalogue.sources, publisherKey=publisher.key.fingerprint)


def test_a_publisher_nobody_knows_is_refused(catalogue, assemble):
    """A fingerprint alone checks nothing: the key itself must be here."""
    catalogue.add("churn")
    with pytest.raises(ConfigurationError, match=r"no public key f{64}.*falaj models sign"):
        assemble(catalogue.sources, publisherKey="f" * 64)


def test_a_manifest_edited_after_it_was_signed_is_refused(catalogue, assemble):
    """A slip in .build is found at synthesis, not at the first start."""
    catalogue.add("churn")
    manifest = version_folder(catalogue) / "manifest.json"
    manifest.write_text(manifest.read_text().replace("churn-x", "churn-y") + " ")
    with pytest.raises(ConfigurationError, match="not signed"):
        assemble(catalogue.sources)


def test_a_throw_away_publisher_is_warned_of_on_lambda_alone(catalogue, assemble):
    """`cdk deploy --strict` refuses to go on; on this machine it is as it should be."""
    catalogue.add("churn")

    def warned(**context):
        assembly = assemble(catalogue.sources, **context)
        told = [p.read_text() for p in assembly.folder.glob("FalajModel-churn.metadata.json")]
        told.append((assembly.folder / "manifest.json").read_text())
        return any("throw-away key" in text for text in told)

    assert (warned(platform="lambda"), warned()) == (True, False)
