"""Promise: `falaj up` rolls releases out live; nobody loses an answer, and anybody can watch."""

import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path

import boto3
import pytest
import yaml

from cli.main import run
from cli.region.target import Target
from falaj.contract import desired_release_parameter
from tests.cli.aws_shell import lead
from tests.local_region.conftest import ROOT

MODEL = "breast-cancer"
SPEED = 8
"""A minute of bakes and alarms in seven seconds: two busy cores keep up with it."""
PROGRAM = f"""
import sys
from pathlib import Path
from local_region.progress import Ready, UpdateRefused
from local_region.up import serve

def tell(event):
    if isinstance(event, Ready):
        print(event.api_url, event.aws_url, flush=True)
    if isinstance(event, UpdateRefused):
        print(event.faults, file=sys.stderr, flush=True)

serve(Path(sys.argv[1]), api_port=0, aws_port=0, seed=7, speed={SPEED}, on_event=tell)
"""
PLAN = {
    "plan": "canary",
    "steps": [0.5],
    "bake": "2m",
    "max_extensions": 60,
    "guard": {"false_rollback": 0.01, "objectives": ["error", "invalid_output"]},
}
WORKERS = 2
PAUSE_S = 0.04
"""Between two requests of a worker: two cores also run the controller."""
LONGEST_S = 150
PATIENCE_S = 28
"""Of the function: a machine that is busy with something else is no reason to lose an answer."""
pytestmark = pytest.mark.slow


def serving(seen):
    """Name the version that answers what no candidate does."""
    return seen["candidate"] if seen["phase"] == "promoted" else seen["stable"]


class Catalogue:
    """A copy of one model's folder, and the stacks made of it."""

    def __init__(self, folder):
        self.models, self.out = folder / "models", folder / "cdk.out"
        shutil.copytree(ROOT / "models" / MODEL, self.models / MODEL)
        self._declared = yaml.safe_load((self.models / MODEL / "model.yaml").read_text())

    def synthesize(self, version, memory_mib, **release):
        """Write the stacks with a version to serve, as `falaj synth` does."""
        compute = self._declared["compute"] | {"memory_mib": memory_mib, "timeout_s": PATIENCE_S}
        declared = self._declared | {
            "version": version,
            "compute": compute,
            "release": PLAN | release,
        }
        (self.models / MODEL / "model.yaml").write_text(yaml.safe_dump(declared))
        command = [sys.executable, "app.py", "--models", self.models, "--output", self.out]
        options = ["-c", f"falaj:models={MODEL}", "-c", "falaj:access=open"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)


class Traffic:
    """Golden requests, one after another in a few threads; every answer is kept."""

    def __init__(self, url):
        manifest = max((ROOT / ".build" / "models" / MODEL).glob("*/manifest.json"))
        golden = json.loads(manifest.read_text())["golden"]
        self._url = f"{url}/v2/models/{MODEL}/infer"
        self._bodies = [json.dumps(case["request"]).encode() for case in golden]
        self._stopped = threading.Event()
        self.answers, self.lost, self.said = [], [], defaultdict(set)
        self._threads = [
            threading.Thread(target=self._ask, args=(seed,), daemon=True) for seed in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, seed):
        for number in itertools.count(seed):
            if self._stopped.is_set():
                return
            time.sleep(PAUSE_S)
            body = self._bodies[number % len(self._bodies)]
            asked = urllib.request.Request(  # noqa: S310 - our own address
                self._url, body, {"content-type": "application/json"}
            )
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                    document = json.loads(answer.read())
                    release = answer.headers["x-falaj-release"]
                    self.answers.append((release, document["model_version"]))
                    asked_for = number % len(self._bodies), document["model_version"]
                    self.said[asked_for].add(json.dumps(document["outputs"]))
            except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
                self.lost.append(repr(error))

    def begin(self):
        """Forget what was answered so far, never what was lost."""
        self.answers.clear()

    def until(self, count):
        """Wait until so many more have been answered."""
        deadline = time.monotonic() + LONGEST_S
        while len(self.answers) < count:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def releases(self):
        """Return who has answered."""
        return {release for release, _ in tuple(self.answers)}

    def stop(self):
        """Ask no more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(70)


class Live:
    """A region in a process of its own, as `falaj up` runs it, and its operator."""

    def __init__(self, folder):
        self._catalogue, self._memory_mib = Catalogue(folder), itertools.count(512)
        self.release(1)
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self._catalogue.out],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'runtime' / 'python'}",
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url, self.aws_url = self._process.stdout.readline().split()
        self._folder = folder
        self.target = Target.LOCAL
        self.until(lambda seen: seen["phase"] == "promoted")
        self.traffic = Traffic(self.url)

    def release(self, version=1, **plan):
        """Synthesize another release into the folder that the region follows."""
        self._catalogue.synthesize(version, next(self._memory_mib), **plan)

    def released(self, version=1, **plan):
        """Synthesize another release, and wait until the region rolls it out."""
        before = self.status()
        self.release(version, **plan)
        return self.until(
            lambda seen: (
                seen["candidate"] != before["candidate"]
                and seen["phase"] not in {"verifying", "shifting"}
            )
        )

    def falaj(self, *words):
        """Run one command of `falaj rollout`; return its exit and its document."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            if self.target is Target.AWS:
                lead(patch, self.aws_url, self._folder)
                words = (*words, "--target", "aws")
            else:
                patch.setenv("FALAJ_AWS_PORT", self.aws_url.rpartition(":")[2])
            status = run(["rollout", *words, "--json"])
        return int(status), json.loads(said.getvalue())

    def replay(self, path, key):
        """Check a record, which asks nobody."""
        said, signature = io.StringIO(), str(path.with_suffix(".sig"))
        given = ["--signature", signature, "--public-key", str(key), "--json"]
        with contextlib.redirect_stdout(said):
            status = run(["rollout", "replay", str(path), *given])
        return int(status), json.loads(said.getvalue())["same"]

    def steer(self, verb, *words):
        """Give a command; return its exit and the phase that follows."""
        status, told = self.falaj(verb, MODEL, "--reason", "the test says so", *words)
        return status, told["status"]["phase"]

    def status(self):
        """Look with `falaj rollout status`, again if the controller was too busy to answer."""
        return self.until(lambda _: True)

    def until(self, is_so):
        """Look until it shows what is waited for."""
        deadline = time.monotonic() + LONGEST_S
        while True:
            status, seen = self.falaj("status", MODEL)
            if status == 0 and is_so(seen):
                return seen
            assert time.monotonic() < deadline, seen
            time.sleep(0.5)

    def decided(self, candidate_since):
        """List what was decided after a generation, oldest first."""
        decisions = self.falaj("history", MODEL)[1]["decisions"]
        return [one["event"] for one in decisions if one["generation"] > candidate_since]

    def ssm(self):
        """Return Parameter Store's client."""
        return boto3.client(
            "ssm",
            endpoint_url=self.aws_url,
            region_name="me-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def close(self):
        """Ctrl-C."""
        self.traffic.stop()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """One region for all; every test brings its own release."""
    region = Live(tmp_path_factory.mktemp("live"))
    yield region
    region.close()


@pytest.fixture
def live(opened):
    """The region at rest, under traffic; no test may cost an answer, or change one."""
    if opened.status()["phase"] not in {"promoted", "rolled_back", "idle"}:
        opened.steer("abort")
    opened.traffic.begin()
    yield opened
    opened.target = Target.LOCAL
    assert opened.traffic.lost == []
    assert {len(outputs) for outputs in tuple(opened.traffic.said.values())} == {1}


def test_new_version_is_rolled_out_under_traffic(live):
    """Synthesize version 2: it is picked up, verified, given half, then all, and can be watched."""
    since = live.status()["status"]["generation"]

    half = live.released(2)
    watched, ended = live.falaj("watch", MODEL, "--wait", "--every", "2")

    assert (half["share"], half["phase"] in {"baking", "extended"}) == (0.5, True)
    assert (watched, ended["phase"], ended["share"]) == (0, "promoted", 1.0)
    steps = [event for event in live.decided(since) if event != "extended"]
    assert steps == ["released", "verified", "shifted", "finished"]
    assert {half["stable"], half["candidate"]} == live.traffic.releases()
    served = {one["version"]: one["requests"] for one in ended["measured"]["traffic"]}
    assert served[half["candidate"]] > 100


@pytest.mark.parametrize("target", Target)
def test_operator_pauses_resumes_promotes_undoes_and_replays(live, tmp_path, target):
    """Every verb reaches the controller, by the region's port and as AWS; every record holds."""
    seen = live.released(bake="30m")
    live.target = target

    refused = live.steer("promote")
    steps = [
        live.steer("approve"),
        live.steer("pause"),
        live.steer("resume"),
        live.steer("promote", "--skip-guard", "--yes"),
        live.steer("undo"),
    ]
    _, saved = live.falaj("history", MODEL, "--save", str(tmp_path))
    looked = [live.falaj("watch", MODEL, "--once")[0], live.falaj("status", "--all")[0]]

    assert refused[0] == 3
    assert [status for status, _ in steps] == [0] * 5
    assert [phase for _, phase in steps][1::2] == ["paused", "promoted"]
    assert looked == [0, 0]
    assert steps[-1][1] == "rolled_back"
    assert serving(live.status()) == seen["stable"]
    records = [Path(path) for path in saved["saved"] if path.endswith(".json")]
    mine = [path for path in records if int(path.stem) > seen["status"]["generation"]]
    checked = {live.replay(path, tmp_path / "public-key.pem") for path in mine}
    assert (len(mine) >= 4, checked) == (True, {(0, True)})


def test_newer_release_mid_canary_supersedes_and_abort_takes_traffic_back(live):
    """A hotfix does not wait for the canary that it mends; and one line takes it off again."""
    first = live.released(bake="30m")
    since = first["status"]["generation"]

    second = live.released(bake="30m")
    steered = live.steer("abort")
    live.traffic.begin()
    live.traffic.until(50)

    assert (second["stable"], second["share"]) == (first["stable"], 0.5)
    assert int(second["candidate"]) == int(first["candidate"]) + 1
    assert live.decided(since) == ["released", "verified", "shifted", "aborted"]
    assert (steered, live.traffic.releases()) == ((0, "rolled_back"), {first["stable"]})


def test_stack_rolled_back_mid_canary_withdraws(live):
    """CloudFormation writes the value from before: the candidate is taken back."""
    ssm, name = live.ssm(), desired_release_parameter(MODEL)
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    stable = serving(live.status())
    wanted = json.dumps(json.loads(before) | {"release": stable})
    seen = live.released(bake="30m")

    ssm.put_parameter(Name=name, Value=wanted, Overwrite=True)
    live.until(lambda seen: serving(seen) == stable and seen["share"] != 0.5)

    assert seen["stable"] == stable
    assert "withdrawn" in live.decided(seen["status"]["generation"])


def test_shadow_is_shown_copies_and_answers_nobody(live):
    """Every answer is stable's while the shadow proves itself on copies; then the plan ends it."""
    shadow = {"plan": "shadow", "shadow_share": 0.5, "on_win": "promote"}
    live.released(**shadow)
    live.steer("promote", "--skip-guard", "--yes")  # from now on stable knows how to copy

    seen = live.released(**shadow)
    live.traffic.begin()
    live.traffic.until(100)
    answered, during = live.traffic.releases(), live.status()
    watched, ended = live.falaj("watch", MODEL, "--wait", "--every", "2")

    assert (seen["share"], during["status"]["phase"] in {"baking", "extended"}) == (0.0, True)
    assert answered == {seen["stable"]}
    assert (watched, ended["phase"]) == (0, "promoted")
    assert "candidate requests" in ended["status"]["log"][-1]["reason"]
