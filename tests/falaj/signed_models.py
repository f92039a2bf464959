"""Folders of models signed as `falaj models build` signs them."""

import shutil
from pathlib import Path

from catalogue.signing import LocalSigner, sign
from falaj.contract import MANIFEST_SIGNATURE_FILE, PUBLISHER_KEY_FILE


def publish(root: Path, build: Path) -> str:
    """Sign every manifest under `root` with the key of a build folder; return its fingerprint."""
    signer = LocalSigner(build)
    (root / PUBLISHER_KEY_FILE).write_bytes(signer.key.der)
    for manifest in root.glob("*/*/manifest.json"):
        path = sign(manifest.parent, signer)
        (manifest.parent / MANIFEST_SIGNATURE_FILE).write_bytes(path.read_bytes())
        shutil.rmtree(path.parent)
    return signer.key.fingerprint
