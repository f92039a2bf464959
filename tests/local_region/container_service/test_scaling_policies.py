"""Promise: capacities follow Application Auto Scaling's rules, cooldowns and bounds included."""

from datetime import UTC, datetime, timedelta

import pytest

from local_region.container_service.scaling_policies import (
    Activity,
    Standing,
    StepScaling,
    TargetTracking,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACKING = TargetTracking(target=10, out_cooldown_s=60, in_cooldown_s=300)


def ago(seconds, base):
    """An activity some time ago."""
    return Activity(at=NOW - timedelta(seconds=seconds), base=base)


def standing(capacity, **values):
    """A target between 1 and 8 tasks."""
    return Standing(capacity=capacity, now=NOW, **({"minimum": 1, "maximum": 8} | values))


@pytest.mark.parametrize(
    ("capacity", "value", "wanted"),
    [(1, 20, 2), (1, 10.1, 2), (2, 25, 5), (2, 1000, 8), (8, 1000, None), (0, 1000, None)],
)
def test_scaling_out_is_proportional_and_rounded_up(capacity, value, wanted):
    """A target cannot lead out of zero: nothing is proportional to nothing."""
    assert TRACKING.out(standing(capacity), value) == wanted


@pytest.mark.parametrize(
    ("capacity", "value", "wanted"),
    [(8, 5, 4), (8, 0, 1), (3, 9, None), (2, 5, 1), (1, 0, None)],
)
def test_scaling_in_keeps_what_the_target_needs(capacity, value, wanted):
    """Never below the minimum, and never below what the load still asks for."""
    assert TRACKING.inward(standing(capacity), value) == wanted


def test_what_was_just_added_counts():
    """Within the cooldown only a larger scale-out, reckoned from before the last, adds more."""
    cooling = standing(4, out=ago(30, base=2))
    assert TRACKING.out(cooling, 20) is None
    assert TRACKING.out(cooling, 30) == 6
    assert TRACKING.out(standing(4, out=ago(61, base=2)), 20) == 8


def test_scale_ins_wait_for_each_other():
    """A second scale-in waits for the cooldown; a scale-out does not."""
    after = standing(4, inward=ago(100, base=8))
    assert TRACKING.inward(after, 1) is None
    assert TRACKING.out(after, 15) == 6
    assert TRACKING.inward(standing(4, inward=ago(301, base=8)), 1) == 1


def steps(kind, *bounds, **values):
    """A step policy."""
    adjustments = [
        {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high, "ScalingAdjustment": n}
        for low, high, n in bounds
    ]
    given = [{key: v for key, v in one.items() if v is not None} for one in adjustments]
    properties = {"AdjustmentType": kind, "StepAdjustments": given, "Cooldown": "300", **values}
    return StepScaling.from_properties(properties)


def test_the_breach_chooses_the_step():
    """Above the threshold the lower end is part of a step, below it the upper end."""
    above = steps("ChangeInCapacity", (0, 10, 1), (10, None, 3))
    assert [above.wanted(standing(2), b, is_above=True) for b in (0, 9.9, 10)] == [3, 3, 5]
    below = steps("ChangeInCapacity", (None, -5, -2), (-5, 0, -1))
    assert [below.wanted(standing(4), b, is_above=False) for b in (0, -4.9, -5)] == [3, 3, 2]


def test_none_are_left_when_a_step_says_so():
    """`ExactCapacity` 0 scales to zero where the minimum allows it."""
    idle = steps("ExactCapacity", (None, 0, 0))
    assert idle.wanted(standing(2, minimum=0), 0, is_above=False) == 0
    assert idle.wanted(standing(2, minimum=1), 0, is_above=False) == 1
    assert idle.wanted(standing(0, minimum=0), 0, is_above=False) is None


@pytest.mark.parametrize(
    ("capacity", "percent", "wanted"),
    [(4, 25, 5), (4, 10, 5), (6, 45, 8), (4, -10, 3), (5, -45, 3)],
)
def test_percentages_are_rounded_as_documented(capacity, percent, wanted):
    """Down if above one, to one if below."""
    policy = steps("PercentChangeInCapacity", (None, None, percent))
    assert policy.wanted(standing(capacity), 1, is_above=True) == wanted


def test_an_unknown_adjustment_is_refused():
    """Nothing is scaled by a word nobody knows."""
    with pytest.raises(ValueError, match="AdjustmentType"):
        steps("Double", (0, None, 1))
