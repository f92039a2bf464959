"""The API's own name, and the certificates that callers must show there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falaj.contract import REGION

_CERTIFICATE: Final = rf"arn:aws:acm:{REGION}:\d{{12}}:certificate/[0-9a-f-]{{36}}"
_DOMAIN: Final = r"(?=.{1,200}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
_PEM: Final = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiName:
    """A regional custom domain, with mutual TLS where there is a trust store.

    Attributes:
        domain: The name; empty for API Gateway's own.
        certificate: ARN of its certificate in Certificate Manager.
        trust_store: PEM file with the certificate authorities whose clients are let in; empty asks
            callers for no certificate.
    """

    domain: str = ""
    certificate: str = ""
    trust_store: str = ""

    def faults(self, *, is_rest: bool) -> Iterator[str]:
        """Yield every reason why the API cannot be called so."""
        if (self.domain or self.trust_store) and not is_rest:
            yield "apiDomain is for profile=enterprise; name an HTTP API in your own DNS and stack"
        if bool(self.domain) != bool(self.certificate):
            yield "apiDomain and apiCertificate belong together; write both or neither"
        if self.trust_store and not self.domain:
            yield "apiTrustStore needs apiDomain: API Gateway's own name asks for no certificate"
        if self.domain and not re.fullmatch(_DOMAIN, self.domain):
            yield f"apiDomain {self.domain!r}: write a domain name, models.example.ae"
        if self.certificate and not re.fullmatch(_CERTIFICATE, self.certificate):
            yield (
                f"apiCertificate {self.certificate!r}: write the ARN of a certificate in "
                f"Certificate Manager of {REGION}"
            )


def trust_store_faults(path: Path, *, setting: str = "apiTrustStore") -> list[str]:
    """Return what is wrong with a trust store.

    Args:
        path: The file.
        setting: Which names it.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        return [f"{setting} {path}: cannot be read as PEM ({error})"]
    if "PRIVATE KEY" in text:
        return [f"{setting} {path}: holds a private key; keep certificates only"]
    return [] if _PEM in text else [f"{setting} {path}: holds no certificate"]
