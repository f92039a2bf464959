"""Promise: what cannot be rehearsed is refused at once, and a verdict is an exit status."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from rich.console import Console

from catalogue.reading import load_model
from cli.exits import Exit
from cli.rehearse import copy_catalogue, exit_of, next_version
from cli.rehearse_telling import LINES, Watching
from cli.settings import Settings
from local_region.rehearsal.recording import Recording
from local_region.rehearsal.scenario import Ending
from tests.local_region.conftest import ROOT

SETTINGS = Settings(root=ROOT)
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = load_model(ROOT / "models" / "breast-cancer" / "model.yaml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "choose from"),
        (["breast-cancer", "--fault", "erors=0.5"], "not known"),
        (["breast-cancer", "--fault", "errors=1.5"], "share of requests"),
        (["breast-cancer", "--fault", "cold-storm=2"], "without a value"),
        (["breast-cancer", "--fault", "nan=0.1", "--fault", "nan=0.2"], "once"),
        (["breast-cancer", "--fault", "az=3"], "write az=1 to az=2"),
        (["breast-cancer", "--fault", "az=1", "--load", "0"], "above 0"),
        (["breast-cancer", "--traffic", "-1"], "at least 0"),
        (["breast-cancer", "--at", "soon"], "not a duration"),
    ],
)
def test_senseless_rehearsal_is_misuse(falaj, arguments, said):
    """The command line is at fault, and the sentence says how it is written."""
    answered = falaj("rehearse", *arguments, "--json")

    assert answered.exit == Exit.MISUSE
    assert said in json.loads(answered.out)["error"]


def test_empty_catalogue_says_how_to_fill_it(falaj, tmp_path, monkeypatch):
    """There is nothing to choose from: the mend is another."""
    for name in ("app.py", "cdk.json"):
        (tmp_path / name).touch()
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)

    answered = falaj("rehearse", "nobody", "--json")

    assert "falaj models add" in json.dumps(answered.document)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_rehearsal_tells_how_far_it_is(is_terminal):
    """A picture on a terminal; elsewhere ten lines, however often it is looked at."""
    recording, out = Recording(), io.StringIO()
    recording.release(START, "version 2 is wanted")
    console = Console(file=out, force_terminal=is_terminal, width=200)

    with Watching(console) as watching:
        watching.say("opening the region")
        for done in range(101):
            watching.look(recording, START + timedelta(minutes=done), done / 100)

    lines = out.getvalue().splitlines()
    assert "opening the region" in lines[0]
    assert is_terminal or len(lines) == 1 + LINES


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Ending.PROMOTED, 0),
        (Ending.ROLLED_BACK, 3),
        (Ending.ABORTED, 3),
        (Ending.INCONCLUSIVE, 4),
    ],
)
def test_verdict_is_an_exit_status(verdict, status):
    """A pipeline needs no JSON to know."""
    assert exit_of(verdict) == status


def test_next_version_is_released_or_the_same_anew():
    """Version 2 follows 1; after the last there is none."""
    assert (next_version(SETTINGS, SPEC, 1), next_version(SETTINGS, SPEC, 2)) == (2, 2)


def test_copied_catalogue_differs_by_its_version(tmp_path):
    """Nothing else of the model is touched, and nothing of the repository."""
    copy_catalogue(ROOT / "models", tmp_path, SPEC, 2, again=False)

    copied = yaml.safe_load((tmp_path / "breast-cancer" / "model.yaml").read_text())
    original = yaml.safe_load((ROOT / "models" / "breast-cancer" / "model.yaml").read_text())
    assert copied == original | {"version": 2}


def test_release_of_the_same_version_is_a_release(tmp_path):
    """One MiB more makes the same bytes a version of their own."""
    copy_catalogue(ROOT / "models", tmp_path, SPEC, 1, again=True)

    copied = load_model(tmp_path / "breast-cancer" / "model.yaml")
    assert copied.compute.memory_mib == SPEC.compute.memory_mib + 1
