"""A token issuer for this machine: one throw-away key, and tokens for whoever asks.

Its key is made when it is first needed and lies below `.build`, which is not in version control;
no deployment trusts it, since its issuer is a name that leads nowhere (RFC 6761, `.localhost`).
"""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from falaj.domain.clock import Clock

ISSUER: Final = "https://issuer.falaj.localhost"
AUDIENCE: Final = "falaj"
ALGORITHM: Final = "RS256"
KID: Final = "this-machine"
FOLDER: Final = Path(".build/issuer")
LIFETIME_S: Final = 12 * 3600
TENANT: Final = "acme"
"""Whose token `falaj up` prints."""

_PRIVATE: Final = "private.pem"
KEYS_FILE: Final = "jwks.json"
_BITS: Final = 2048


class LocalIssuer:
    """Signs tokens that the local region believes."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the key of this machine, or make it; its public half is written beside it.

        Args:
            folder: `.build/issuer` of the repository.
        """
        path = folder / _PRIVATE
        if not path.is_file():
            _make(folder)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{path} is no RSA key; remove it, and it is made again")
        issuer = cls(key)
        published = folder / KEYS_FILE
        if not published.is_file() or published.read_text(encoding="utf-8") != issuer.key_set:
            published.write_text(issuer.key_set, encoding="utf-8")
        return issuer

    @property
    def key_set(self) -> str:
        """The public key as a JSON Web Key Set."""
        jwk = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        entry = {"kid": KID, "use": "sig", "alg": ALGORITHM, "kty": "RSA", "n": jwk["n"]}
        return json.dumps({"keys": [entry | {"e": jwk["e"]}]}, sort_keys=True)

    def token(
        self,
        *,
        clock: Clock,
        tenant: str = TENANT,
        scopes: Sequence[str] = (),
        subject: str = "someone",
        lifetime_s: float = LIFETIME_S,
        **claims: Any,  # noqa: ANN401 - JSON values; None leaves a claim out
    ) -> str:
        """Mint a token.

        Args:
            clock: Tells when.
            tenant: On whose behalf.
            scopes: What it opens.
            subject: Whom it is for.
            lifetime_s: How long it is valid.
            claims: Further claims, in place of the usual ones too.
        """
        now = int(clock.now().timestamp())
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "tenant": tenant,
            "scope": " ".join(scopes),
            "iat": now,
            "nbf": now,
            "exp": int(now + lifetime_s),
            "jti": secrets.token_hex(8),
        } | claims
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, self._key, algorithm=ALGORITHM, headers={"kid": KID})


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    partial = folder / f"{_PRIVATE}.{os.getpid()}"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
    # Whoever links first has made the machine's key; everyone else takes it.
    try:
        os.link(partial, folder / _PRIVATE)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
