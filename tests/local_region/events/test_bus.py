"""Promise: an event reaches every matching target at least once; mishaps only repeat or delay."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from local_region.events.bus import EventBus, Mishaps
from local_region.events.rules import Rule, RuleError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ARN = "arn:aws:events:me-central-1:000000000000:rule/r"
ALARMS = {
    "source": ["aws.cloudwatch"],
    "detail-type": ["CloudWatch Alarm State Change"],
    "detail": {"alarmName": [{"prefix": "falaj-"}], "state": {"value": ["ALARM"]}},
}
TARGET = {"Id": "controller", "Arn": "arn:aws:lambda:me-central-1:000000000000:function:c"}


def _rule(**properties):
    return Rule.from_properties({"Targets": [TARGET], **properties}, name="r", arn=ARN)


def _bus(received, mishaps=None):
    async def deliver(target, payload):
        received.append((target.id, json.loads(payload)))

    return EventBus(
        deliver, random.Random(7), account="000000000000", region="me-central-1", mishaps=mishaps
    )


def _alarm(bus, name="falaj-m", state="ALARM", now=NOW):
    return bus.publish(
        source="aws.cloudwatch",
        detail_type="CloudWatch Alarm State Change",
        detail={"alarmName": name, "state": {"value": state}},
        now=now,
    )


@pytest.mark.parametrize(
    ("name", "state", "deliveries"),
    [("falaj-m", "ALARM", 1), ("falaj-m", "OK", 0), ("other", "ALARM", 0)],
)
def test_only_matching_events_are_delivered(run, name, state, deliveries):
    """A rule for red Falaj alarms hears nothing else."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(EventPattern=ALARMS), NOW)
    _alarm(bus, name, state)
    run(bus.tick(NOW))
    assert len(received) == deliveries


def test_the_target_receives_the_whole_event(run):
    """What arrives is what EventBridge documents, id and time included."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(EventPattern=ALARMS), NOW)
    event = _alarm(bus)
    run(bus.tick(NOW))
    assert received == [("controller", event)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"Input": '{"verb": "tick"}'}, {"verb": "tick"}), ({"InputPath": "$.detail.state"}, "state")],
)
def test_a_target_may_take_a_constant_or_a_part(run, change, expected):
    """Input and InputPath shape what is sent."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(EventPattern=ALARMS, Targets=[{**TARGET, **change}]), NOW)
    event = _alarm(bus)
    run(bus.tick(NOW))
    wanted = event["detail"]["state"] if expected == "state" else expected
    assert received == [("controller", wanted)]


def test_a_schedule_fires_each_interval(run):
    """One tick a minute, none before the first minute is over."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(ScheduleExpression="rate(1 minute)"), NOW)
    counts = [run(bus.tick(NOW + timedelta(seconds=s))) for s in (0, 59, 60, 61, 119, 120)]
    assert counts == [0, 0, 1, 0, 0, 1]


def test_a_schedule_that_slept_fires_once_on_waking(run):
    """A laptop that was shut does not flood the controller."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(ScheduleExpression="rate(1 minute)"), NOW)
    run(bus.tick(NOW + timedelta(minutes=90, seconds=5)))
    assert len(received) == 1


def test_a_disabled_rule_does_nothing(run):
    """A rule may be switched off without being deleted."""
    received = []
    bus = _bus(received)
    bus.put_rule(_rule(EventPattern=ALARMS, State="DISABLED"), NOW)
    _alarm(bus)
    assert run(bus.tick(NOW)) == 0


def test_mishaps_never_lose_an_event(run):
    """Duplicated and late: more deliveries than events, each event at least once."""
    received = []
    bus = _bus(received, Mishaps(duplicate_share=0.5, delayed_share=0.5))
    bus.put_rule(_rule(EventPattern=ALARMS), NOW)
    sent = {_alarm(bus)["id"] for _ in range(100)}
    at_once = run(bus.tick(NOW))
    later = run(bus.tick(NOW + timedelta(minutes=5)))
    assert {event["id"] for _, event in received} == sent
    assert at_once < at_once + later
    assert at_once + later > len(sent)


def test_the_next_moment_is_known(run):
    """A virtual clock can leap to it."""
    bus = _bus([])
    assert bus.next_due() is None
    bus.put_rule(_rule(ScheduleExpression="rate(5 minutes)"), NOW)
    assert bus.next_due() == NOW + timedelta(minutes=5)
    run(bus.tick(NOW + timedelta(minutes=5)))
    assert bus.next_due() == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({}, "EventPattern or a ScheduleExpression"),
        ({"ScheduleExpression": "cron(0 12 * * ? *)"}, "not carried out here"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "singular"),
        ({"ScheduleExpression": "rate(5 minute)"}, "singular"),
        ({"EventPattern": {"source": "aws.ssm"}}, "must be an object or an array"),
        (
            {"EventPattern": ALARMS, "Targets": [{**TARGET, "InputTransformer": {}}]},
            "InputTransformer",
        ),
    ],
)
def test_what_is_not_carried_out_is_refused(properties, reason):
    """A rule never silently does less than it says."""
    with pytest.raises(RuleError, match=reason):
        _rule(**properties)
