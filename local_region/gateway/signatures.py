"""Signature Version 4, checked as AWS checks it, against the credentials of this machine.

Sources, read 2026-11-22:
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (canonical
    request, string to sign, signing key) and …/reference_sigv-signing-elements.html;
    a request is good for five minutes either way.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from local_region.gateway.messages import Request

SERVICE: Final = "execute-api"
ALGORITHM: Final = "AWS4-HMAC-SHA256"
VALID_S: Final = 300.0
_FORM: Final = re.compile(
    rf"{ALGORITHM} Credential=([^/,]+)/(\d{{8}})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})"
)
_NEEDED: Final = frozenset({"host", "x-amz-date"})


class SignatureRefusedError(Exception):
    """The request is not signed as it must be.

    Attributes:
        is_missing: Whether it is not signed at all.
    """

    def __init__(self, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(reason)
        self.is_missing = is_missing


def signer_of(request: Request, secrets: Mapping[str, str], region: str, now: float) -> str:
    """Return the access key that has signed a request.

    Args:
        request: As sent.
        secrets: Secret by access key.
        region: For which it must be signed.
        now: Seconds since 1970.

    Raises:
        SignatureRefusedError: Nobody known has.
    """
    form = _FORM.fullmatch(request.header("authorization"))
    if form is None:
        raise SignatureRefusedError("Missing Authentication Token", is_missing=True)
    access_key, day, signed_region, service, signed, signature = form.groups()
    names = signed.split(";")
    secret = secrets.get(access_key)
    if secret is None:
        raise SignatureRefusedError("The security token included in the request is invalid.")
    if (signed_region, service) != (region, SERVICE) or not set(names) >= _NEEDED:
        raise SignatureRefusedError(f"Credential should be scoped to {region}/{SERVICE}.")
    stamp = request.header("x-amz-date")
    if not stamp.startswith(day) or abs(_seconds(stamp) - now) > VALID_S:
        raise SignatureRefusedError(f"Signature expired: {stamp}")
    scope = f"{day}/{region}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(_canonical(request, names).encode()).hexdigest()
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    if not hmac.compare_digest(_sign(secret, day, region, text), signature):
        raise SignatureRefusedError(
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details."
        )
    return access_key


def _canonical(request: Request, names: list[str]) -> str:
    headers = "".join(f"{name}:{_value(request, name)}\n" for name in names)
    return "\n".join(
        (
            request.method,
            quote(request.path, safe="/~-._"),
            "&".join(_query(request.query)),
            headers,
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _value(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.header_values(name))


def _query(query: str) -> Iterator[str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = ((quote(name, safe="~-._"), quote(value, safe="~-._")) for name, value in pairs)
    return (f"{name}={value}" for name, value in sorted(encoded))


def _sign(secret: str, day: str, region: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise SignatureRefusedError("X-Amz-Date is no date") from error
