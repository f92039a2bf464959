"""Notices posted to a webhook, signed so that the receiver knows who wrote them and when."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from falaj.contract import HEADER_SIGNATURE
from falaj.errors import DependencyError

_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.2
_TIMEOUT_S: Final = 2.0
_TOO_MANY: Final = 429
_OURS_TO_MEND: Final = range(400, 500)

Post = Callable[[str, bytes, Mapping[str, str]], None]


def signature(key: bytes, body: bytes, *, at: int) -> str:
    """Write the header `x-falaj-signature`.

    A receiver computes HMAC-SHA256 over `<t>.<body>` with the shared key, compares in constant
    time, and refuses a `t` that is more than some minutes old: a copy is then of no use.

    Args:
        key: The shared key.
        body: What is posted.
        at: Unix seconds.

    Example:
        >>> signature(b"key", b"{}", at=1700000000)[:25]
        't=1700000000,v1=9d713ed40'

    Source:
        RFC 2104 (HMAC); the header's form is that of Stripe's webhooks,
        docs.stripe.com/webhooks#verify-manually.
    """
    digest = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhook:
    """Posts JSON, signed, a few times if need be.

    Args:
        url: Where to; empty for nowhere.
        key: Returns the signing key when it is first needed.
        sleep: Waits between attempts.
        post: Sends one request; raises `OSError` when it did not arrive.
    """

    def __init__(
        self,
        url: str,
        *,
        key: Callable[[], bytes],
        sleep: Callable[[float], None],
        post: Post | None = None,
    ) -> None:
        self._url, self._key, self._sleep = url, key, sleep
        self._post = post or _post
        self._kept: bytes | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is somebody to tell."""
        return bool(self._url)

    def send(self, document: Mapping[str, Any], *, now: datetime) -> None:
        """Post a document.

        Raises:
            DependencyError: It was not taken, however often it was tried.
        """
        self._kept = self._kept or self._key()
        body = json.dumps(document, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            HEADER_SIGNATURE: signature(self._kept, body, at=int(now.timestamp())),
        }
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_PAUSE_S * 2**attempt)
            try:
                self._post(self._url, body, headers)
            except (OSError, HTTPException) as error:
                if attempt + 1 < _ATTEMPTS and not _is_final(error):
                    continue
                raise DependencyError(
                    service="webhook", doing="take a notice", reason=str(error)
                ) from error
            return


def _is_final(error: Exception) -> bool:
    """Whether the receiver refuses: the same again would be refused again."""
    return isinstance(error, HTTPError) and error.code in _OURS_TO_MEND and error.code != _TOO_MANY


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - https, by configuration
    try:
        with urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - as above
            return
    except HTTPError as refusal:
        refusal.close()  # it is the answer, and holds its connection
        raise
