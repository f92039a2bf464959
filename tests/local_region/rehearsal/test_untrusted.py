"""Promise: a release whose artefacts are not what was published never gets a request."""

import asyncio
import shutil
from datetime import timedelta

import pytest
import uvloop

from tests.local_region.rehearsal.conftest import ACCOUNT, MODEL, ROOT

pytestmark = pytest.mark.slow


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _replay(models):
    """Version 1, validly signed, under the name of version 2."""
    shutil.copytree(models / MODEL / "1", models / MODEL / "2", dirs_exist_ok=True)


TAMPERING = {
    "manifest": (lambda m: _flip(m / MODEL / "2/manifest.json"), "did not sign these bytes"),
    "version": (_replay, "lies in another folder"),
}
"""Two of those in tests/functions/predict/test_handler.py: a whole rollout takes some seconds."""


@pytest.fixture(params=TAMPERING)
def tampered(request, assemblies, tmp_path):
    """Version 2's release with something changed after it was published, and the reason."""
    tamper, reason = TAMPERING[request.param]
    stable, candidate = assemblies
    folder = tmp_path / "cdk.out"
    shutil.copytree(candidate, folder)
    (models,) = folder.glob(f"asset.*/models/{MODEL}/..")
    _stable_version_in(stable, models)
    tamper(models)
    return folder, reason


def _stable_version_in(stable, models):
    """Put version 1 beside version 2, as an attacker who has both would."""
    (source,) = stable.glob(f"asset.*/models/{MODEL}/1")
    if not (models / MODEL / "1").exists():
        shutil.copytree(source, models / MODEL / "1")


def test_it_is_rolled_back_unseen(assemblies, tampered):
    """The alias stays, stable serves everything, and the verdict says why."""
    from local_region.rehearsal.rehearsal import rehearse
    from local_region.rehearsal.scenario import Ending, Scenario

    folder, reason = tampered
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(
            rehearse(
                assemblies[0],
                folder,
                Scenario(model=MODEL, faults=(), traffic_rps=1.0, seed=7),
                account=ACCOUNT,
                build_folder=ROOT / ".build" / "host",
                lead_in=timedelta(minutes=2),
            )
        )

    assert (result.verdict, result.cause) == (Ending.ROLLED_BACK, "verification")
    assert reason in result.reason
    assert result.final_alias == {"version": "1", "weights": {}}
    assert (result.candidate_requests, result.stable_bad, result.unanswered) == (0, 0, 0)
