"""Promise: virtual time stands still, leaps when told to, and never goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from falaj.errors import ConfigurationError
from local_region.clock import START, ScaledClock, VirtualClock
from local_region.pace import Pace


def test_time_stands_still_until_it_leaps():
    """Whatever the machine's clock does meanwhile."""
    clock = VirtualClock()
    before = clock.now()
    clock.leap(START + timedelta(hours=1))

    assert (before, clock.now()) == (START, START + timedelta(hours=1))


def test_time_does_not_go_back():
    """A leap into the past is a mistake of the caller's."""
    clock = VirtualClock(START + timedelta(hours=1))

    with pytest.raises(ValueError, match="does not go back"):
        clock.leap(START)


class Machine:
    """The machine's clock, which moves when told."""

    def __init__(self):
        self.instant = datetime(2026, 11, 22, tzinfo=UTC)

    def now(self):
        """Return the instant it was moved to."""
        return self.instant


def test_scaled_clock_goes_faster_from_the_same_moment_on():
    """Scaled, never capped: an hour of the machine is twenty of the region."""
    machine = Machine()
    clock = ScaledClock(20, machine=machine)
    begun = clock.now()
    machine.instant += timedelta(hours=1)

    assert (begun, clock.now() - begun) == (datetime(2026, 11, 22, tzinfo=UTC), timedelta(hours=20))


@pytest.mark.parametrize("speed", [0, 0.5, 61, float("nan"), float("inf")])
def test_senseless_pace_is_refused(speed):
    """Slower than the machine, or faster than it can keep up with."""
    with pytest.raises(ConfigurationError, match="from 1 to 60"):
        Pace(speed)


def test_ordinary_pace_leaves_processes_alone():
    """Without --speed nothing stands between a function and its machine."""
    assert not Pace().is_scaled
