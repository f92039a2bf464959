"""No line of a split is missed, and what runs is asked seldom."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st

from falaj.experiments.announcing import AHEAD, HOLDS_FOR, SLOWEST_WRITE, KnownSplits
from falaj.experiments.live import LiveSplit
from tests.falaj.clocks import StandingClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = st.floats(0, 60)


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.tuples(SECONDS, st.floats(0, 30)), min_size=1, max_size=60),
    announced=SECONDS,
    took=st.floats(0, SLOWEST_WRITE.total_seconds()),
)
def test_every_line_of_a_split_is_known_for_one(lines, announced, took):
    """Whenever it is announced, however long that takes, and however late lines come."""
    clock, began = StandingClock(NOON), NOON.timestamp() + announced + AHEAD.total_seconds()
    split = LiveSplit(key="page", arms={"12": "a"}, since=began)
    written_at, asked = NOON + timedelta(seconds=announced + took), []

    def read(model):
        asked.append(model)
        return (split,) if clock.now() >= written_at else ()

    known = KnownSplits(read, clock)
    missed = []
    for at, late in sorted(lines, key=sum):
        clock.at = NOON + timedelta(seconds=at + late)
        moment = NOON.timestamp() + at
        arms = [each.arm_of("12", moment) for each in known.at("rows", moment)]
        if moment >= began and arms != ["a"]:
            missed.append((at, late))

    assert missed == []
    assert len(asked) <= 1 + 90 / HOLDS_FOR.total_seconds()


def test_many_lines_cost_one_question():
    """A busy model's recorder asks once in two seconds, not once a delivery."""
    clock, asked = StandingClock(NOON), []
    known = KnownSplits(lambda model: asked.append(model) or (), clock)

    for tenth in range(100):
        clock.at = NOON + timedelta(seconds=tenth / 10)
        for model in ("rows", "tashkeel"):
            known.at(model, clock.at.timestamp())

    assert sorted(asked) == ["rows"] * 5 + ["tashkeel"] * 5


def test_late_lines_are_not_asked_for_again():
    """What was read after a line was written says all there is to know of it."""
    clock, asked = StandingClock(NOON), []
    known = KnownSplits(lambda model: asked.append(model) or (), clock)
    known.at("rows", NOON.timestamp())

    clock.advance(3_600)
    for second in range(60):
        known.at("rows", NOON.timestamp() - second)

    assert asked == ["rows"]


def test_lines_from_the_future_do_not_make_it_ask_for_each():
    """A clock that is ahead, or a line that lies, costs no more than others."""
    asked = []
    known = KnownSplits(lambda model: asked.append(model) or (), StandingClock(NOON))

    for second in range(60):
        known.at("rows", NOON.timestamp() + 1_000 + second)

    assert asked == ["rows"]
