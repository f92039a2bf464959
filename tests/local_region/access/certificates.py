"""Throw-away authorities, and the certificates they issue to clients."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from falaj.domain.clock import SystemClock

DAY = timedelta(days=1)
NOW = SystemClock().now()


class Authority:
    """Somebody who issues certificates to clients."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(name, self.key, NOW + DAY, ca=True)

    @property
    def pem(self):
        """Its certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issued(self, name="app", *, until=NOW + DAY):
        """Return a client's private key and certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(name, key, until, ca=False)
        return _private(key), certificate.public_bytes(Encoding.PEM)

    def its_own(self):
        """Return its own key and certificate, as a client might show them."""
        return _private(self.key), self.pem

    def client(self, path, *, until=NOW + DAY):
        """Write a client's certificate and key; return where."""
        path.write_bytes(b"".join(self.issued(until=until)))
        return path

    def _signed(self, name, key, until, *, ca):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if ca else self.certificate.subject
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def _private(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
