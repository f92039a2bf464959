"""Whatever wakes the controller says where to look, and nothing else."""

import pytest

from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.observation import AlarmEffect, Verb
from falaj.domain.waking import Kind, read_waking

RED = alarm_text(
    AlarmText(model="m", version="13", effect=AlarmEffect.ROLL_BACK, kind="errors", says="bad")
)


@pytest.mark.parametrize(
    ("event", "kind", "model"),
    [
        ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, Kind.TICK, ""),
        (
            {
                "source": "aws.ssm",
                "detail-type": "Parameter Store Change",
                "detail": {
                    "operation": "Update",
                    "name": "/falaj/models/m/desired-release",
                    "type": "String",
                },
            },
            Kind.CHANGE,
            "m",
        ),
        (
            {
                "source": "aws.cloudwatch",
                "detail-type": "CloudWatch Alarm State Change",
                "detail": {"alarmName": "falaj-m-errors", "configuration": {"description": RED}},
            },
            Kind.CHANGE,
            "m",
        ),
        (
            {
                "detail-type": "CloudWatch Alarm State Change",
                "detail": {"alarmName": "a stranger's"},
            },
            Kind.CHANGE,
            "",
        ),
        ({"detail-type": "Parameter Store Change", "detail": None}, Kind.CHANGE, ""),
        ({}, Kind.TICK, ""),
        ([], Kind.TICK, ""),
        (None, Kind.TICK, ""),
    ],
)
def test_an_event_names_the_model_to_look_at(event, kind, model):
    """An event that names none, or is not known, is a reason to look at all of them."""
    waking = read_waking(event)
    assert (waking.kind, waking.model, waking.command) == (kind, model, None)


def test_a_command_is_read_as_it_was_sent():
    """Verb, version, reason and actor, not yet numbered."""
    asked = {"model": "m", "verb": "promote", "reason": " hotfix ", "actor": "amal"}
    waking = read_waking({"command": asked | {"version": "13", "skip_guard": True}})
    command = waking.command
    assert (waking.kind, waking.model) == (Kind.COMMAND, "m")
    assert (command.verb, command.version, command.reason) == (Verb.PROMOTE, "13", "hotfix")
    assert (command.skip_guard, command.serial) == (True, 0)


def test_an_approval_is_no_command():
    """It moves nothing by itself."""
    asked = {"model": "m", "verb": "approve", "reason": "reviewed", "actor": "amal"}
    waking = read_waking({"command": asked})
    assert (waking.kind, waking.command, waking.approval.actor) == (Kind.APPROVAL, None, "amal")
