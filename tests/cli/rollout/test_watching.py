"""A picture that stays on the screen is honest about its age, whatever the region does."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from cli.failures import CommandError
from cli.region.connection import Connection
from cli.region.heard import HeardClock
from cli.rollout.client import RolloutClient
from cli.rollout.measuring import Meter
from cli.rollout.picture import Picture
from cli.rollout.view import board
from cli.rollout.watching import MOST_LOST, Observer, Watch, follow
from falaj.domain.verdict import Outcome
from tests.falaj.domain.rollout_world import verdict


class Hands:
    """A clock that `sleep` moves; what is planned happens at its second."""

    def __init__(self):
        self.at = datetime.now(UTC)
        self.slept = 0
        self.plans = {}

    def now(self):
        """Return the instant the hands show."""
        return self.at

    def sleep(self, seconds):
        """Move the hands, and do what is planned."""
        self.slept += 1
        self.at += timedelta(seconds=seconds)
        self.plans.get(self.slept, lambda: None)()


@pytest.fixture
def hands():
    """The operator's clock."""
    return Hands()


@pytest.fixture
def watch(region, hands):
    """A watch on a terminal of 110 columns, whose every frame is kept."""
    connection = Connection(region.place)
    return Watch(
        observer=Observer(
            client=RolloutClient(connection), meter=Meter(connection), model="m", clock=hands
        ),
        console=Console(
            file=io.StringIO(), force_terminal=True, width=110, height=40, color_system=None
        ),
        every_s=2,
        until_over=True,
        sleep=hands.sleep,
    )


def frames(watch):
    """Everything that was drawn."""
    return watch.console.file.getvalue()


def roll_back(region):
    """The guard has seen enough."""

    def happens():
        region.controller.world.verdict = verdict(Outcome.ROLL_BACK)
        region.controller.settle(after_s=61)

    return happens


def test_watch_follows_the_rollout_to_its_end(region, hands, watch):
    """Harm is seen without a key being pressed."""
    hands.plans[3] = roll_back(region)

    picture = watch.run()

    assert picture.rollout.outcome == "rolled_back"
    assert hands.slept == 4
    assert frames(watch).index("baking") < frames(watch).index("rolled back")


def test_countdown_is_drawn_each_second(hands, region, watch):
    """A person sees that it lives, between two calls to AWS."""
    hands.plans[2] = roll_back(region)

    watch.run()

    assert len(set(re.findall(r"50 % in ([^,]*),", frames(watch)))) == 2
    assert len([event for event in region.controller.events if "query" in event]) == 2


def test_lost_region_leaves_the_last_picture_with_its_age(region, hands, watch):
    """The network goes: the screen says so, and does not pretend."""
    hands.plans = {2: region.stop_answering, 5: _raise_interrupt}

    with pytest.raises(KeyboardInterrupt):
        watch.run()

    assert "NO ANSWER" in frames(watch)
    assert "What you see is 3 s old." in frames(watch)
    assert "candidate 2: 5 %" in frames(watch).rpartition("NO ANSWER")[2]


def test_dark_metrics_do_not_hide_the_rollout(region, hands, watch):
    """CloudWatch refuses: the controller's status is still shown, and what is missing is said."""
    region.cloudwatch.reset()
    watch.observer = Observer(
        client=watch.observer.client,
        meter=Meter(Connection(type(region.place)(target="local", endpoint="http://127.0.0.1:1"))),
        model="m",
        clock=hands,
    )

    picture = watch.observer.look()

    assert picture.measured is None
    assert "did not read its metrics" in text_of(board(picture))
    assert "candidate 2: 5 %" in text_of(board(picture))


def test_no_alarm_at_all_is_said(watch):
    """An alarm that does not exist never rolls back."""
    assert "none exist" in text_of(board(watch.observer.look()))


def test_strangers_text_is_not_markup(watch):
    """A reason cannot paint over the screen."""
    command = {
        "model": "m",
        "verb": "pause",
        "version": "2",
        "reason": "[red]x[/] :boom:",
        "actor": "[b]me",
    }
    watch.observer.client.command(command)

    shown = text_of(board(watch.observer.look()))

    assert "[red]x[/] :boom:" in shown
    assert "[b]me" in shown


def text_of(renderable):
    """What a person reads."""
    console = Console(file=io.StringIO(), record=True, width=140)
    console.print(renderable)
    return console.export_text()


def _raise_interrupt():
    raise KeyboardInterrupt


class Looks:
    """An observer whose looks succeed or fail as told; the last picture is of the end."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)

    def look(self):
        """Take the next picture, or fail."""
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return Picture(rollout=outcome, measured=None, at=datetime.now(UTC))


def busy():
    """The controller has no environment free."""
    return CommandError("busy")


def followed(looks):
    """Wait for the end of a rollout, as --wait does; return how many pictures there were."""
    told = []
    follow(looks, told.append, every_s=1, until_over=True, sleep=lambda _: None)
    return len(told)


def test_waiting_survives_a_busy_controller(region):
    """One look that fails does not send a pipeline home."""
    live = region.controller.settle()
    roll_back(region)()
    over = region.controller.world.load()

    assert followed(Looks(live, *(busy() for _ in range(MOST_LOST)), live, busy(), over)) == 3


def test_waiting_ends_when_nobody_answers(region):
    """The first look says so at once; later ones after a few in a row."""
    live = region.controller.settle()

    with pytest.raises(CommandError):
        followed(Looks(busy(), live))
    with pytest.raises(CommandError):
        followed(Looks(live, *(busy() for _ in range(MOST_LOST + 1))))


def test_clock_is_the_regions_once_it_has_answered():
    """A region that goes faster, or a laptop that is wrong: ages are told by the answers' dates."""
    hands = Hands()
    clock = HeardClock(hands)
    unheard = clock.now()
    clock.heard("Thu, 01 Jan 2037 00:00:00 GMT")
    heard = clock.now()
    clock.heard("not a date")

    assert (unheard, heard, clock.now()) == (
        hands.now(),
        datetime(2037, 1, 1, tzinfo=UTC),
        datetime(2037, 1, 1, tzinfo=UTC),
    )
