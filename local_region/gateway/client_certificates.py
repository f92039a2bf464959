"""A verified client certificate as API Gateway tells functions of it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    (`requestContext.authentication.clientCert` in format 2.0, `requestContext.identity.clientCert`
    in format 1.0: PEM, names, a serial number of pairs of hex digits joined by colons, times as
    OpenSSL writes them). Names are written as in the event kept by github.com/aws/
    aws-lambda-rust-runtime (fixtures/example-apigw-v2-request-iam.json): `C=…,O=…,CN=…`, in the
    certificate's own order.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def client_certificate(der: bytes) -> dict[str, Any]:
    """Return `clientCert` with what is told of it; nothing where nobody has shown one."""
    return {"clientCert": dict(_told(der))} if der else {}


@lru_cache(maxsize=64)
def _told(der: bytes) -> dict[str, Any]:
    shown = x509.load_der_x509_certificate(der)
    number = shown.serial_number
    serial = number.to_bytes((number.bit_length() + 7) // 8)
    return {
        "clientCertPem": shown.public_bytes(Encoding.PEM).decode(),
        "subjectDN": _name(shown.subject),
        "issuerDN": _name(shown.issuer),
        "serialNumber": serial.hex(":"),
        "validity": {
            "notBefore": _time(shown.not_valid_before_utc),
            "notAfter": _time(shown.not_valid_after_utc),
        },
    }


def _name(name: x509.Name) -> str:
    return ",".join(f"{part.rfc4514_attribute_name}={part.value!s}" for part in name)


def _time(at: datetime) -> str:
    return f"{at:%b} {at.day:2d} {at:%H:%M:%S %Y} GMT"
