"""Bearer tokens: a signature by a key that we were given, or nobody.

A token says which key it wants (`kid`), never where to fetch one: `jku`, `x5u`, `x5c` and `jwk` are
not read. Which algorithms count is the deployment's word, not the token's, and each key works with
its own algorithm only, so that a public key can never serve as an HMAC's secret.

Sources:
    RFC 8725 (JSON Web Token Best Current Practices), sections 3.1, 3.2, 3.5 and 3.10; RFC 7517
    (keys); pyjwt.readthedocs.io/en/stable/api.html.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import jwt
from jwt.exceptions import PyJWTError
from jwt.types import Options

from falaj.domain.clock import Clock
from falaj.errors import DependencyError, FalajError, UnauthenticatedError

TOKEN_BYTES: Final = 8192
"""API Gateway takes 10,240 bytes of headers; a longer token never arrives."""

REFRESH_S: Final = 300.0
"""A key that is withdrawn signs no more after five minutes."""
PATIENCE_S: Final = 30.0
"""Between two looks that a stranger's `kid`, or a failure, asks for."""

ALGORITHMS: Final = ("ES256", "ES384", "PS256", "RS256", "RS384", "RS512")
"""What a deployment may pin: signatures by a private key; no HMAC, and never `none`."""

SHORTEST_RSA_BITS: Final = 2048
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BEARER: Final = "bearer "
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class Key(NamedTuple):
    """A public key and the only algorithm it is good for."""

    key: Any
    algorithm: str


def bearer_token(header: str) -> str:
    """Return the token of an Authorization header, with or without `Bearer`.

    Raises:
        UnauthenticatedError: There is none, or one beyond measure.
    """
    is_bearer = header[: len(_BEARER)].lower() == _BEARER
    token = header[len(_BEARER) :].strip() if is_bearer else header.strip()
    if not token or len(token) > TOKEN_BYTES:
        raise UnauthenticatedError("there is no bearer token")
    return token


def read_keys(text: str, algorithms: Sequence[str]) -> dict[str, Key]:
    """Read a JSON Web Key Set: its public signing keys by id.

    Args:
        text: The document.
        algorithms: What the deployment pins; keys for others are left out.

    Raises:
        ValueError: It is no key set, holds a private key or a weak one, or no usable key at all.
    """
    document = json.loads(text)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('a key set is {"keys": [...]}')  # noqa: TRY004 - a fault of the text
    found: dict[str, Key] = {}
    for entry in entries:
        key = _read_key(entry, algorithms)
        if key is not None:
            found[entry["kid"]] = key
    if not found:
        raise ValueError(f"no key with a kid, for signatures, by {', '.join(algorithms)}")
    return found


def _read_key(entry: Any, algorithms: Sequence[str]) -> Key | None:  # noqa: ANN401 - JSON
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if _PRIVATE & entry.keys():
        raise ValueError(f"key {entry['kid']!r} holds private parts; publish the public key only")
    if entry.get("use", "sig") != "sig":
        return None
    algorithm = entry.get("alg") or _usual_algorithm(entry, algorithms)
    if algorithm not in algorithms:
        return None
    try:
        key = jwt.PyJWK(entry, algorithm).key
    except PyJWTError as error:
        raise ValueError(f"key {entry['kid']!r}: {error}") from error
    if entry.get("kty") == "RSA" and key.key_size < SHORTEST_RSA_BITS:
        raise ValueError(f"key {entry['kid']!r} has fewer than {SHORTEST_RSA_BITS} bits")
    return Key(key, algorithm)


def _usual_algorithm(entry: Mapping[str, Any], algorithms: Sequence[str]) -> str:
    """Return the first pinned algorithm of a key that does not name its own."""
    families = {"RSA": ("RS", "PS"), "EC": ("ES",)}.get(str(entry.get("kty")), ())
    return next((name for name in algorithms if name[:2] in families), "")


class KeySet:
    """The issuer's keys, read again now and then, and kept while they cannot be read.

    Several threads may ask: while one reads, whoever needs what is being read waits for it.
    """

    def __init__(
        self, fetch: Callable[[], str], *, algorithms: Sequence[str], clock: Clock
    ) -> None:
        """Read nothing yet.

        Args:
            fetch: Returns the key set's text.
            algorithms: What the deployment pins.
            clock: Tells the time.
        """
        self._fetch, self._algorithms, self._clock = fetch, tuple(algorithms), clock
        self._keys: dict[str, Key] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading, self._attempts = threading.Lock(), 0

    def key(self, kid: str) -> Key | None:
        """Return a key by its id; None if the issuer has none of it.

        Raises:
            DependencyError: No key set could be read yet.
        """
        now = self._clock.now().timestamp()
        if now - self._read_at >= REFRESH_S or kid not in self._keys:
            attempts = self._attempts
            with self._reading:
                # What somebody else has just found out in vain is not asked again by each.
                if attempts != self._attempts and not self._keys:
                    raise DependencyError(
                        service="ssm",
                        doing="give the issuer's keys",
                        reason="it was asked a moment ago",
                    )
                if now - self._tried_at >= PATIENCE_S:
                    self._read(now)
        return self._keys.get(kid)

    def _read(self, now: float) -> None:
        self._tried_at = now
        self._attempts += 1
        try:
            self._keys = read_keys(self._fetch(), self._algorithms)
        except (FalajError, ValueError) as error:
            # What was read before goes on: an issuer's outage must not be ours.
            if not self._keys:
                self._tried_at = float("-inf")
                raise DependencyError(
                    service="ssm", doing="give the issuer's keys", reason=str(error)
                ) from error
        else:
            self._read_at = now


def verified_claims(token: str, keys: KeySet, algorithms: Sequence[str]) -> Mapping[str, Any]:
    """Return the claims of a token that one of the issuer's keys has signed, whatever they say.

    Raises:
        UnauthenticatedError: It is no such token.
        DependencyError: There are no keys to look with.
    """
    try:
        header = jwt.get_unverified_header(token)
    except PyJWTError as error:
        raise UnauthenticatedError("the token is no JSON Web Token") from error
    key = _wanted_key(header, keys, algorithms)
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, key.key, algorithms=[key.algorithm], options=_SIGNATURE_ONLY
        )
    except PyJWTError as error:
        raise UnauthenticatedError("the token's signature does not hold") from error
    return claims


_SIGNATURE_ONLY: Final[Options] = {
    "verify_signature": True,
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}
"""`falaj.domain.claims` looks at the claims, by our own clock."""


def _wanted_key(header: Mapping[str, Any], keys: KeySet, algorithms: Sequence[str]) -> Key:
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in algorithms:
        raise UnauthenticatedError("the token is signed by no accepted algorithm")
    if str(header.get("typ", "JWT")).lower() not in _TYPES or "crit" in header:
        raise UnauthenticatedError("the token is of another kind")
    key = keys.key(kid) if isinstance(kid, str) else None
    if key is None or key.algorithm != algorithm:
        raise UnauthenticatedError("the token names no key of the issuer")
    return key
