"""Operators' commands reach the controller as they were meant, once, and with a reason."""

import getpass
import os
import pty
import subprocess
import sys

import pytest

from falaj.domain.plan import Plan
from falaj.domain.rollout import Phase
from tests.cli.rollout.conftest import FUNCTION, Controller


def commands(region):
    """What the controller was told to do."""
    return [event["command"] for event in region.controller.events if "command" in event]


def test_pause_holds_the_share(falaj, region):
    """The alias stays at 5 % until somebody decides."""
    said = falaj("rollout", "pause", "m", "--reason", "a strange graph")

    assert said.exit == 0
    assert region.controller.world.load().phase is Phase.PAUSED
    assert region.controller.world.alias.state.weights == {"2": 0.05}
    assert "m is paused now" in said.out


@pytest.mark.usefixtures("region")
def test_resume_goes_on(falaj):
    """From where it was paused."""
    falaj("rollout", "pause", "m", "--reason", "a strange graph")

    said = falaj("rollout", "resume", "m", "--reason", "it was the graph", "--json")

    assert said.document["answered"] == "obeyed"
    assert said.document["status"]["phase"] == "baking"


def test_abort_takes_all_traffic_back(falaj, region):
    """One line, and stable serves alone."""
    assert falaj("rollout", "abort", "m", "--reason", "wrong model").exit == 0
    assert region.controller.world.alias.state.weights == {}


def test_undo_goes_back_after_a_promotion(falaj, region):
    """An hour later, while the way back is warm."""
    falaj("rollout", "promote", "m", "--skip-guard", "--yes", "--reason", "hotfix")

    assert falaj("rollout", "undo", "m", "--reason", "complaints").exit == 0
    assert region.controller.world.alias.state.version == "1"


@pytest.mark.usefixtures("region")
def test_refused_command_exits_with_three(falaj):
    """The guard does not call it safe, and says why."""
    said = falaj("rollout", "promote", "m", "--reason", "hurry", "--json")

    assert said.exit == 3
    assert said.document["answered"] == "refused"
    assert "not known to be safe" in said.document["decision"]["reason"]


def test_hatch_promotes_without_evidence(falaj, region):
    """A hotfix is not locked out; who and why are recorded."""
    said = falaj("rollout", "promote", "m", "--skip-guard", "--yes", "--reason", "INC-7")

    entry = region.controller.world.load().log[-1]
    assert said.exit == 0
    assert (entry.reason, entry.actor.partition("@")[0]) == ("INC-7", getpass.getuser())
    assert region.controller.world.load().is_waived


def test_hatch_asks_first(falaj, region):
    """Nobody at the keyboard: nothing is sent."""
    said = falaj("rollout", "promote", "m", "--skip-guard", "--reason", "INC-7")

    assert (said.exit, commands(region)) == (2, [])
    assert "no terminal to ask at; add --yes" in said.err


@pytest.mark.parametrize(("answer", "sent"), [("y", 1), ("", 0)])
def test_hatch_takes_the_answer_of_whoever_is_asked(region, answer, sent):
    """At a terminal nothing but a yes sends it."""
    ours, theirs = pty.openpty()
    words = ["rollout", "promote", "m", "--skip-guard", "--reason", "INC-7"]
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    with subprocess.Popen([*program, *words], stdin=theirs) as command:
        os.write(ours, f"{answer}\n".encode())
        status = command.wait()
    os.close(ours)
    os.close(theirs)

    assert (status, len(commands(region))) == (0 if sent else 1, sent)


def test_hatch_cannot_ask_a_program(falaj, region):
    """With --json somebody must have said yes."""
    said = falaj("rollout", "promote", "m", "--skip-guard", "--reason", "INC-7", "--json")

    assert (said.exit, commands(region)) == (2, [])


@pytest.mark.parametrize("verb", ["pause", "resume", "promote", "abort", "undo", "approve"])
def test_reason_is_needed(falaj, region, verb):
    """The record of a decision without a reason helps nobody."""
    assert falaj("rollout", verb, "m").exit == 2
    assert falaj("rollout", verb, "m", "--reason", "  ").exit == 2
    assert commands(region) == []


@pytest.mark.parametrize("verb", ["pause", "resume", "promote", "abort", "undo", "approve"])
def test_dry_run_prints_the_call(falaj, region, verb):
    """What would be invoked, with what, and none of it is."""
    call = falaj("rollout", verb, "m", "--reason", "why", "--dry-run", "--json").document[
        "would_call"
    ]

    assert (call["service"], call["operation"], call["FunctionName"]) == (
        "lambda",
        "Invoke",
        FUNCTION,
    )
    assert call["Payload"]["command"]["verb"] == verb
    assert commands(region) == []


def test_command_names_the_version_that_was_seen(falaj, region):
    """A command for a release that has gone by then is refused."""
    said = falaj("rollout", "abort", "m", "--reason", "late", "--version", "1", "--json")

    assert said.exit == 3
    assert commands(region)[0]["version"] == "1"
    assert region.controller.world.load().phase is Phase.BAKING


def test_command_is_sent_once(falaj, region):
    """A lost answer is no reason to undo twice."""
    falaj("rollout", "pause", "m", "--reason", "why")
    assert len(commands(region)) == 1

    region.controller.breaks = RuntimeError("lost")
    falaj("rollout", "resume", "m", "--reason", "why")
    assert len(commands(region)) == 1


def test_command_that_waits_is_inconclusive(falaj, region):
    """Promotion past the guard still waits for the golden cases."""
    controller = Controller()
    controller.world.desired = None
    controller.settle()
    controller.world.verification = None
    region.controller = controller
    controller.world._verify = lambda _version: None  # they take their time
    controller.world.desired = Controller().world.desired
    controller.settle()
    assert controller.world.load().phase is Phase.VERIFYING

    said = falaj("rollout", "promote", "m", "--skip-guard", "-y", "--reason", "INC-7", "--json")

    assert (said.exit, said.document["answered"]) == (4, "waiting")


def test_approval_lets_high_risk_begin(falaj, region):
    """No share before somebody answers for it."""
    region.controller = Controller(Plan(steps=(0.05,)), risk="high")
    region.controller.world.approver = ""
    region.controller.settle()
    assert "blocked: a model of high risk" in falaj("rollout", "status", "m").out

    said = falaj("rollout", "approve", "m", "--reason", "reviewed")

    assert said.exit == 0
    assert region.controller.world.alias.state.weights == {"2": 0.05}


@pytest.mark.usefixtures("region")
def test_overlong_reason_is_misuse(falaj):
    """The controller's own limit, in its own words."""
    said = falaj("rollout", "pause", "m", "--reason", "x" * 1001)

    assert said.exit == 2
    assert "at most 1000" in said.err


def test_nothing_to_steer(falaj, region):
    """Before the first release there is no version to mean."""
    region.controller.world = type(region.controller.world)()

    said = falaj("rollout", "pause", "m", "--reason", "why")

    assert said.exit == 1
    assert "no release to pause" in said.err
