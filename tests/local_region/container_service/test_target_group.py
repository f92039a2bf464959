"""Promise: targets are chosen, checked and drained as an Application Load Balancer does it."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from local_region.container_service.target_group import GroupSettings, Target, TargetGroup
from local_region.container_service.target_health import HealthState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSED, FAILED = True, False


def group(*names, **attributes):
    """A group whose targets have passed their first check."""
    properties = {
        "HealthyThresholdCount": "3",
        "UnhealthyThresholdCount": "2",
        "TargetGroupAttributes": [
            {"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()
        ],
    }
    made = TargetGroup(GroupSettings.from_properties(properties, arn="arn"), random.Random(1))
    for name in names:
        made.register(Target(name, lambda: ("127.0.0.1", 1)))
        made.checked(name, has_passed=True)
    return made


def states(checks):
    """A target's state after each check."""
    made = group()
    made.register(Target("t", lambda: None))
    found = []
    for has_passed in checks:
        made.checked("t", has_passed=has_passed)
        found.append(made.targets["t"].health.state.value)
    return found


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([PASSED], ["healthy"]),
        ([FAILED, FAILED], ["initial", "unhealthy"]),
        ([FAILED, PASSED], ["initial", "healthy"]),
        ([PASSED, FAILED, PASSED, FAILED], ["healthy"] * 4),
        ([PASSED, FAILED, FAILED], ["healthy", "healthy", "unhealthy"]),
        (
            [FAILED, FAILED, PASSED, PASSED, PASSED],
            ["initial", "unhealthy", "unhealthy", "unhealthy", "healthy"],
        ),
        (
            [FAILED, FAILED, PASSED, PASSED, FAILED, PASSED, PASSED],
            ["initial"] + ["unhealthy"] * 6,
        ),
    ],
)
def test_thresholds_count_checks_in_a_row(checks, expected):
    """One success admits a new target; a lost one needs three in a row; two failures end it."""
    assert states(checks) == expected


def test_round_robin_takes_turns():
    """Every healthy target gets its share, to the request."""
    made = group("a", "b", "c")
    assert Counter(made.pick().id for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_least_outstanding_spares_the_busy():
    """Whoever has least to do is asked next."""
    made = group("a", "b", load_balancing__algorithm__type="least_outstanding_requests")
    with made.targets["a"].asked():
        assert {made.pick().id for _ in range(10)} == {"b"}
    assert {made.pick().id for _ in range(10)} == {"a", "b"}


def test_an_unhealthy_target_is_not_asked():
    """Two failed checks and the others answer."""
    made = group("a", "b")
    made.checked("a", has_passed=False)
    made.checked("a", has_passed=False)
    assert {made.pick().id for _ in range(10)} == {"b"}


def test_a_group_without_a_healthy_target_fails_open():
    """If all are unhealthy, all are asked; if nobody is registered, nobody."""
    made = group("a", "b")
    for name in "ab":
        made.checked(name, has_passed=False)
        made.checked(name, has_passed=False)
    assert {made.pick().id for _ in range(10)} == {"a", "b"}
    assert group().pick() is None


def test_a_deregistered_target_answers_what_it_has():
    """No new requests; done when the last one is answered."""
    made = group("a", "b", deregistration_delay__timeout_seconds="60")
    with made.targets["a"].asked():
        made.deregister("a", NOW)
        assert {made.pick().id for _ in range(10)} == {"b"}
        assert not made.is_drained("a", NOW + timedelta(seconds=59))
        assert made.is_drained("a", NOW + timedelta(seconds=60))
    assert made.is_drained("a", NOW)
    assert made.targets["a"].health.state is HealthState.DRAINING


def test_an_unknown_algorithm_is_refused():
    """Nothing is balanced in another way than the template says."""
    with pytest.raises(ValueError, match="algorithm"):
        group(load_balancing__algorithm__type="fastest")
