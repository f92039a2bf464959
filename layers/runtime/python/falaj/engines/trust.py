"""A release trusts one publisher: a key packaged with it, pinned by a setting of its own."""
# ruff: noqa: PTH118 - as in falaj.engines.folders

import os

from falaj.contract import (
    ENV_PUBLISHER_KEY,
    MANIFEST_FILE,
    MANIFEST_SIGNATURE_FILE,
    PUBLISHER_KEY_FILE,
)
from falaj.domain.publisher import PublisherKey
from falaj.engines.folders import content_of
from falaj.errors import UntrustedArtefactError


def packaged_publisher(root: str, fingerprint: str) -> PublisherKey:
    """Read the key beside the models.

    Args:
        root: Folder of the models.
        fingerprint: What the release's settings pin.

    Raises:
        UntrustedArtefactError: The key is missing, or another than the pinned one.
    """
    path = os.path.join(root, PUBLISHER_KEY_FILE)
    try:
        key = PublisherKey(content_of(path))
    except (OSError, ValueError) as error:
        raise UntrustedArtefactError(
            artefact=path, reason=f"no key to check manifests with ({error})"
        ) from error
    if key.fingerprint != fingerprint:
        raise UntrustedArtefactError(
            artefact=path,
            reason=f"its fingerprint is {key.fingerprint}, {ENV_PUBLISHER_KEY} pins {fingerprint}",
        )
    return key


def check_signature(path: str, manifest: bytes, publisher: PublisherKey) -> None:
    """Return if the publisher signed this manifest; its signature lies beside it.

    Args:
        path: The manifest's.
        manifest: Its exact bytes.
        publisher: Whose word counts.

    Raises:
        UntrustedArtefactError: There is no signature, or it is not the publisher's.
    """
    beside = path.removesuffix(MANIFEST_FILE) + MANIFEST_SIGNATURE_FILE
    try:
        signature = content_of(beside)
    except OSError as error:
        raise UntrustedArtefactError(
            artefact=path,
            reason=f"it is not signed ({MANIFEST_SIGNATURE_FILE}: {error.strerror})",
        ) from error
    if not publisher.vouches_for(manifest, signature):
        raise UntrustedArtefactError(
            artefact=path,
            reason=f"publisher {publisher.fingerprint[:16]}… did not sign these bytes",
        )
