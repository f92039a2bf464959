"""A picture that stays on the screen and is drawn again, whatever the region does meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live

from cli.exits import Exit
from cli.failures import CommandError
from cli.rollout.client import RolloutClient
from cli.rollout.measuring import Meter
from cli.rollout.picture import Picture
from cli.rollout.view import board
from falaj.domain.clock import Clock

ENDS = {
    "promoted": Exit.PASSED,
    "rolled_back": Exit.REFUSED,
    "aborted": Exit.REFUSED,
    "inconclusive": Exit.INCONCLUSIVE,
}
"""What a program that waits for the end of a rollout reads."""
MOST_LOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Takes pictures of one model's rollout.

    Attributes:
        client: Asks the controller.
        meter: Asks CloudWatch.
        model: Model name.
        clock: What time it is.
    """

    client: RolloutClient
    meter: Meter
    model: str
    clock: Clock

    def look(self) -> Picture:
        """Take a picture; without measurements when only CloudWatch does not answer.

        Raises:
            CommandError: The controller does not answer.
        """
        rollout = self.client.status(self.model)
        now = self.clock.now()
        try:
            measured = self.meter.measure(rollout, now)
        except CommandError as error:
            return Picture(rollout=rollout, measured=None, at=now, unmeasured_because=str(error))
        return Picture(rollout=rollout, measured=measured, at=now)


def ending(picture: Picture) -> Exit | None:
    """Return the exit status of a rollout that is over; None while it goes on."""
    rollout = picture.rollout
    return ENDS.get(rollout.outcome, Exit.ERROR) if rollout.log and not rollout.is_live else None


@dataclass(slots=True, kw_only=True)
class Watch:
    """Draws a rollout again and again.

    Attributes:
        observer: Takes the pictures.
        console: Where they go.
        every_s: Whole seconds between two of them; the countdown is drawn each second.
        until_over: Whether to end with the rollout.
        sleep: Waits.
    """

    observer: Observer
    console: Console
    every_s: int
    until_over: bool
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> Picture:
        """Draw until the rollout is over, if that is wanted, and return the last picture.

        Raises:
            CommandError: The very first look failed: there is nothing to show.
        """
        picture, lost = self.observer.look(), ""
        with Live(
            console=self.console, auto_refresh=False, screen=True, vertical_overflow="crop"
        ) as live:
            while lost or not self._is_over(picture):
                for _ in range(self.every_s):
                    now = self.observer.clock.now()
                    live.update(board(picture, now=now, lost=lost), refresh=True)
                    self.sleep(1)
                picture, lost = self._again(picture)
        self.console.print(board(picture))  # the alternate screen leaves nothing behind
        return picture

    def _is_over(self, picture: Picture) -> bool:
        return self.until_over and ending(picture) is not None

    def _again(self, picture: Picture) -> tuple[Picture, str]:
        try:
            return self.observer.look(), ""
        except CommandError as error:
            return picture, str(error)


def follow(
    observer: Observer,
    tell: Callable[[Picture], None],
    *,
    every_s: int,
    until_over: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Picture:
    """Tell picture after picture, to a pipe or a program, and return the last.

    A look that fails between others is left out: whoever waits for the end of a rollout is not
    sent home because its controller was busy once.

    Raises:
        CommandError: The first look failed, or `MOST_LOST` others in a row.
    """
    lost = MOST_LOST
    while True:
        try:
            picture = observer.look()
        except CommandError:
            if lost >= MOST_LOST:
                raise
            lost += 1
        else:
            lost = 0
            tell(picture)
            if until_over and ending(picture) is not None:
                return picture
        sleep(every_s)
