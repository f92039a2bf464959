"""Promise: zones that are lost take their room along, and cheaper requests need less of it."""

from datetime import timedelta

import pytest

from local_region.lambda_service.refusals import TooManyRequestsError
from local_region.rehearsal.latencies import MEDIAN_MS, REFUSED_MS
from local_region.rehearsal.zone_room import ZoneRoom, share_left
from tests.falaj.clocks import NOON

RPS = 10.0


def served(lost, *, milliseconds=MEDIAN_MS, load_share=0.8, seconds=600):
    """Send an even stream; return how many found room, and how many did not."""
    room = ZoneRoom(traffic_rps=RPS, load_share=load_share, now=NOON)
    room.lose(lost, NOON)
    taken = 0
    for number in range(int(RPS * seconds)):
        try:
            room.check(NOON + timedelta(seconds=number / RPS))
        except TooManyRequestsError:
            continue
        taken += 1
        room.took(milliseconds)
    return taken, room.throttled


@pytest.mark.parametrize("zones_lost", [0, 1])
def test_all_but_one_zone_hold_everything(zones_lost):
    """That is what the reserve is for."""
    assert served(zones_lost) == (6000, 0)


def test_one_of_three_holds_half():
    """Traffic that takes four fifths of the room finds five eighths of its requests answered."""
    taken, throttled = served(2)

    assert taken + throttled == 6000
    # Requests of the median take a little less than the mean that the room is reckoned in.
    assert 0.60 * 6000 < taken < 0.72 * 6000


def test_what_is_refused_early_makes_room():
    """A millisecond each is a fraction of what one zone holds."""
    assert served(2, milliseconds=REFUSED_MS) == (6000, 0)


def test_a_lighter_load_loses_nothing_with_two_zones():
    """Whoever keeps more in reserve sheds nobody."""
    assert served(2, load_share=0.4) == (6000, 0)


def test_nothing_is_left_without_zones():
    """Reckoned, though a rehearsal spares one."""
    assert (share_left(3, 3), share_left(0, 1), share_left(1, 1)) == (0.0, 1.0, 0.0)
