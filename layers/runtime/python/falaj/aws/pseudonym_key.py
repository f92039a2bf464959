"""The key of pseudonyms, derived once in an environment's life."""

from falaj.aws.calls import Client, calling


def derive_key(kms: Client, key_id: str, purpose: str) -> bytes:
    """Derive 32 bytes from a KMS HMAC key: the same for everyone who may use it for the purpose.

    The HMAC key never leaves KMS. Once it is deleted, nobody can derive this key again, and the
    pseudonyms made with it name nobody.

    Args:
        kms: A KMS client.
        key_id: The HMAC key (HMAC_256).
        purpose: Separates uses of one HMAC key.

    Raises:
        DependencyError: KMS refused or does not answer.

    Source:
        docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html ("You can also use the raw
        result to implement HMAC-based algorithms such as key derivation functions").
    """
    with calling("kms", "derive the key of pseudonyms"):
        answer = kms.generate_mac(
            Message=purpose.encode(), KeyId=key_id, MacAlgorithm="HMAC_SHA_256"
        )
    derived: bytes = answer["Mac"]
    return derived
