"""What is drawn is what is meant: examples in docstrings, and the bounds of pictures."""

import doctest
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from cli.rollout import following, measuring, strokes
from cli.rollout.measuring import POINTS, period_for
from falaj.domain.plan import Plan, PlanKind, Release
from falaj.domain.rollout import Hold, Phase, Rollout

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("module", [following, measuring, strokes], ids=lambda m: m.__name__)
def test_examples_hold(module):
    """Every example in a docstring is true."""
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert (result.failed, result.attempted > 0) == (0, True)


@given(st.floats(0, 1), st.integers(2, 100))
def test_bar_is_as_wide_as_asked(share, width):
    """No share breaks the frame, and none that exists is invisible."""
    bar = strokes.share_bar(share, width=width).plain

    assert len(bar) == width
    assert ("█" in bar) is (share > 0)
    assert ("░" in bar) is (share < 1)


@given(st.lists(st.floats(-1e6, 1e6), max_size=300), st.integers(1, 80))
def test_sparkline_keeps_the_peak(values, width):
    """A short peak above the threshold is not averaged away."""
    line = strokes.sparkline(values, low=-2, high=0, width=width)

    assert len(line.plain) <= width
    assert ("█" in line.plain) is any(value >= -0.25 for value in values)


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=400)))
def test_period_is_one_that_cloudwatch_keeps(window):
    """Few points, and a period for which CloudWatch still has values of that age."""
    period_s = period_for(window)

    assert period_s % 60 == 0
    assert window.total_seconds() / period_s <= POINTS
    if window > timedelta(days=15):
        assert period_s % 300 == 0
    if window > timedelta(days=63):
        assert period_s % 3600 == 0


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(PlanKind))
def test_something_always_comes_next(phase, kind):
    """No phase of any plan leaves an operator without a next step."""
    release = Release(model="m", serial=1, version="2", plan=Plan(kind=kind, steps=(0.1,)))
    rollout = Rollout(model="m", phase=phase, release=release, stable="1", since=NOW)

    assert following.next_step(rollout, NOW + timedelta(seconds=30))


@pytest.mark.parametrize("hold", list(Hold))
def test_every_hold_says_what_ends_it(hold):
    """A paused rollout names what it waits for."""
    release = Release(model="m", serial=1, version="2")
    rollout = Rollout(model="m", phase=Phase.PAUSED, hold=hold, release=release, since=NOW)

    assert following.next_step(rollout, NOW)


def test_due_step_says_what_it_waits_for():
    """The bake is over and the controller is dark: the operator sees why nothing moves."""
    release = Release(model="m", serial=1, version="2", plan=Plan(steps=(0.1, 0.5)))
    rollout = Rollout(
        model="m",
        phase=Phase.BAKING,
        release=release,
        stable="1",
        since=NOW,
        blocked_by="kms does not answer",
    )

    shown = following.next_step(rollout, NOW + timedelta(minutes=11))

    assert shown == "50 % is due, if the guard calls it safe; blocked: kms does not answer"


def test_split_waits_for_its_experiment():
    """Its last share is held; the time left is that of the experiment."""
    plan = Plan(kind=PlanKind.SPLIT, steps=(0.5,))
    release = Release(model="m", serial=1, version="2", plan=plan)
    rollout = Rollout(model="m", phase=Phase.BAKING, release=release, stable="1", since=NOW)

    shown = following.next_step(rollout, NOW + timedelta(days=13))

    assert shown == "the experiment decides, in 1 d at the latest"
    assert following.next_step(replace(rollout, since=None), NOW) == "nothing is released yet"
