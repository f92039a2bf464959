"""One real model's stacks with a short plan, synthesized once with each of its versions."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
import yaml

ROOT = Path(__file__).parents[3]
MODEL = "breast-cancer"
GUARD = {"false_rollback": 0.01, "objectives": ["error", "invalid_output", "slow_p99"]}
COMMON = {"on_inconclusive": "extend", "guard": GUARD}
PLAN = COMMON | {"plan": "canary", "steps": [0.2], "bake": "3m", "max_extensions": 3}
PLANS = {
    "canary": PLAN,
    "all_at_once": COMMON | {"plan": "all_at_once", "bake": "2m"},
    "split": COMMON | {"plan": "split", "steps": [0.3], "bake": "2m", "max_duration": "14d"},
}
SYNTHESIS = """
import json, os, sys
from pathlib import Path
from infra.main import main
for arguments in json.loads(sys.argv[1]):
    if main(Path.cwd(), arguments, os.environ):
        sys.exit(1)
"""
ACCOUNT = "900000000000"
"""One for all: names and with them the routing of requests depend on it."""


OPEN = ("-c", "falaj:access=open")


def declare(folder, version, release, *, memory_mib=None, access=OPEN):
    """Write the model with a version to serve by default; return the application's arguments."""
    models = folder / "models"
    shutil.copytree(ROOT / "models" / MODEL, models / MODEL)
    path = models / MODEL / "model.yaml"
    declared = yaml.safe_load(path.read_text()) | {"version": version, "release": release}
    if memory_mib is not None:
        declared["compute"]["memory_mib"] = memory_mib
    path.write_text(yaml.safe_dump(declared))
    return [
        *("--models", str(models), "--output", str(folder / "out")),
        *("-c", f"falaj:models={MODEL}", *access),
    ]


def synthesize(several):
    """Write several syntheses by one process: importing the CDK takes longer than using it."""
    subprocess.run(
        [sys.executable, "-c", SYNTHESIS, json.dumps(several)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/layers/runtime/python"},
        check=True,
        capture_output=True,
    )


def synthesized(folder, version, *, release, memory_mib):
    """Write the stacks of the model with a version to serve by default."""
    synthesize([declare(folder, version, release, memory_mib=memory_mib)])
    return folder / "out"


@pytest.fixture(scope="session")
def releases(made_once):
    """The stacks with version 1, and with version 2 by each plan."""
    wanted = {"stable": (1, "canary"), **{plan: (2, plan) for plan in PLANS}}

    def make(folder):
        arguments = [
            declare(folder / name, version, PLANS[plan]) for name, (version, plan) in wanted.items()
        ]
        with ThreadPoolExecutor() as workers:
            list(workers.map(synthesize, (arguments[::2], arguments[1::2])))

    folder = made_once("releases", make)
    return {name: folder / name / "out" for name in wanted}


@pytest.fixture(scope="session")
def counted(tmp_path_factory):
    """The stacks with version 1 and 2, where tokens are asked for and tenants have priorities."""
    from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
    from local_region.rehearsal.callers import tenants_document

    folder = tmp_path_factory.mktemp("counted")
    LocalIssuer.open(folder / "issuer")
    (folder / "tenants.yaml").write_text(yaml.safe_dump(tenants_document()))
    asked = {
        "access": "jwt",
        "jwtIssuer": ISSUER,
        "jwtAudience": AUDIENCE,
        "jwtKeys": str(folder / "issuer" / KEYS_FILE),
        "tenants": str(folder / "tenants.yaml"),
    }
    access = [word for key, value in asked.items() for word in ("-c", f"falaj:{key}={value}")]
    synthesize(
        [
            declare(folder / str(version), version, PLANS["all_at_once"], access=access)
            for version in (1, 2)
        ]
    )
    return folder


@pytest.fixture(scope="session")
def assemblies(releases):
    """The stacks with version 1, and with version 2."""
    return releases["stable"], releases["canary"]


@pytest.fixture(scope="session")
def play(request):
    """Rehearse the release of version 2 over version 1."""
    from local_region.rehearsal.faults import Fault
    from local_region.rehearsal.rehearsal import rehearse
    from local_region.rehearsal.scenario import Scenario

    def played(*faults, shared=(), plan="canary", folder=None, **scenario):
        if folder is None:
            releases = request.getfixturevalue("releases")
            stacks = (releases["stable"], releases[plan])
        else:
            stacks = (folder / "1/out", folder / "2/out")
        asked = [
            *(Fault.parse(text) for text in faults),
            *(Fault.parse(text, is_shared=True) for text in shared),
        ]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(
                rehearse(
                    *stacks,
                    Scenario(
                        model=MODEL,
                        faults=tuple(asked),
                        **({"traffic_rps": 0.5, "seed": 7} | scenario),
                    ),
                    account=ACCOUNT,
                    build_folder=ROOT / ".build" / "host",
                    issuer_folder=(folder or ROOT / ".build") / "issuer",
                    lead_in=timedelta(minutes=2),
                )
            )

    return played
