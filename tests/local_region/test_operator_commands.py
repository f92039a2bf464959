"""Promise: `falaj rollout` steers the real controller of a running region, and its records hold."""

import json
import time

import pytest
from moto import mock_aws

from cli.main import run


@pytest.fixture
def falaj(region, monkeypatch, capsys):
    """Run one command line of `falaj rollout` against the region; return exit and document."""
    monkeypatch.setenv("FALAJ_AWS_PORT", region.region.aws_url.rpartition(":")[2])

    def falaj(*words):
        capsys.readouterr()
        status = run(["rollout", *words, "--json"])
        return int(status), json.loads(capsys.readouterr().out)

    return falaj


MODELS = {"breast-cancer", "file-type", "tashkeel"}
LOOKS = 600
"""Many more than it takes: a crowded machine starts the controller late."""


@pytest.fixture
def adopted(falaj, region):
    """Wait until the controller has been woken by each model's first desired release."""
    for _ in range(LOOKS):
        _, document = falaj("status", "--all")
        promoted = {
            rollout["model"]
            for rollout in document.get("rollouts", ())
            if rollout["phase"] == "promoted"
        }
        if promoted >= MODELS:
            return document
        time.sleep(0.5)
    pytest.fail(f"not every model was woken in {LOOKS} looks: {document}\n{region.told()}")


def test_running_region_tells_of_its_rollouts(falaj, adopted):
    """Every model of the catalogue has one, and each can be asked for by itself."""
    for rollout in adopted["rollouts"]:
        status, document = falaj("status", rollout["model"])

        assert status == 0
        assert document["phase"] == rollout["phase"]


@pytest.mark.usefixtures("adopted")
def test_operator_steers_and_the_auditor_replays(falaj, tmp_path):
    """A refused command is decided, recorded, signed by KMS, fetched and made again offline."""
    refused, answer = falaj("resume", "file-type", "--reason", "nothing is paused")
    _, saved = falaj("history", "file-type", "--save", str(tmp_path))
    generation = answer["decision"]["generation"]

    status, checked = falaj(
        *("replay", str(tmp_path / f"{generation}.json")),
        *("--signature", str(tmp_path / f"{generation}.sig")),
        *("--public-key", str(tmp_path / "public-key.pem")),
    )

    assert refused == 3
    assert saved["decisions"][-1]["reason"].startswith("resume refused: nothing to resume")
    assert (status, checked["same"], checked["generation"]) == (0, True, generation)
    assert checked["signed_by"]


@pytest.mark.usefixtures("adopted")
def test_watching_shows_the_alarms_of_the_template(falaj):
    """The six alarms of the release, as the model's stack made them, and the controller's own."""
    _, document = falaj("watch", "file-type", "--once")

    kinds = {alarm["kind"] for alarm in document["measured"]["alarms"]}
    assert {"evidence", "errors", "near-timeout", "throttles", "total-failure"} <= kinds


@pytest.mark.usefixtures("adopted")
def test_region_outlives_other_uses_of_moto_in_its_process(falaj):
    """A test with `mock_aws` comes between two that share the region; it forgets nothing."""
    with mock_aws():
        pass

    _, document = falaj("status", "--all")

    assert {rollout["model"] for rollout in document["rollouts"]} == MODELS
