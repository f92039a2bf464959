"""Whose tokens an API accepts, where callers show one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from falaj.domain.claims import DEFAULT_SKEW_S, DEFAULT_TENANT_CLAIM, LONGEST_SKEW_S

RSA_ONLY: Final = ("RS256", "RS384", "RS512")
"""What the authorizer of an HTTP API can check: "only RSA-based algorithms are supported".

Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html, read
2026-11-22.
"""
ALGORITHMS: Final = (*RSA_ONLY, "PS256", "ES256", "ES384")

LARGEST_KEY_SET_BYTES: Final = 8192
"""An advanced SSM parameter's value.

Source:
    docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html.
"""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """The one issuer whose tokens count.

    Attributes:
        issuer: What tokens say in `iss`; an HTTP API reads its keys from below this address.
        audiences: One of these must be in `aud`.
        algorithms: Which signatures count.
        tenant_claim: Which claim names the tenant.
        skew_s: How far the issuer's clock may be from ours.
        keys: File with the issuer's public keys (JSON Web Key Set), for a REST API's authorizer.
    """

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256",)
    tenant_claim: str = DEFAULT_TENANT_CLAIM
    skew_s: int = DEFAULT_SKEW_S
    keys: str = ""

    @property
    def is_given(self) -> bool:
        """Whether anything was said of an issuer."""
        return bool(self.issuer or self.audiences or self.keys)

    def faults(self, *, by_function: bool) -> Iterator[str]:
        """Yield every reason why no token could be checked so.

        Args:
            by_function: Whether our own authorizer checks them, as before a REST API.
        """
        url = urlsplit(self.issuer)
        if url.scheme != "https" or not url.hostname or url.query or url.fragment:
            yield f"jwtIssuer {self.issuer!r}: write what tokens say in iss, an https:// address"
        if not self.audiences:
            yield "jwtAudience is missing: write for whom tokens are issued (aud)"
        known = ALGORITHMS if by_function else RSA_ONLY
        strange = [name for name in self.algorithms if name not in known]
        if strange or not self.algorithms:
            yield f"jwtAlgorithms {', '.join(strange) or 'is empty'}: write of {', '.join(known)}"
        if not 0 <= self.skew_s <= LONGEST_SKEW_S:
            yield f"jwtSkew {self.skew_s}: write seconds from 0 to {LONGEST_SKEW_S}"
        if not self.tenant_claim:
            yield "jwtTenantClaim is empty: write which claim names the tenant"
        if by_function and not self.keys:
            yield (
                "jwtKeys is missing: write the file with the issuer's public keys (its jwks_uri); "
                "the authorizer has no way to the internet (docs/decisions/0018)"
            )


def read_key_set(path: Path) -> tuple[str, list[str]]:
    """Return an issuer's key set without white space, and what is wrong with it.

    The authorizer looks at each key; here it is refused what must never be deployed.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return "", [f"jwtKeys {path}: cannot be read as JSON ({error})"]
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        return "", [f'jwtKeys {path}: a key set is {{"keys": [...]}}; save the issuer\'s jwks_uri']
    faults = [fault for entry in entries for fault in _key_faults(path, entry)]
    text = json.dumps({"keys": entries}, separators=(",", ":"), sort_keys=True)
    if len(text) > LARGEST_KEY_SET_BYTES:
        faults.append(
            f"jwtKeys {path}: {len(text)} bytes, and a parameter holds {LARGEST_KEY_SET_BYTES}; "
            "leave out x5c chains and keys that sign nothing any more"
        )
    return text, faults


def _key_faults(path: Path, entry: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        yield f"jwtKeys {path}: a key has no kid, and tokens could not name it"
    elif _PRIVATE & entry.keys():
        yield (
            f"jwtKeys {path}: key {entry['kid']!r} holds private parts; withdraw it at the issuer "
            "and save the public key set"
        )
