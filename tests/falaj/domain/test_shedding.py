"""Promise: as few wait as there is no room for, and they are let in again as soon as there is."""

from datetime import timedelta

import pytest

from falaj.domain.quota import FIRST, LAST
from falaj.domain.shedding import (
    CALM_S,
    LONGEST_CALM_S,
    SETTLING_S,
    TOLERATED_SHARE,
    ShedLevel,
    advance,
)
from tests.falaj.clocks import NOON


def after(seconds):
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("refused", "admitted"),
    [(0.0, 5), (TOLERATED_SHARE, 5), (0.02, 4), (0.2, 4), (0.37, 3), (0.5, 2), (0.9, 1), (1.0, 1)],
)
def test_it_falls_as_far_as_the_refused_share_asks(refused, admitted):
    """Half of the requests without room are half of the priorities; a burst is none."""
    level = advance(ShedLevel(since=NOON), refused_share=refused, now=NOON)

    assert level.admitted == admitted


def test_the_first_priority_never_waits():
    """Whatever is refused, somebody is answered."""
    level = ShedLevel(since=NOON, admitted=FIRST)

    assert advance(level, refused_share=1.0, now=after(SETTLING_S)) == level


def test_what_was_under_way_is_not_counted_twice():
    """Functions know after a minute, the alarm after another: until then nothing more is shed."""
    level = advance(ShedLevel(since=NOON), refused_share=0.3, now=NOON)

    assert advance(level, refused_share=0.3, now=after(SETTLING_S - 1)) == level
    assert advance(level, refused_share=0.3, now=after(SETTLING_S)).admitted < level.admitted


def test_calm_lets_one_priority_in_at_a_time():
    """Each is a try."""
    level, admitted = ShedLevel(since=NOON, admitted=2), []
    for minute in range(1, 21):
        level = advance(level, refused_share=0.0, now=after(60 * minute))
        admitted.append(level.admitted)

    assert admitted == [*[2] * 4, *[3] * 5, *[4] * 5, *[5] * 6]


def test_a_try_that_finds_no_room_is_taken_back_and_tried_later():
    """After twice the time, at most an hour."""
    level, now, waits = ShedLevel(since=NOON, admitted=3), NOON, []
    for _ in range(6):
        waits.append(level.calm_s)
        now += timedelta(seconds=level.calm_s)
        level = advance(level, refused_share=0.0, now=now)
        assert level.admitted == 4
        now += timedelta(seconds=60)
        level = advance(level, refused_share=0.2, now=now)
        assert level.admitted == 3

    assert waits == [CALM_S * 2**n for n in range(4)] + [LONGEST_CALM_S] * 2


def test_a_try_that_stood_begins_anew():
    """What is short an hour after is another shortage."""
    level = advance(ShedLevel(since=NOON, admitted=4), refused_share=0.0, now=after(CALM_S))
    level = advance(level, refused_share=0.4, now=after(3 * CALM_S))

    assert (level.admitted, level.calm_s) == (3, CALM_S)


@pytest.mark.parametrize(
    "wrong", [{"admitted": 0}, {"admitted": LAST + 1}, {"calm_s": 1.0}, {"calm_s": 1e9}]
)
def test_a_level_that_is_none_is_refused(wrong):
    """Whoever reads one from a parameter knows."""
    with pytest.raises(ValueError, match="not from"):
        ShedLevel(since=NOON, **wrong)
