"""Promise: a domain with a trust store answers nobody without a certificate of it, as on AWS.

The real templates of the `enterprise` profile, with a throw-away authority for clients.
"""

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from cryptography import x509

from falaj.domain.clock import SystemClock
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE
from tests.local_region.access.certificates import DAY, NOW, Authority
from tests.local_region.conftest import ROOT, Running

DOMAIN = "models.bank.example"
CERTIFICATE = (
    "arn:aws:acm:me-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
)


@pytest.fixture(scope="module")
def bank():
    """Whom the trust store names."""
    return Authority("bank")


@pytest.fixture(scope="module")
def region(bank, guarded_catalogue, issuer, tmp_path_factory):
    """A REST API with a domain of its own, which asks for tokens and for certificates."""
    del issuer
    folder = tmp_path_factory.mktemp("tls")
    (folder / "trust.pem").write_bytes(bank.pem)
    context = {
        "profile": "enterprise",
        "access": "jwt",
        "jwtIssuer": ISSUER,
        "jwtAudience": AUDIENCE,
        "jwtKeys": f".build/issuer/{KEYS_FILE}",
        "apiDomain": DOMAIN,
        "apiCertificate": CERTIFICATE,
        "apiTrustStore": str(folder / "trust.pem"),
    }
    words = [word for key, value in context.items() for word in ("-c", f"falaj:{key}={value}")]
    sources = guarded_catalogue.sources
    places = ["--models", str(sources.models), "--build", str(sources.build)]
    done = subprocess.run(
        [sys.executable, "app.py", *words, *places, "--output", str(folder / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    running = Running(folder / "out", issuer_folder=ROOT / ".build" / "issuer")
    yield running
    running.close()


@pytest.fixture
def ask(region, issuer):
    """Ask the domain with a client's certificate, or without; return the status."""

    def asked(certificate=None, *, token=True):
        context = ssl.create_default_context(cafile=region.region.authority)
        if certificate is not None:
            context.load_cert_chain(certificate)
        headers = {}
        if token:
            minted = issuer.token(clock=SystemClock(), tenant="acme", scopes=["platform:read"])
            headers["authorization"] = f"Bearer {minted}"
        url = f"{region.region.domain_urls[DOMAIN]}/v2"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310
                return answer.status
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code

    return asked


def test_a_certificate_of_the_trust_store_and_a_token_are_answered(ask, bank, tmp_path):
    """Both are asked for: the certificate by the domain, the token by the API."""
    assert ask(bank.client(tmp_path / "app.pem")) == 200


def test_a_certificate_alone_opens_nothing(ask, bank, tmp_path):
    """Mutual TLS is beside authorization, not in its place."""
    assert ask(bank.client(tmp_path / "app.pem"), token=False) == 401


@pytest.mark.parametrize("who", ["none", "stranger", "namesake", "expired", "its own"])
def test_no_connection_without_a_certificate_of_the_trust_store(who, ask, bank, tmp_path):
    """Whoever shows none, or another's, or one that has run out, is not answered at all."""
    path = tmp_path / "app.pem"
    shown = {
        "none": lambda: None,
        "stranger": lambda: Authority("stranger").client(path),
        "namesake": lambda: Authority("bank").client(path),
        "expired": lambda: bank.client(path, until=NOW - DAY),
        "its own": lambda: _self_signed(path),
    }[who]()

    # Under TLS 1.3 a client learns of it only when it reads.
    with pytest.raises((ssl.SSLError, ConnectionError, urllib.error.URLError)):
        ask(shown)


def _self_signed(path):
    path.write_bytes(b"".join(Authority("app").its_own()))
    return path


def test_there_is_no_way_around_the_domain(region, issuer):
    """The API's own name is disabled, whatever host a request names."""
    token = issuer.token(clock=SystemClock(), tenant="acme", scopes=["platform:read"])
    for host in (None, DOMAIN, "127.0.0.1"):
        headers = {"authorization": f"Bearer {token}"} | ({"host": host} if host else {})
        status, _, body = region.request("/v2", headers=headers)

        assert (status, json.loads(body)) == (403, {"message": "Forbidden"})


def test_the_ready_line_says_where_the_domain_answers(region):
    """With the certificate by which clients check it."""
    ready = region.region.ready()

    assert dict(ready.domains).keys() == {DOMAIN}
    assert ready.domains[0][1].startswith("https://127.0.0.1:")
    assert ready.authority.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")


def test_the_server_is_who_it_says(region):
    """Its certificate names the domain, and is this machine's authority's."""
    port = int(region.region.domain_urls[DOMAIN].rpartition(":")[2])
    text = ssl.get_server_certificate(("127.0.0.1", port), ca_certs=region.region.authority)
    names = x509.load_pem_x509_certificate(text.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )

    assert DOMAIN in names.value.get_values_for_type(x509.DNSName)
