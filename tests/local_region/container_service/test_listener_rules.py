"""Promise: a listener forwards by its rules, lowest number first, and refuses what it cannot."""

import random
from collections import Counter

import pytest

from local_region.container_service.listener_rules import (
    Forward,
    Rule,
    RuleError,
    action_for,
    read_action,
    read_conditions,
)
from local_region.gateway.messages import Request

NOT_FOUND = read_action(
    [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no"}}]
)


def rule(priority, group, *conditions):
    """A rule that forwards."""
    return Rule(
        priority=priority,
        conditions=read_conditions(conditions),
        action=read_action([{"Type": "forward", "TargetGroupArn": group}]),
    )


def paths(*patterns):
    """A condition on the path."""
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}


def hosts(*names):
    """A condition on the host."""
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(names)}}


RULES = (
    rule(9, "any", paths("/v2/models/a*")),
    rule(3, "a", paths("/v2/models/a", "/v2/models/a/*")),
    rule(4, "grpc", hosts("A.example"), paths("/inference.GRPCInferenceService/*")),
    rule(5, "header", {
        "Field": "http-header",
        "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["b?g"]},
    }),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "headers", "group"),
    [
        ("/v2/models/a", (), "a"),
        ("/v2/models/a/infer", (), "a"),
        ("/v2/models/ab", (), "any"),
        ("/V2/models/a", (), None),
        ("/inference.GRPCInferenceService/ModelInfer", (("host", "a.example:8443"),), "grpc"),
        ("/inference.GRPCInferenceService/ModelInfer", (("host", "b.example"),), None),
        ("/x", (("x-kind", "BIG"),), "header"),
        ("/x", (("x-kind", "bigger"),), None),
    ],
)
def test_the_first_rule_that_holds_decides(path, headers, group):
    """Paths are case-sensitive, hosts and headers are not; every condition must hold."""
    request = Request(
        method="POST", path=path, query="", headers=headers, body=b"", source_ip="1.1.1.1"
    )
    action = action_for(RULES, NOT_FOUND, request)
    assert action == (NOT_FOUND if group is None else Forward(weights={group: 1}))


def test_weights_share_requests():
    """A group of weight 0 gets none; the others by their weights."""
    groups = [
        {"TargetGroupArn": "blue", "Weight": "75"},
        {"TargetGroupArn": "green", "Weight": "25"},
        {"TargetGroupArn": "gone", "Weight": "0"},
    ]
    action = read_action([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
    rng = random.Random(1)
    found = Counter(action.choose(rng) for _ in range(4000))
    assert set(found) == {"blue", "green"}
    assert 0.7 < found["blue"] / 4000 < 0.8


@pytest.mark.parametrize("action", [{"Type": "redirect"}, {"Type": "authenticate-oidc"}])
def test_other_actions_are_refused(action):
    """Nothing is let through that AWS would send elsewhere."""
    with pytest.raises(RuleError, match=action["Type"]):
        read_action([action])


def test_other_conditions_are_refused():
    """A condition that nobody here checks must not hold by being forgotten."""
    with pytest.raises(RuleError, match="source-ip"):
        read_conditions([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}])
