"""A JSON Web Token, checked as an HTTP API's own authorizer checks it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html: RSA only; a
    `kid` of the issuer; iss, aud or else client_id, exp, nbf, iat; one of the route's scopes;
    …/http-api-troubleshooting-jwt.html: 401 with `www-authenticate: Bearer scope="" error=
    "invalid_token" error_description="the token does not have a valid audience"`.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from local_region.gateway.guards import JwtGuard

RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BEARER: Final = "bearer "
_REMEMBERED: Final = 1024


class TokenRefusedError(Exception):
    """The token does not count; the message is AWS's error_description."""


def checked_claims(header: str, guard: JwtGuard, key_set: str, now: float) -> Mapping[str, Any]:
    """Return the claims of a token that counts; scopes are not looked at.

    Args:
        header: What the identity source holds.
        guard: What is asked.
        key_set: The issuer's keys; empty if nobody here knows them.
        now: Seconds since 1970.

    Raises:
        TokenRefusedError: It does not count.
    """
    token = header[len(_BEARER) :] if header[: len(_BEARER)].lower() == _BEARER else header
    claims = _signed_claims(token.strip(), key_set)
    if claims.get("iss") != guard.issuer:
        raise TokenRefusedError("the token has an invalid issuer")
    audience = claims.get("aud", claims.get("client_id"))
    said = audience if isinstance(audience, list) else [audience]
    if not set(map(str, said)) & set(guard.audience):
        raise TokenRefusedError("the token does not have a valid audience")
    if not _time(claims, "exp", missing=0) > now:
        raise TokenRefusedError("the token has expired")
    if any(_time(claims, claim, missing=now) > now for claim in ("nbf", "iat")):
        raise TokenRefusedError("the token is not valid yet")
    return claims


@lru_cache(maxsize=_REMEMBERED)
def _signed_claims(token: str, key_set: str) -> Mapping[str, Any]:
    """Return what a token says, if one of these keys has signed it.

    A signature that has held holds; who floods this machine with one token pays for one look. What
    the claims say is looked at each time.
    """
    try:
        header = jwt.get_unverified_header(token)
        keys = {key["kid"]: key for key in json.loads(key_set or '{"keys":[]}')["keys"]}
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in RSA:
            raise TokenRefusedError("signing method is invalid")
        if "crit" in header:
            raise TokenRefusedError("the token asks for what is not understood")
        if kid not in keys:
            raise TokenRefusedError("unable to find a matching key")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(keys[kid], algorithm).key,
            algorithms=[algorithm],
            options=dict.fromkeys(_CLAIM_CHECKS, False),  # type: ignore[arg-type]
        )
    except PyJWTError as error:
        raise TokenRefusedError("the token is malformed or its signature is invalid") from error
    return claims


_CLAIM_CHECKS: Final = (
    "verify_aud",
    "verify_exp",
    "verify_iat",
    "verify_iss",
    "verify_jti",
    "verify_nbf",
    "verify_sub",
)


def _time(claims: Mapping[str, Any], name: str, *, missing: float) -> float:
    value = claims.get(name, missing)
    # A number without end is no time either, and Python makes no float of it.
    is_time = isinstance(value, int | float) and abs(value) < _END_OF_TIME
    return float(value) if is_time else float("inf" if missing else 0)


_END_OF_TIME: Final = 2**53


def scopes_of(claims: Mapping[str, Any]) -> list[str]:
    """Return a token's scopes."""
    value = claims.get("scope", claims.get("scp", ""))
    return list(map(str, value)) if isinstance(value, list) else str(value).split()


def as_strings(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return claims as a function is handed them: strings, a list as `[a b]`."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    return json.dumps(value) if isinstance(value, bool | dict) else str(value)
