"""An operator sees where a rollout is, on a terminal and in a program, and when nobody answers."""

import pytest

from falaj.contract import CONTROLLER_PARAMETER
from falaj.domain.observation import AlarmEffect
from falaj.domain.verdict import Outcome
from tests.falaj.domain.rollout_world import verdict


def test_status_shows_who_serves_how_much(falaj, region):
    """Share, plan, evidence, bad rates by version and the last decisions, on one screen."""
    region.measure()

    out = falaj("rollout", "status", "m").out

    assert "candidate 2: 5 %" in out
    assert "stable 1: 95 %" in out
    assert "● 5 % → ○ 50 % → ○ 100 %" in out
    assert "3 of 40 requests" in out
    assert "1 of 760 requests" in out
    assert "share 0.05 is in place" in out


def test_status_is_a_document_for_a_program(falaj, region):
    """The whole status, as the controller keeps it, and what was measured."""
    region.measure()

    document = falaj("rollout", "status", "m", "--json").document

    assert document["phase"] == "baking"
    assert document["status"]["release"]["plan"]["steps"] == [0.05, 0.5]
    assert document["measured"]["log_evidence"] == [-2.0, -1.5, -0.4]
    assert document["measured"]["traffic"][1] == {
        "version": "2",
        "role": "candidate",
        "requests": 40,
        "bad": 3,
        "bad_share": 0.075,
    }


def test_status_shows_alarms_of_this_rollout_only(falaj, region):
    """Red ones first; an earlier release's alarms and another model's say nothing here."""
    region.alarm("total-failure", state="ALARM")
    region.alarm("evidence")
    region.alarm("errors", version="9", state="ALARM")
    region.alarm("errors", model="m-other", state="ALARM")
    region.alarm("heartbeat", model="", version="", effect=AlarmEffect.FREEZE)

    alarms = falaj("rollout", "status", "m", "--json").document["measured"]["alarms"]

    assert [(alarm["kind"], alarm["state"] == "ALARM") for alarm in alarms] == [
        ("total-failure", True),
        ("evidence", False),
        ("heartbeat", False),
    ]


@pytest.mark.usefixtures("region")
def test_status_of_all_lists_each_model(falaj):
    """One line for each release that a stack has stated."""
    document = falaj("rollout", "status", "--all", "--json").document

    assert [(r["model"], r["phase"]) for r in document["rollouts"]] == [("m", "baking")]
    assert "baking" in falaj("rollout", "status", "--all").out


@pytest.mark.usefixtures("region")
def test_status_needs_a_model_or_all(falaj):
    """Neither, or both, is a slip of the fingers."""
    assert falaj("rollout", "status").exit == 2
    assert falaj("rollout", "status", "m", "--all").exit == 2


@pytest.mark.usefixtures("region")
def test_unknown_model_is_named_as_such(falaj):
    """A typing error is no outage."""
    said = falaj("rollout", "status", "nope")

    assert said.exit == 1
    assert "knows no rollout of that model" in said.err


def test_nobody_answers(falaj, region):
    """A region that is down is said to be down, with what to do."""
    region.stop_answering()

    said = falaj("rollout", "status", "m", "--json")

    assert (said.exit, said.document["code"]) == (1, "unreachable")
    assert "falaj up" in said.document["error"]


def test_region_without_a_controller_is_told_apart(falaj, region):
    """An AWS account in which the rollouts stack is missing."""
    region.backends.client("ssm").delete_parameter(Name=CONTROLLER_PARAMETER)

    said = falaj("rollout", "status", "m")

    assert said.exit == 1
    assert "deploy the rollouts stack" in said.err


def test_parameter_of_a_deleted_controller(falaj, region):
    """The name leads nowhere: Lambda's own words are passed on."""
    region.deploy_controller("gone")

    said = falaj("rollout", "status", "m", "--json")

    assert (said.exit, said.document["status"]) == (1, 404)
    assert "Function not found: gone" in said.document["error"]


def test_failing_controller_is_not_mistaken_for_an_answer(falaj, region):
    """An exception in the controller is an error, with its class."""
    region.controller.breaks = RuntimeError("DynamoDB is dark")

    said = falaj("rollout", "status", "m")

    assert said.exit == 1
    assert "RuntimeError: DynamoDB is dark" in said.err


def test_busy_controller_is_asked_again(falaj, region):
    """Three environments are reserved; an operator waits for one, a moment."""
    region.throttles = 1

    assert falaj("rollout", "status", "m").exit == 0


@pytest.mark.usefixtures("region")
def test_next_step_counts_down(falaj):
    """Ten minutes of bake, more than five of them over."""
    assert "50 % in 4 min" in falaj("rollout", "status", "m").out


@pytest.mark.parametrize(
    ("outcome", "exit_status"), [(Outcome.SAFE, 0), (Outcome.ROLL_BACK, 3)], ids=str
)
def test_waiting_ends_with_the_rollout(falaj, region, outcome, exit_status):
    """A pipeline waits, and reads from the status how it ended."""
    region.controller.world.verdict = verdict(outcome)
    for _ in range(2):
        region.controller.settle(after_s=600)

    said = falaj("rollout", "watch", "m", "--wait", "--json")

    assert said.exit == exit_status
    assert said.document["outcome"] == {0: "promoted", 3: "rolled_back"}[exit_status]


@pytest.mark.usefixtures("region")
def test_watching_once_draws_one_picture(falaj):
    """For a ticket, a chat or a test."""
    said = falaj("rollout", "watch", "m", "--once")

    assert said.exit == 0
    assert said.out.count("looked at") == 1


@pytest.mark.usefixtures("region")
def test_endless_json_is_refused(falaj):
    """With --json standard output is one document."""
    assert falaj("rollout", "watch", "m", "--json").exit == 2


@pytest.mark.usefixtures("region")
def test_history_says_who_and_why(falaj):
    """Every decision with its reason, newest first."""
    falaj("rollout", "pause", "m", "--reason", "looking [bold]closely[/]")

    out = falaj("rollout", "history", "m").out

    assert "looking [bold]closely[/]" in out
    assert out.index("paused") < out.index("released")
