"""Promise: virtual time stands still, leaps when told to, and never goes back."""

from datetime import timedelta

import pytest

from local_region.clock import START, VirtualClock


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
