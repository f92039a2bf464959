"""Both profiles asking for tokens, over one small model that is for one tenant only."""

import subprocess
import sys

import pytest

from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
from tests.infra.conftest import new_catalogue
from tests.local_region.access.certificates import Authority
from tests.local_region.conftest import ROOT, Running

ACCOUNTS = {"smb": "111122223333", "enterprise": "444455556666"}
"""Whose region it is where callers sign, by profile; tenants as well."""
GPU_DOMAIN = "gpu.bank.example"
CERTIFICATE = (
    "arn:aws:acm:me-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
)
TENANTS = """
default: {rate_per_s: 1000, burst: 1000}
tenants:
  slow: {rate_per_s: 0.2, burst: 3}
  hasty: {rate_per_s: 0.2, burst: 3}
  narrow: {rate_per_s: 100, burst: 100, concurrency: 2}
"""


EXPERIMENT = """
name: greeting
model: churn
metrics: [{name: clicked, kind: binary}]
unit: subject
subject: {where: header, name: x-user}
arms: [{name: a, share: 0.5}, {name: b, share: 0.5, model_version: 2}]
"""
"""So that feedback and experiments are routes here, too."""


@pytest.fixture(scope="session")
def issuer():
    """This machine's own."""
    return LocalIssuer.open(ROOT / ".build" / "issuer")


@pytest.fixture(scope="session")
def guarded_catalogue(tmp_path_factory):
    """`churn` is acme's alone, and has an experiment; `open-to-all` is everyone's.

    `vision` and `speech` are served by containers, and acme's: the API leads to the one directly,
    to the other, which smb alone has, through its breaker.
    """
    catalogue = new_catalogue(tmp_path_factory.mktemp("access"))
    catalogue.add("churn", access={"tenants": ["acme"]})
    (catalogue.sources.models / "churn" / "2").mkdir()
    catalogue.build("churn", 2)
    folder = catalogue.sources.models / "churn" / "experiments"
    folder.mkdir()
    (folder / "greeting.yaml").write_text(EXPERIMENT)
    catalogue.add("open-to-all")
    acmes = {"tenants": ["acme", "hasty", *ACCOUNTS.values()]}
    catalogue.add("vision", compute={"target": "gpu"}, access=acmes)
    catalogue.add("speech", compute={"target": "gpu", "fallback": "lambda"}, access=acmes)
    return catalogue


@pytest.fixture(scope="session")
def bank():
    """Whose clients may speak gRPC where they cannot sign."""
    return Authority("bank")


@pytest.fixture(scope="session")
def guarded(guarded_catalogue, issuer, bank, tmp_path_factory):
    """Open a region of a profile that asks for what is said; once for each."""
    del issuer
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tenants.yaml").write_text(TENANTS)
    (folder / "bank.pem").write_bytes(bank.pem)
    opened = {}

    def open_one(profile, access):
        key = (profile, access)
        if key not in opened:
            out = folder / "-".join(key)
            opened[key] = Running(
                _synthesized(guarded_catalogue, out, profile, access, folder / "tenants.yaml"),
                issuer_folder=ROOT / ".build" / "issuer",
                grpc_port=0,
                **({"account": ACCOUNTS[profile]} if access == "iam" else {}),
            )
        return opened[key]

    yield open_one
    for running in opened.values():
        running.close()


def _synthesized(catalogue, out, profile, access, tenants):
    context = {"profile": profile, "access": access, "tenants": str(tenants)}
    if profile == "enterprise":
        context["models"] = "churn,open-to-all,vision"
    if access == "jwt":
        keys = f".build/issuer/{KEYS_FILE}"
        context |= {"jwtIssuer": ISSUER, "jwtAudience": AUDIENCE, "jwtKeys": keys}
    if access == "iam":
        bundle = str(tenants.parent / "bank.pem")
        context |= {"models": "churn,vision,speech" if profile == "smb" else "churn,vision"}
        context |= {"gpuDomain": GPU_DOMAIN, "gpuCertificate": CERTIFICATE}
        context |= {"gpuTrustBundle": bundle}
    words = [word for key, value in context.items() for word in ("-c", f"falaj:{key}={value}")]
    sources = catalogue.sources
    places = ["--models", str(sources.models), "--build", str(sources.build), "--output", str(out)]
    done = subprocess.run(
        [sys.executable, "app.py", *words, *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return out
