"""Who may publish models: a public key, and what it says of a manifest."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from falaj.domain.p256 import Point, is_on_curve, is_signed

FINGERPRINT_MEND: Final = (
    "the publisher's fingerprint, 64 hex digits; `falaj models keys` lists them"
)
_FINGERPRINT: Final = frozenset("0123456789abcdef")
_FINGERPRINT_DIGITS: Final = 64

_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What precedes x and y in the DER of every uncompressed key on P-256.

Source: RFC 5480, 2 (SubjectPublicKeyInfo, id-ecPublicKey, secp256r1) and 2.2 (ECPoint, 04 ‖ x ‖ y);
what KMS's GetPublicKey answers.
"""
_COORDINATE: Final = 32
_KEY_BYTES: Final = len(_SPKI) + 2 * _COORDINATE


@dataclass(frozen=True, slots=True)
class PublisherKey:
    """The public half of the key that signs manifests.

    Attributes:
        der: SubjectPublicKeyInfo, as KMS hands it out.

    Raises:
        ValueError: These bytes are no key on curve P-256.
    """

    der: bytes
    _point: Point = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        x = int.from_bytes(self.der[len(_SPKI) : len(_SPKI) + _COORDINATE], "big")
        y = int.from_bytes(self.der[len(_SPKI) + _COORDINATE :], "big")
        is_formed = len(self.der) == _KEY_BYTES and self.der.startswith(_SPKI)
        if not (is_formed and is_on_curve((x, y))):
            raise ValueError("no public key on curve P-256 (SubjectPublicKeyInfo, uncompressed)")
        object.__setattr__(self, "_point", (x, y))

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of the key, by which settings pin it."""
        return sha256(self.der).hexdigest()

    def vouches_for(self, manifest: bytes, signature: bytes) -> bool:
        """Whether the key's holder signed exactly this manifest."""
        return self.is_signer_of(manifest_statement(manifest), signature)

    def is_signer_of(self, statement: bytes, signature: bytes) -> bool:
        """Whether the key's holder signed this statement."""
        return is_signed(self._point, statement, signature)


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form of a key's fingerprint."""
    return len(text) == _FINGERPRINT_DIGITS and set(text) <= _FINGERPRINT


def manifest_statement(manifest: bytes) -> bytes:
    """Return what is signed (ECDSA over P-256 with SHA-256) for a manifest's exact bytes.

    It names its purpose, so that no signature made for anything else is one of a manifest, and
    holds the manifest's digest, since KMS signs at most 4096 bytes.

    Source:
        docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html, `Message`, read 2026-11-22.

    Example:
        >>> manifest_statement(b"{}")[:30]
        b'falaj manifest sha256 44136fa3'
    """
    return b"falaj manifest sha256 " + sha256(manifest).hexdigest().encode()
