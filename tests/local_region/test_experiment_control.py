"""Promise: an experiment is started over HTTP, decided by command, and reported by a live region.

Templates, gateway, functions, recorder and analyst are those that would be deployed.
"""

import json
import shutil
import subprocess
import sys
import time

import pytest

from cli.main import run
from falaj.contract import EXPERIMENTS_PURPOSE, bucket_name_parameter
from tests.local_region.conftest import ROOT

pytestmark = pytest.mark.slow

MODEL = "breast-cancer"
NAME = "second-opinion"
SPEC = ROOT / "examples" / "experiments" / f"{NAME}.yaml"
ROW = {"name": "features", "datatype": "FP32", "shape": [1, 30], "data": [1.0] * 30}
CLINICIANS = 60
MATURE_S = 3


@pytest.fixture(scope="module")
def declared():
    """The worked example of the documentation, with a window that closes at once."""
    import yaml

    return yaml.safe_load(SPEC.read_text()) | {"outcome_window": "1s", "minimum_events": 5}


@pytest.fixture(scope="module")
def running(declared, open_region, tmp_path_factory):
    """A region whose model carries the example."""
    root = tmp_path_factory.mktemp("control")
    folder = root / "models" / MODEL
    shutil.copytree(ROOT / "models" / MODEL, folder)
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / f"{NAME}.yaml").write_text(json.dumps(declared))
    done = subprocess.run(
        [
            *(sys.executable, "app.py", "--output", str(root / "cdk.out")),
            *("--models", str(root / "models")),
            *("-c", "falaj:profile=smb", "-c", "falaj:access=open"),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return open_region(root / "cdk.out")


@pytest.fixture
def falaj(running, monkeypatch, capsys):
    """Run one command line of `falaj experiment` against the region."""
    monkeypatch.setenv("FALAJ_AWS_PORT", running.region.aws_url.rpartition(":")[2])

    def falaj(*words):
        capsys.readouterr()
        status = run(["experiment", *words, "--json"])
        return int(status), json.loads(capsys.readouterr().out)

    return falaj


def asked(running, path, body=None):
    """Ask the API; return status and document."""
    data = None if body is None else json.dumps(body).encode()
    status, _, answer = running.request(path, body=data)
    return status, json.loads(answer)


def answered(running, number):
    """Ask the model as a clinician until an arm answers; return the arm and the inference id."""
    body, who = json.dumps({"inputs": [ROW]}).encode(), {"x-clinician": f"clinician-{number}"}
    for _ in range(80):
        status, headers, answer = running.request(
            f"/v2/models/{MODEL}/infer", body=body, headers=who
        )
        assert status == 200, answer
        found = {name.lower(): value for name, value in headers.items()}
        if arm := found.get("x-falaj-variant"):
            return arm, found["x-request-id"]
        time.sleep(0.5)  # environments read what runs every 30 seconds
    raise AssertionError("no arm has answered")


def test_an_experiment_is_run_from_start_to_decision(running, declared, falaj):
    """Start and report over HTTP, decide by command: each sees what the others did."""
    started = asked(running, f"/experiments/{MODEL}", {"spec": declared, "reason": "asked for"})
    arms = {}
    for number in range(CLINICIANS):
        arm, inference = answered(running, number)
        arms.setdefault(arm, []).append(inference)
        if arm == "second" or number % 3 == 0:
            told = {"inference_id": inference, "metric": "agreed", "value": True}
            assert asked(running, f"/v2/models/{MODEL}/feedback", told)[0] == 202
    report = _report(running)
    page = running.request(f"/experiments/{MODEL}/{NAME}/report?form=html")
    promoted, decision = falaj("decide", f"{MODEL}/{NAME}", "promote", "-m", "they agree")
    _, shown = falaj("status", f"{MODEL}/{NAME}")

    assert (started[0], started[1]["status"]["phase"]) == (200, "running")
    assert set(arms) == {"control", "second"}
    assert report["units"] == CLINICIANS
    assert report["balance"]["counts"] == {arm: len(ids) for arm, ids in arms.items()}
    assert page[2].startswith(b"<!doctype html>")
    assert (promoted, decision["status"]["phase"]) == (0, "promoted")
    assert [entry["event"] for entry in shown["status"]["log"]] == ["start", "promote"]
    assert {f"decisions/{MODEL}/{NAME}/{n}.sig" for n in (1, 2)} <= _keys(running)


def _report(running):
    """Have the analyst look until every unit has matured and reached the log."""
    for _ in range(40):
        time.sleep(MATURE_S / 2)
        status, report = asked(running, f"/experiments/{MODEL}/{NAME}/report?fresh=true")
        assert status == 200, report
        if report["units"] == CLINICIANS:
            break
    return report


def _keys(running):
    found = running.region.backends.client("ssm").get_parameter(
        Name=bucket_name_parameter(EXPERIMENTS_PURPOSE)
    )
    listed = running.region.backends.client("s3").list_objects_v2(
        Bucket=found["Parameter"]["Value"], Prefix="decisions/"
    )
    return {entry["Key"] for entry in listed.get("Contents", ())}


def test_what_cannot_be_is_a_conflict_for_both(running, declared, falaj):
    """The name was used: 409 over HTTP, exit 3 by command."""
    again = asked(running, f"/experiments/{MODEL}", {"spec": declared, "reason": "again"})
    stopped, said = falaj("stop", f"{MODEL}/{NAME}", "-m", "too late")

    assert (again[0], again[1]["code"]) == (409, "experiment_refused")
    assert (stopped, said["code"]) == (3, "refused")
