"""One real model's stacks with a short plan, synthesized once with each of its versions."""

import asyncio
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
PLAN = {
    "plan": "canary",
    "steps": [0.2],
    "bake": "3m",
    "max_extensions": 3,
    "on_inconclusive": "extend",
    "guard": {
        "false_rollback": 0.01,
        "objectives": ["error", "invalid_output", "slow_p99"],
    },
}
ACCOUNT = "900000000000"
"""One for all: names and with them the routing of requests depend on it."""


def synthesized(folder, version):
    """Write the stacks of the model with a version to serve by default."""
    models = folder / "models"
    shutil.copytree(ROOT / "models" / MODEL, models / MODEL)
    path = models / MODEL / "model.yaml"
    declared = yaml.safe_load(path.read_text()) | {"version": version, "release": PLAN}
    path.write_text(yaml.safe_dump(declared))
    subprocess.run(
        [
            *(sys.executable, "app.py", "--models", str(models), "--output", str(folder / "out")),
            *("-c", f"falaj:models={MODEL}", "-c", "falaj:access=open"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "out"


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory):
    """The stacks with version 1, and with version 2."""
    folder = tmp_path_factory.mktemp("assemblies")
    with ThreadPoolExecutor() as workers:
        return tuple(workers.map(lambda n: synthesized(folder / str(n), n), (1, 2)))


@pytest.fixture(scope="session")
def play(assemblies):
    """Rehearse the release of version 2 over version 1."""
    from local_region.rehearsal.faults import Fault
    from local_region.rehearsal.rehearsal import rehearse
    from local_region.rehearsal.scenario import Scenario

    def played(*faults, shared=(), **scenario):
        asked = [
            *(Fault.parse(text) for text in faults),
            *(Fault.parse(text, is_shared=True) for text in shared),
        ]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(
                rehearse(
                    *assemblies,
                    Scenario(
                        model=MODEL,
                        faults=tuple(asked),
                        **({"traffic_rps": 1.0, "seed": 7} | scenario),
                    ),
                    account=ACCOUNT,
                    build_folder=ROOT / ".build" / "host",
                    lead_in=timedelta(minutes=2),
                )
            )

    return played
