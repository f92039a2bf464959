"""Where it is measured: the repository's own stacks with two bounded tenants, in a local region."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from tritonclient.grpc import service_pb2

from falaj.domain.clock import SystemClock
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
from local_region.region import Region

ROOT: Final = Path(__file__).parents[2]
ISSUER_FOLDER: Final = ROOT / ".build" / "issuer"
MODEL: Final = "breast-cancer"
SURFACES: Final = {"function": "lambda", "container": "gpu", "grpc": "gpu"}
"""What answers, and by which target it is deployed."""
QUOTA: Final = {"acme": 2.0, "globex": 100.0}
ASKED: Final = {"acme": 10 * QUOTA["acme"], "globex": 30.0}
"""Requests a second. One loop stands here for all of AWS and is busy for some 7 ms with a request
that is counted in DynamoDB: what is asked together is a third of what it can do."""
TENANTS: Final = {
    "default": {"rate_per_s": 1, "burst": 1},
    "tenants": {name: {"rate_per_s": rate, "burst": int(rate)} for name, rate in QUOTA.items()},
}
ROW: Final = [0.5] * 30
BODY: Final = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 30], "data": ROW}]}
)


def folder_of(profile: str, target: str) -> Path:
    """Where the stacks of a profile with the model on a target lie."""
    return ROOT / ".build" / "tenants" / f"{profile}-{target}"


def prepare(profile: str, target: str) -> Path:
    """Synthesize; return the assembly's folder."""
    LocalIssuer.open(ISSUER_FOLDER)
    folder = folder_of(profile, target)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "tenants.yaml").write_text(yaml.safe_dump(TENANTS))
    context = {
        "profile": profile,
        "access": "jwt",
        "jwtIssuer": ISSUER,
        "jwtAudience": AUDIENCE,
        "jwtKeys": str((ISSUER_FOLDER / KEYS_FILE).relative_to(ROOT)),
        "tenants": str(folder / "tenants.yaml"),
        "models": MODEL,
    }
    words = [w for key, value in context.items() for w in ("-c", f"falaj:{key}={value}")]
    places = ["--models", str(_catalogue(folder, target))]
    subprocess.run(
        [sys.executable, "app.py", *words, *places, "--output", str(folder / "out")],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "out"


def _catalogue(folder: Path, target: str) -> Path:
    """Write a catalogue of the model alone, on a target of our choice."""
    models = folder / "models"
    shutil.copytree(ROOT / "models" / MODEL, models / MODEL)
    path = models / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text())
    spec["compute"] = {**spec["compute"], "target": target}
    path.write_text(yaml.safe_dump(spec))
    return models


def destination(region: Region, surface: str, tenant: str, network: int) -> dict[str, Any]:
    """Say whom a tenant's caller asks, and with what."""
    issuer = LocalIssuer.open(ISSUER_FOLDER)
    token = issuer.token(clock=SystemClock(), tenant=tenant, scopes=[f"model:{MODEL}:invoke"])
    if surface == "grpc":
        address = dict(region.ready().grpc)[f"{MODEL}.local"]
        return {"wire": "grpc", "address": address, "token": token, "message": _message().hex()}
    return {
        "wire": "rest",
        "url": region.api_url,
        "network": network,
        "model": MODEL,
        "token": token,
        "body": BODY,
    }


def _message() -> bytes:
    asked = service_pb2.ModelInferRequest(model_name=MODEL)
    given = asked.inputs.add(name="features", datatype="FP32", shape=[1, 30])
    given.contents.fp32_contents.extend(ROW)
    return bytes(asked.SerializeToString())
