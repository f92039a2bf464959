"""A certificate authority for this machine: throw-away, for the names of custom domains.

On AWS a domain's certificate is in Certificate Manager; here one is made when the domain is.
Clients trust `authority.pem`, which lies beside the local issuer's key. Whom a domain lets in is
another matter: that is its own trust store.
"""

import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from falaj.domain.clock import Clock
from local_region.listener import HOST

CERTIFICATE_FILE: Final = "authority.pem"
_BOTH: Final = "authority-with-key.pem"
_NAME: Final = "Falaj, this machine's own"
_LIFETIME: Final = timedelta(days=825)
_EARLIER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAuthority:
    """Issues certificates that this machine's clients can check.

    Attributes:
        certificate: Its own.
        key: Its private key.
        path: Where clients find the certificate.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    path: Path

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> Self:
        """Read this machine's authority, or make it; make it anew when its time is over.

        Args:
            folder: Where the local issuer keeps its key, too.
            clock: Dates it.
        """
        both = folder / _BOTH
        if not both.is_file() or _is_over(both, clock):
            _make(folder, clock)
        text = both.read_bytes()
        key = load_pem_private_key(text, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{both} holds no elliptic key; remove it, and it is made again")
        certificate = x509.load_pem_x509_certificate(text)
        path = folder / CERTIFICATE_FILE
        _write(path, certificate.public_bytes(Encoding.PEM), 0o644)
        return cls(certificate=certificate, key=key, path=path)

    def server_context(self, domain: str, trust_store: str, clock: Clock) -> ssl.SSLContext:
        """Return what speaks TLS under a domain's name.

        Args:
            domain: The name; this machine's own names are in the certificate as well.
            trust_store: PEM certificates of those whose clients are let in; empty asks for none.
            clock: Dates the certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if trust_store:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=trust_store)
        with tempfile.TemporaryDirectory(prefix="falaj-tls-") as folder:
            chain = Path(folder) / "server.pem"
            _write(chain, b"".join(self.server(domain, clock)), 0o600)
            context.load_cert_chain(chain)
        return context

    def server(self, domain: str, clock: Clock) -> tuple[bytes, bytes]:
        """Return a new private key and its certificate under a domain's name, both as PEM.

        Args:
            domain: The name; this machine's own names are in the certificate as well.
            clock: Dates the certificate.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName(domain),
            x509.DNSName("localhost"),
            x509.IPAddress(ip_address(HOST)),
        ]
        certificate = (
            _builder(domain, self.certificate.subject, key, clock)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return _pem(key), certificate.public_bytes(Encoding.PEM)


def _make(folder: Path, clock: Clock) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(_NAME, subject, key, clock)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / _BOTH, _pem(key) + certificate.public_bytes(Encoding.PEM), 0o600)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, clock: Clock
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _is_over(path: Path, clock: Clock) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.not_valid_after_utc <= clock.now() + timedelta(days=1)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole, so that another process never reads half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(partial, flags, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
