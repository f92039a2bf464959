"""Promise: subjects, exposures, feedback and analysis hold together, on real models, end to end.

One catalogue with three versions of a model behind a sticky experiment, synthesized and run as it
would be deployed: API, function processes, log subscription, recorder, table and bucket.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from analysis.joining import Joining
from catalogue.experiments import load_experiments
from catalogue.signing import LocalSigner, sign
from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.contract import EXPERIMENTS_PURPOSE, bucket_name_parameter
from falaj.domain.manifest import Manifest
from falaj.experiments import assign
from falaj.experiments.live import LiveExperiment, LiveExperiments
from local_region.control_loop import Observation
from local_region.events.bus import Mishaps
from tests.local_region.conftest import ROOT

MODEL = "breast-cancer"
DECLARED = {
    "name": "triage",
    "model": MODEL,
    "unit": "subject",
    "subject": {"where": "header", "name": "X-Patient"},
    "arms": [
        {"name": "today", "share": 0.4},
        {"name": "retrained", "share": 0.3, "model_version": 2},
        {"name": "reviewed", "share": 0.3, "model_version": 3},
    ],
    "metrics": [{"name": "confirmed", "kind": "binary"}],
    "outcome_window": "1h",
}
VERSIONS = {"today": "1", "retrained": "2", "reviewed": "3"}
ROW = {"name": "features", "datatype": "FP32", "shape": [1, 30], "data": [1.0] * 30}
SUBJECTS = [f"patient-{number}" for number in range(40)]


class HandClock:
    """Moves when told."""

    def __init__(self):
        self.at = datetime.now(UTC)

    def now(self):
        """The time."""
        return self.at


def _third_version(build):
    """Build version 3: the bytes of version 2 under a manifest of their own."""
    folder = build / "models" / MODEL / "3"
    shutil.copytree(build / "models" / MODEL / "2", folder)
    shutil.rmtree(folder / "signatures", ignore_errors=True)
    manifest = Manifest.from_dict(json.loads((folder / "manifest.json").read_bytes()))
    text = json.dumps(replace(manifest, version=3).to_dict())
    (folder / "manifest.json").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A catalogue folder with the experiment declared in it."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "models" / MODEL, folder / MODEL)
    (folder / MODEL / "3").mkdir()
    declared = folder / MODEL / "experiments"
    declared.mkdir()
    (declared / "triage.yaml").write_text(yaml.safe_dump(DECLARED), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def spec(models):
    """The experiment, as it was declared."""
    (found,) = load_experiments(models, MODEL)
    return found


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def cdk_out(request, models, tmp_path_factory):
    """The catalogue, synthesized for this machine with an HTTP API and with a REST API."""
    root = tmp_path_factory.mktemp(request.param)
    build = root / "build"
    shutil.copytree(ROOT / ".build" / "models" / MODEL, build / "models" / MODEL)
    for shared in ("layers", "host"):
        (ROOT / ".build" / shared).mkdir(parents=True, exist_ok=True)
        (build / shared).symlink_to(ROOT / ".build" / shared)
    _third_version(build)
    for version in (build / "models" / MODEL).iterdir():
        sign(version, LocalSigner(build))
    done = subprocess.run(
        [
            *(sys.executable, "app.py", "--output", str(root / "cdk.out")),
            *("--models", str(models), "--build", str(build)),
            *("-c", f"falaj:profile={request.param}", "-c", "falaj:access=open"),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return root / "cdk.out"


class World:
    """A running region with the experiment live on it."""

    def __init__(self, running, clock, spec):
        self.running, self.clock, self.spec = running, clock, spec
        self.live = LiveExperiment.of(spec)
        self.parameter = LiveExperimentsParameter(self.client("ssm"))
        self.say(LiveExperiments(sticky=(self.live,)))

    def client(self, service):
        """Return a boto3 client."""
        return self.running.region.backends.client(service)

    def say(self, live):
        """Do what the control side does: say what runs."""
        self.running.call(self.parameter.write, MODEL, live)

    def infer(self, subject=None, path=f"/v2/models/{MODEL}/infer", **headers):
        """Ask the model for somebody; return headers and body."""
        named = {"x-patient": subject} if subject else {}
        status, answered, body = self.running.request(
            path, body=json.dumps({"inputs": [ROW]}).encode(), headers={**named, **headers}
        )
        assert status == 200, body
        return {name.lower(): value for name, value in answered.items()}, json.loads(body)

    def feed_back(self, outcomes):
        """Say what came of inferences."""
        status, _, body = self.running.request(
            f"/v2/models/{MODEL}/feedback", body=json.dumps(outcomes).encode()
        )
        return status, json.loads(body)

    def settle(self):
        """Let everything under way arrive: lines, deliveries, retries."""
        for _ in range(3):
            self.running.run(self.running.region.tick())
            self.running.run(self.running.region.functions.drain())

    @property
    def log(self):
        """Where exposures and outcomes are read from."""
        found = self.client("ssm").get_parameter(Name=bucket_name_parameter(EXPERIMENTS_PURPOSE))
        return ExperimentLog(self.client("s3"), found["Parameter"]["Value"])

    def exposures(self):
        """Read what was recorded of the experiment."""
        since = self.clock.now() - timedelta(days=1)
        return list(self.log.exposures(MODEL, self.spec.name, since))

    def restart(self):
        """End every environment of the model's function."""
        functions = self.running.region.functions
        (name,) = (v.settings.name for v in functions.list_functions() if "Pred" in v.settings.name)
        for view in functions.list_versions(name):
            self.running.call(functions.end_idle, name, view.version)


@pytest.fixture(scope="module")
def world(cdk_out, open_region, spec):
    """A region in which every delivery comes twice."""
    clock = HandClock()
    twice = Observation(mishaps=Mishaps(duplicate_share=1.0))
    running = open_region(cdk_out, clock=clock, ticks=False, observation=twice)
    return World(running, clock, spec)


@pytest.fixture(scope="module")
def answered(world):
    """Forty subjects twice, a few without a name, one who asks for a version."""
    found = []
    for _ in range(2):
        for subject in SUBJECTS:
            headers, body = world.infer(subject)
            found.append((subject, headers, body))
    for _ in range(5):
        world.infer()
    world.infer("patient-0", f"/v2/models/{MODEL}/versions/1/infer")
    world.settle()
    return found


def test_every_subject_is_answered_by_its_arm_both_times(world, answered):
    """Version, header and the published hash agree; all three arms answer."""
    allocation = world.live.allocation

    for subject, headers, body in answered:
        arm = assign(allocation, subject).arm
        assert (headers["x-falaj-variant"], headers["x-falaj-experiment"]) == (arm, "triage")
        assert body["model_version"] == VERSIONS[arm]
    assert {headers["x-falaj-variant"] for _, headers, _ in answered} == set(VERSIONS)


def test_every_exposure_is_recorded_once_and_names_nobody(world, answered):
    """Delivered twice, kept once; nobody without a subject, nobody who named a version."""
    exposures = world.exposures()

    recorded = {each.inference_id: each.arm for each in exposures}
    told = {headers["x-request-id"]: headers["x-falaj-variant"] for _, headers, _ in answered}
    assert recorded == told
    assert len(exposures) == len(answered)
    assert len({each.unit for each in exposures}) == len(SUBJECTS)
    assert not any("patient" in json.dumps(each.to_dict()) for each in exposures)


def test_who_cannot_be_assigned_is_counted(world, answered):
    """The metric says how many requests named nobody."""
    assert answered
    dimensions = {"Model": MODEL, "Reason": "subject_missing"}
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": "Falaj",
                "MetricName": "Unassigned",
                "Dimensions": [{"Name": key, "Value": dimensions[key]} for key in dimensions],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
    (found,) = world.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query],
        StartTime=world.clock.now() - timedelta(hours=1),
        EndTime=world.clock.now() + timedelta(hours=1),
    )["MetricDataResults"]

    # Each delivery came twice, and a count, unlike an exposure, has no name to be known by.
    assert sum(found["Values"]) == 10


def test_feedback_is_joined_to_the_arms_that_answered(world, answered, spec):
    """Told twice, out of order, some of it about inferences nobody made: counted by unit, once."""
    told = [
        {"inference_id": headers["x-request-id"], "metric": "confirmed", "value": True}
        for _, headers, _ in answered[:60]
    ]
    assert world.feed_back(told[30:])[0] == 202
    assert world.feed_back(told[:45])[1] == {"accepted": 30, "duplicates": 15, "conflicts": 0}
    unknown = {"inference_id": "nobody", "metric": "confirmed", "value": True}
    assert world.feed_back(unknown)[0] == 202

    since = world.clock.now() - timedelta(hours=1)
    with Joining(spec) as joining:
        joining.add_exposures(each.to_dict() for each in world.exposures())
        joining.add_outcomes(each.to_dict() for each in world.log.outcomes(MODEL, since))
        tally = joining.finish((world.clock.now() + timedelta(hours=2)).timestamp())
        confirmed = Counter(
            (int(arm), float(row[0]))
            for batch in joining.units()
            for arm, row in zip(batch.arms, batch.rows["confirmed"], strict=True)
        )
        aside = joining.set_aside()
    assert (tally.units, tally.crossed, tally.exposures) == (len(SUBJECTS), 0, len(answered))
    assert (tally.outcomes, tally.unknown_outcomes) == (60, 1)
    assert aside == [("nobody", "unknown")]
    arms = Counter(list(VERSIONS).index(h["x-falaj-variant"]) for _, h, _ in answered[:40])
    assert {arm: count for (arm, value), count in confirmed.items() if value} == dict(arms)


def test_bad_feedback_is_refused_through_the_gateway(world):
    """The caller is told what to do, in the one error body."""
    status, body = world.feed_back({"inference_id": "r", "metric": "confirmed"})

    assert (status, body["code"]) == (400, "malformed_request")


def test_a_restart_changes_nobodys_arm_or_name(world, answered):
    """New environments: the same arm, and the same pseudonym in the log."""
    before = {each.unit: each.arm for each in world.exposures()}
    world.restart()

    again = {subject: world.infer(subject)[0] for subject in SUBJECTS[:10]}
    world.settle()

    for subject, headers, _ in answered[:10]:
        assert again[subject]["x-falaj-variant"] == headers["x-falaj-variant"]
    after = {each.unit: each.arm for each in world.exposures()}
    assert after == before


def test_what_is_taken_out_of_the_parameter_exposes_nobody(world, answered):
    """The control side says that nothing runs: the release's own version answers everyone."""
    count = len(world.exposures())
    in_arm = next(s for s, headers, _ in answered if headers["x-falaj-variant"] == "reviewed")
    world.say(LiveExperiments())
    world.restart()  # or 30 s later: tests/falaj/entrypoints/test_lambda_experiments.py

    headers, body = world.infer(in_arm)
    world.settle()

    assert body["model_version"] == "1"
    assert "x-falaj-experiment" not in headers
    assert len(world.exposures()) == count
