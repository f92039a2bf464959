"""Everybody who might call: one by one, with what is due to each."""

from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from falaj.domain.clock import SystemClock
from local_region.issuer import KID

OK = 200
SYSTEM = SystemClock()
HOUR = timedelta(hours=1).total_seconds()


class Minting:
    """Tokens that are right but for what is said.

    Args:
        model: Whose scopes they carry.
    """

    def __init__(self, model: str) -> None:
        self.scopes = (
            f"model:{model}:invoke",
            f"model:{model}:experiment",
            f"model:{model}:read",
            "experiments:read",
            "platform:read",
        )

    def __call__(self, issuer, **said):
        """Mint one."""
        return issuer.token(clock=SYSTEM, **{"scopes": self.scopes, "tenant": "acme"} | said)

    def unsigned(self, issuer):
        """`alg: none` with everything else right."""
        claims = jwt.decode(self(issuer), options={"verify_signature": False})
        return jwt.encode(claims, None, algorithm="none", headers={"kid": KID})

    def forged(self, issuer):
        """Signed by somebody else under our issuer's name."""
        claims = jwt.decode(self(issuer), options={"verify_signature": False})
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": KID})

    def callers(self) -> dict[str, tuple[Any, int]]:
        """Who calls, and what is due to him."""
        return {
            "none": (lambda _: None, 401),
            "wrong scope": (lambda i: self(i, scopes=["model:other:invoke"]), 403),
            "other tenant": (lambda i: self(i, tenant="globex"), 403),
            "no tenant": (lambda i: self(i, tenant=None), 403),
            "expired": (lambda i: self(i, lifetime_s=-HOUR), 401),
            "not yet valid": (lambda i: self(i, nbf=int(SYSTEM.now().timestamp() + HOUR)), 401),
            "alg=none": (self.unsigned, 401),
            "forged": (self.forged, 401),
            "wrong issuer": (lambda i: self(i, iss="https://elsewhere.example"), 401),
            "wrong audience": (lambda i: self(i, aud="somebody-else"), 401),
            "right": (self, OK),
        }
