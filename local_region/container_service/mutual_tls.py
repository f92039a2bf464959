"""What a load balancer that verifies client certificates asks of clients, and tells its targets.

Sources, read 2026-11-22:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html (mode
    `verify`: no connection without a certificate of the trust store; serial number, issuer,
    subject, validity and leaf go to the target as headers `X-Amzn-Mtls-Clientcert-…`);
    exampleloadbalancer.com/mtls_demo.html (names as in RFC 2253, times as in ISO 8601, the leaf as
    PEM, percent-encoded with `+=/` left as they are).
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

HEADERS: Final = "x-amzn-mtls-clientcert"
"""How the names of all of them begin; a client that sends one is not believed."""

Pairs = tuple[tuple[str, str], ...]


def with_certificate(headers: Iterable[tuple[str, str]], der: bytes) -> Pairs:
    """Return headers with what a verified certificate says, in place of what a client says.

    Args:
        headers: As sent, names in lower case.
        der: The certificate that the client has shown; empty for none.
    """
    kept = tuple(pair for pair in headers if not pair[0].startswith(HEADERS))
    return (*kept, *_told(der)) if der else kept


@lru_cache(maxsize=64)
def _told(der: bytes) -> Pairs:
    shown = x509.load_der_x509_certificate(der)
    since, until = _time(shown.not_valid_before_utc), _time(shown.not_valid_after_utc)
    told = {
        "serial-number": f"{shown.serial_number:X}",
        "issuer": shown.issuer.rfc4514_string(),
        "subject": shown.subject.rfc4514_string(),
        "validity": f"NotBefore={since};NotAfter={until}",
        "leaf": quote(shown.public_bytes(Encoding.PEM), safe="+=/"),
    }
    return tuple((f"{HEADERS}-{name}", text) for name, text in told.items())


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
