"""Signatures of manifests: `.build/models/<m>/<v>/signatures/<fingerprint>.sig`, one for each key.

What goes to AWS is signed by a key that never leaves KMS. What stays on this machine is signed by a
throw-away key that `falaj models build` makes in `.build/keys`, so that every release, wherever it
runs, checks what it loads.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from catalogue.errors import ManifestNotSignedError
from falaj.contract import MANIFEST_FILE
from falaj.domain.publisher import PublisherKey, manifest_statement
from falaj.errors import ConfigurationError

KEYS: Final = "keys"
SIGNATURES: Final = "signatures"
LOCAL_KEY: Final = "local.pem"


class Signer(Protocol):
    """Whoever holds a publisher's key."""

    @property
    def key(self) -> PublisherKey:
        """The public half."""
        ...

    def sign(self, statement: bytes) -> bytes:
        """Return an ECDSA signature (P-256, SHA-256, DER) over these bytes."""
        ...


class LocalSigner:
    """The throw-away key of one build folder; made when first asked for.

    Args:
        build_root: `.build`.
    """

    def __init__(self, build_root: Path) -> None:
        path = build_root / KEYS / LOCAL_KEY
        if not path.is_file():
            _make_key(path)
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise ConfigurationError([f"{path} is no key on curve P-256; delete it"])
        self._private = found

    @property
    def key(self) -> PublisherKey:
        """The public half."""
        return PublisherKey(
            self._private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def sign(self, statement: bytes) -> bytes:
        """Sign with ECDSA and SHA-256."""
        return self._private.sign(statement, ec.ECDSA(hashes.SHA256()))


def sign(version_folder: Path, signer: Signer) -> Path:
    """Sign a version's manifest unless this key has, and return where the signature lies.

    Args:
        version_folder: Holds `manifest.json`.
        signer: Holds the key.
    """
    key = signer.key
    path = _signature_path(version_folder, key.fingerprint)
    manifest = (version_folder / MANIFEST_FILE).read_bytes()
    with suppress(OSError):
        if _vouches_for(key, manifest, path.read_bytes()):
            return path
    path.parent.mkdir(exist_ok=True)
    _write(path, signer.sign(manifest_statement(manifest)))
    return path


def signature_at(version_folder: Path, key: PublisherKey) -> Path:
    """Return where a key's valid signature of a version's manifest lies.

    Raises:
        ManifestNotSignedError: There is none.
    """
    path = _signature_path(version_folder, key.fingerprint)
    manifest = (version_folder / MANIFEST_FILE).read_bytes()
    try:
        signature = path.read_bytes()
    except OSError:
        signature = b""
    if not _vouches_for(key, manifest, signature):
        raise ManifestNotSignedError(folder=str(version_folder), fingerprint=key.fingerprint)
    return path


def remember_key(build_root: Path, key: PublisherKey) -> Path:
    """Keep a public key where packaging finds it, and return its place."""
    path = _key_path(build_root, key.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, key.der)
    return path


def remembered_key(build_root: Path, fingerprint: str) -> PublisherKey:
    """Return a key by its fingerprint.

    Raises:
        ConfigurationError: It is not here, or what is here is another.
    """
    path = _key_path(build_root, fingerprint)
    try:
        key = PublisherKey(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            [f"no public key {fingerprint} in {path.parent}; run `falaj models sign --target aws`"]
        ) from error
    if key.fingerprint != fingerprint:
        raise ConfigurationError([f"{path} holds the key {key.fingerprint}; delete it"])
    return key


def key_file(build_root: Path, key: PublisherKey) -> Path:
    """Return where a remembered key lies."""
    return _key_path(build_root, key.fingerprint)


def _key_path(build_root: Path, fingerprint: str) -> Path:
    return build_root / KEYS / f"{fingerprint}.der"


def _signature_path(version_folder: Path, fingerprint: str) -> Path:
    return version_folder / SIGNATURES / f"{fingerprint}.sig"


def _vouches_for(key: PublisherKey, manifest: bytes, signature: bytes) -> bool:
    """Whether a key signed a manifest: what functions ask in pure Python, asked of OpenSSL.

    A hundred models are checked in 10 ms instead of 300.
    """
    public = serialization.load_der_public_key(key.der)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(signature, manifest_statement(manifest), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_bytes(pem)
    # The first of two that race wins; a link never replaces.
    with suppress(FileExistsError):
        path.hardlink_to(partial)
    partial.unlink()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    os.replace(partial, path)  # noqa: PTH105 - atomic on purpose
