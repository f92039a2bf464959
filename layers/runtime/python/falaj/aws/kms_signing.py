"""A key in KMS as somebody who signs; its private half is never seen."""

from functools import cached_property

from falaj.aws.calls import Client, calling
from falaj.domain.publisher import PublisherKey


class KmsSigner:
    """Signs statements with one key.

    Args:
        kms: A KMS client.
        key: Id or ARN (ECC_NIST_P256, SIGN_VERIFY).
    """

    def __init__(self, kms: Client, key: str) -> None:
        self._kms, self._key = kms, key

    @cached_property
    def key(self) -> PublisherKey:
        """The public half.

        Raises:
            DependencyError: KMS refused or does not answer.
            ValueError: The key is not on curve P-256.
        """
        with calling("kms", "name the signing key's public half"):
            answer = self._kms.get_public_key(KeyId=self._key)
        return PublisherKey(answer["PublicKey"])

    def sign(self, statement: bytes) -> bytes:
        """Return an ECDSA signature over these bytes, as DER.

        Args:
            statement: At most 4096 bytes.

        Raises:
            DependencyError: KMS refused or does not answer.
        """
        with calling("kms", "sign"):
            answer = self._kms.sign(
                KeyId=self._key,
                Message=statement,
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        signature: bytes = answer["Signature"]
        return signature
