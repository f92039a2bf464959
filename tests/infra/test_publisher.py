"""Promise: what is deployed is signed by the key that the settings pin, or is not deployed."""

import shutil

import pytest

from catalogue.signing import LocalSigner, remember_key, sign
from falaj.contract import MANIFEST_SIGNATURE_FILE
from falaj.errors import ConfigurationError
from infra.config.deployment import Deployment
from infra.main import publisher_faults


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


def deployment(**context):
    """What a context asks for."""
    return Deployment.from_context({f"falaj:{key}": value for key, value in context.items()})


@pytest.mark.parametrize(
    ("context", "is_refused"),
    [
        ({}, True),
        ({"publisherKey": "throw-away"}, False),
        ({"publisherKey": "f" * 64}, False),
        ({"platform": "host"}, False),
    ],
)
def test_on_lambda_a_publisher_is_named(context, is_refused):
    """Nobody deploys under a key of his own machine by leaving something out."""
    faults = publisher_faults(deployment(**context))

    assert [("throw-away" in fault, "models sign" in fault) for fault in faults] == (
        [(True, True)] if is_refused else []
    )


def test_a_trial_is_signed_by_the_throw_away_key_and_warned_of(catalogue, assemble):
    """`cdk deploy --strict` refuses to go on; on this machine it is as it should be."""
    catalogue.add("churn")

    def warned(**context):
        assembly = assemble(catalogue.sources, **context)
        told = [p.read_text() for p in assembly.folder.glob("FalajModel-churn.metadata.json")]
        told.append((assembly.folder / "manifest.json").read_text())
        assert pinned(assembly) == LocalSigner(catalogue.sources.build).key.fingerprint
        return any("throw-away key" in text for text in told)

    assert (warned(platform="lambda", publisherKey="throw-away"), warned()) == (True, False)


@pytest.mark.parametrize("word", ["throwaway", "none", "f" * 63])
def test_another_word_is_no_publisher(catalogue, assemble, word):
    """With what to write."""
    catalogue.add("churn")
    with pytest.raises(ConfigurationError, match=r"publisherKey.*or throw-away for a trial"):
        assemble(catalogue.sources, publisherKey=word)
