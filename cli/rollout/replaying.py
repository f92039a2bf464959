"""A decision record checked offline: does it follow from its inputs, and who signed it?"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from cli.failures import CommandError
from falaj.domain.decision import DecisionRecord, signed_statement
from falaj.errors import FalajError
from falaj.guard import replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What checking a record found.

    Attributes:
        record: The record.
        differences: Where it is not what it should be, as sentences; empty when it holds.
        signed_by: sha256 of the public key that its signature was verified with; empty when no
            signature was given.
    """

    record: DecisionRecord
    differences: tuple[str, ...]
    signed_by: str = ""

    def document(self) -> dict[str, Any]:
        """Write it as what `--json` prints."""
        after = self.record.after
        return {
            "same": not self.differences,
            "differences": list(self.differences),
            "signed_by": self.signed_by or None,
            "model": after.model,
            "generation": after.generation,
            "at": self.record.now.isoformat(),
            "phase": after.phase.value,
            "reason": after.log[-1].reason if after.log else "",
        }


def check(text: bytes, *, signature: bytes = b"", public_key: bytes = b"") -> Checked:
    """Recompute a record's decision, and verify its signature if there is one.

    Args:
        text: The record's bytes, as they lie in S3.
        signature: What KMS answered to Sign: a DER-encoded ECDSA signature.
        public_key: P-256, as PEM or as the DER that KMS answers to GetPublicKey.

    Raises:
        CommandError: The text is no record, or the key no key.

    Source:
        docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html, `Signature` ("DER-encoded object
        as defined by ANSI X9.62–2005 and RFC 3279 Section 2.2.3"), read 2026-11-22.
    """
    record = _read(text)
    differences = []
    signed_by = ""
    if public_key:
        key = _key(public_key)
        try:
            key.verify(signature, signed_statement(text), ECDSA(SHA256()))
            signed_by = _fingerprint(key)
        except InvalidSignature:
            differences.append("the signature is not this key's over these bytes")
    if record.to_json().encode() != text:
        differences.append("the text is not the one canonical text of what it says")
    differences += _recomputed(record)
    return Checked(record=record, differences=tuple(differences), signed_by=signed_by)


def _read(text: bytes) -> DecisionRecord:
    try:
        record = DecisionRecord.from_json(text.decode())
    except (ValueError, TypeError, KeyError, AttributeError, FalajError) as error:
        raise CommandError(
            f"that is no decision record ({error})",
            mend="`falaj rollout history MODEL --save FOLDER` fetches them",
        ) from error
    return record


def _recomputed(record: DecisionRecord) -> tuple[str, ...]:
    try:
        return replay(record).differences
    except (FalajError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        return (f"its inputs lead to no decision at all ({error})",)


def _key(encoded: bytes) -> EllipticCurvePublicKey:
    load = load_pem_public_key if encoded.lstrip().startswith(b"-----") else load_der_public_key
    try:
        key = load(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CommandError(f"that is no public key in PEM or DER ({error})") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise CommandError("records are signed with a key on P-256, which this is not")
    return key


def _fingerprint(key: EllipticCurvePublicKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
