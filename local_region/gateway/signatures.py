"""Signature Version 4, checked as AWS checks it, in a header or in the query.

Sources, read 2026-11-22:
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (canonical
    request, string to sign, signing key; paths are normalised) and
    …/reference_sigv-signing-elements.html; a request is good for five minutes either way, one that
    is signed in its query too: stackoverflow.com/questions/66961500 ("Signature expired: … is now
    earlier than … - 5 min.", whatever X-Amz-Expires says). Sentences:
    repost.aws/knowledge-center/api-gateway-iam-sigv4-mismatch.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

from local_region.gateway.messages import Request
from local_region.gateway.signers import FindSigner, Signer

SERVICE: Final = "execute-api"
ALGORITHM: Final = "AWS4-HMAC-SHA256"
VALID: Final = timedelta(minutes=5)
UNKNOWN: Final = "The security token included in the request is invalid."
MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
_SCOPE: Final = re.compile(r"([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request")
_NAMES: Final = re.compile(r"[a-z0-9_-]+(;[a-z0-9_-]+)*")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_IN_QUERY: Final = "X-Amz-Signature"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_UNRESERVED: Final = "~-._"


class SignatureRefusedError(Exception):
    """The request is not signed as it must be.

    Attributes:
        is_missing: Whether it is not signed at all.
    """

    def __init__(self, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(reason)
        self.is_missing = is_missing


class _Stated(NamedTuple):
    """What a request says of its signature."""

    credential: str
    names: str
    signature: str
    stamp: str
    token: str
    needed: frozenset[str]


def signer_of(request: Request, find: FindSigner, region: str, now: float) -> Signer:
    """Return who has signed a request.

    Args:
        request: As sent.
        find: Finds whose an access key is.
        region: For which it must be signed.
        now: Seconds since 1970.

    Raises:
        SignatureRefusedError: Nobody known has.
    """
    stated = _stated(request)
    scope = _SCOPE.fullmatch(stated.credential)
    if scope is None or not _NAMES.fullmatch(stated.names):
        raise SignatureRefusedError("Credential or SignedHeaders are not well formed.")
    access_key, day, signed_region, service = scope.groups()
    signer = find(access_key)
    if signer is None or not hmac.compare_digest(
        signer.session_token.encode(), stated.token.encode()
    ):
        raise SignatureRefusedError(UNKNOWN)
    if signed_region != region:
        raise SignatureRefusedError(
            f"Credential should be scoped to a valid region, not '{signed_region}'."
        )
    if service != SERVICE:
        raise SignatureRefusedError(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if not stated.needed <= set(stated.names.split(";")):
        raise SignatureRefusedError(f"SignedHeaders lacks {', '.join(sorted(stated.needed))}.")
    _refuse_stale(stated.stamp, day, datetime.fromtimestamp(now, UTC))
    digest = hashlib.sha256(_canonical(request, stated.names).encode()).hexdigest()
    text = f"{ALGORITHM}\n{stated.stamp}\n{day}/{region}/{SERVICE}/aws4_request\n{digest}"
    if not hmac.compare_digest(_sign(signer.secret, day, region, text), stated.signature):
        raise SignatureRefusedError(MISMATCH)
    return signer


def _stated(request: Request) -> _Stated:
    """Read what a header says, or else the query.

    Raises:
        SignatureRefusedError: Neither says anything, or not all of it.
    """
    headers = list(request.header_values("authorization"))
    if not headers:
        return _stated_in_query(request)
    if len(headers) > 1:
        raise SignatureRefusedError("There are several Authorization headers.")
    algorithm, _, rest = headers[0].strip().partition(" ")
    if algorithm != ALGORITHM:
        if not headers[0].strip():
            raise SignatureRefusedError("Missing Authentication Token", is_missing=True)
        raise SignatureRefusedError(f"Authorization header is of another kind than {ALGORITHM}.")
    said = dict(_parts(rest))
    return _Stated(
        credential=_wanted(said, "Credential"),
        names=_wanted(said, "SignedHeaders"),
        signature=_well_formed(_wanted(said, "Signature")),
        stamp=request.header("x-amz-date"),
        token=request.header("x-amz-security-token"),
        needed=frozenset({"host", "x-amz-date"}),
    )


def _stated_in_query(request: Request) -> _Stated:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    said = dict(pairs)
    if _IN_QUERY not in said:
        raise SignatureRefusedError("Missing Authentication Token", is_missing=True)
    if said.get("X-Amz-Algorithm") != ALGORITHM or len(said) != len(pairs):
        raise SignatureRefusedError(f"Only {ALGORITHM} is known, and each parameter once.")
    return _Stated(
        credential=said.get("X-Amz-Credential", ""),
        names=said.get("X-Amz-SignedHeaders", ""),
        signature=_well_formed(said[_IN_QUERY]),
        stamp=said.get("X-Amz-Date", ""),
        token=said.get("X-Amz-Security-Token", ""),
        needed=frozenset({"host"}),
    )


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise SignatureRefusedError(
                f"'{name}' not a valid key=value pair (missing equal-sign) in Authorization header."
            )
        yield name, value


def _wanted(said: dict[str, str], name: str) -> str:
    if not said.get(name):
        raise SignatureRefusedError(f"Authorization header requires '{name}' parameter.")
    return said[name]


def _well_formed(signature: str) -> str:
    if not _SIGNATURE.fullmatch(signature):
        raise SignatureRefusedError(MISMATCH)
    return signature


def _refuse_stale(stamp: str, day: str, now: datetime) -> None:
    try:
        at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureRefusedError("X-Amz-Date is missing, or no date") from error
    if not stamp.startswith(day):
        raise SignatureRefusedError(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{day}' != '{stamp[:8]}', from '{stamp}'."
        )
    if at < now - VALID:
        raise SignatureRefusedError(
            f"Signature expired: {stamp} is now earlier than {now - VALID:{_STAMP}} "
            f"({now:{_STAMP}} - 5 min.)"
        )
    if at > now + VALID:
        raise SignatureRefusedError(
            f"Signature not yet current: {stamp} is still later than {now + VALID:{_STAMP}} "
            f"({now:{_STAMP}} + 5 min.)"
        )


def _canonical(request: Request, names: str) -> str:
    headers = "".join(f"{name}:{_value(request, name)}\n" for name in names.split(";"))
    return "\n".join(
        (
            request.method,
            quote(_normalised(request.path), safe=f"/{_UNRESERVED}"),
            "&".join(_query(request.query)),
            headers,
            names,
            # Of the bytes that came, whatever X-Amz-Content-Sha256 says of them.
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _normalised(path: str) -> str:
    """Leave out what is empty or `.`, and each `..` with what it takes back.

    Example:
        >>> _normalised("/a//b/./c/../d/")
        '/a/b/d/'
    """
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part not in {"", "."}:
            kept.append(part)
    is_folder = parts[-1] in {"", ".", ".."} and kept
    return f"/{'/'.join(kept)}{'/' if is_folder else ''}"


def _value(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.header_values(name))


def _query(query: str) -> Iterator[str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = (
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in pairs
        if name != _IN_QUERY
    )
    return (f"{name}={value}" for name, value in sorted(encoded))


def _sign(secret: str, day: str, region: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
