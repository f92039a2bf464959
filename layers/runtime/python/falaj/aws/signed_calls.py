"""Calls of AWS by the standard library alone, for a process that must not pay for boto3.

boto3 costs a cold start some 300 ms and 25 MiB. A function that answers requests needs it for
nothing; what it asks of AWS besides, two calls now and then, is signed here.

Source:
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (Signature
    Version 4); tests/falaj/aws/test_signed_calls.py holds it equal to what botocore signs.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from falaj.domain.clock import Clock
from falaj.errors import DependencyError

TIMEOUT_S: Final = 1.0
"""Nobody who waits for an answer waits longer for what is only a copy, or a count."""
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNSIGNED: Final = frozenset({"x-amzn-trace-id"})
"""What AWS itself may rewrite on the way; botocore leaves it out too (auth.py)."""
_ATTEMPTS: Final = 2  # the second for a kept connection that the other side has closed meanwhile
_LARGEST_ANSWER: Final = 1024 * 1024


class Credentials(NamedTuple):
    """Who calls; Lambda gives every environment its role's."""

    access_key: str
    secret_key: str
    token: str = ""


class Answer(NamedTuple):
    """What a service said."""

    status: int
    body: bytes


class SignedCalls:
    """One AWS service, called over one kept connection.

    Args:
        service: Its signing name, such as `lambda`.
        region: The region.
        endpoint: Its address; AWS's own by default.
        credentials: Who calls.
        clock: Dates signatures.
        timeout_s: For connecting, and for each answer.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str,
        credentials: Credentials,
        clock: Clock,
        endpoint: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._service, self._region = service, region
        self._credentials, self._clock, self._timeout_s = credentials, clock, timeout_s
        url = urlsplit(endpoint or f"https://{service}.{region}.amazonaws.com")
        self._host = url.netloc
        self._kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._connection: HTTPConnection | None = None

    def post(
        self,
        path: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one call.

        Args:
            path: Unescaped, without `.` and `..` between slashes; it is escaped here.
            body: The payload.
            headers: Names in lower case; they are signed.
            query: Parameters.

        Raises:
            DependencyError: The service did not answer in time.
        """
        escaped = quote(path, safe="/-_.~")
        asked = urlencode(sorted((query or {}).items()), quote_via=quote, safe="-_.~")
        signed = signature_headers(
            self._credentials,
            service=self._service,
            region=self._region,
            at=self._clock.now(),
            path=escaped,
            query=asked,
            headers={"host": self._host, **(headers or {})},
            body=body,
        )
        target = f"{escaped}?{asked}" if asked else escaped
        for attempt in range(_ATTEMPTS):
            is_kept, connection = self._connection is not None, self._connected()
            try:
                connection.request("POST", target, body, signed)
                response = connection.getresponse()
                return Answer(status=response.status, body=response.read(_LARGEST_ANSWER))
            except (OSError, HTTPException) as error:
                self.close()
                if attempt + 1 == _ATTEMPTS or not is_kept:
                    reason = str(error) or type(error).__name__
                    raise DependencyError(
                        service=self._service, doing="answer", reason=reason
                    ) from error
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            self._connection = self._kind(self._host, timeout=self._timeout_s)
        return self._connection


def signature_headers(
    credentials: Credentials,
    *,
    service: str,
    region: str,
    at: datetime,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, str]:
    """Return the headers of a call with their signature, which covers all but the trace's.

    Args:
        credentials: Who calls.
        service: Signing name.
        region: The region.
        at: When, in UTC.
        path: Escaped once, as it is sent.
        query: Sorted and escaped.
        headers: Names in lower case, `host` among them.
        body: The payload.
    """
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    scope = f"{at:%Y%m%d}/{region}/{service}/aws4_request"
    token = {"x-amz-security-token": credentials.token} if credentials.token else {}
    sent = {**headers, "x-amz-date": stamp, **token}
    covered = sorted(sent.keys() - _UNSIGNED)
    names = ";".join(covered)
    # Every service but S3 signs the path escaped once more than it is sent.
    canonical = "\n".join(
        (
            "POST",
            quote(path, safe="/-_.~"),
            query,
            *(f"{name}:{' '.join(sent[name].split())}" for name in covered),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"{credentials.access_key}/{scope}"
    return {
        **sent,
        "authorization": f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, "
        f"Signature={key.hex()}",
    }
