"""A deployment under way: from which definition to which, and how far it has come."""

from collections.abc import Sequence
from datetime import datetime

from local_region.container_service.strategy import (
    Progress,
    Seen,
    Stage,
    Strategy,
    advance,
    percent_of,
)


class Deployment:
    """One release of a service replacing another.

    Args:
        source: The definition that the last completed deployment brought.
        target: The definition that is wanted.
        strategy: How it takes over.
        now: When it began.
        alarms: Alarms that are watched; none if one was in ALARM at the beginning.
    """

    def __init__(
        self,
        *,
        source: str,
        target: str,
        strategy: Strategy,
        now: datetime,
        alarms: Sequence[str],
    ) -> None:
        self.source, self.target, self.strategy = source, target, strategy
        self.alarms = tuple(alarms)
        self._progress = Progress(since=now)

    @property
    def stage(self) -> Stage:
        """Where it is."""
        return self._progress.stage

    @property
    def reason(self) -> str:
        """Why it was rolled back; empty if it was not."""
        return self._progress.reason

    @property
    def percent(self) -> float:
        """The new tasks' share of the requests; of rolling deployments nobody sets one."""
        return percent_of(self.strategy, self._progress) if self.strategy.is_shifting else 0.0

    @property
    def sentence(self) -> str:
        """What operators are told of where it is."""
        what = f"deployment of {self.target}"
        match self.stage:
            case Stage.SCALE_UP:
                return f"{what} begins ({self.strategy.name})"
            case Stage.SUCCESSFUL:
                return f"{what} is complete"
            case Stage.ROLLED_BACK:
                return f"{what} is rolled back: {self.reason}"
            case _:
                shift = self.strategy.shifts[self._progress.shift]
                minutes = shift.bake.total_seconds() / 60
                return f"{what}: {shift.percent:g} % of the requests for {minutes:g} minutes"

    def advance(self, seen: Seen, now: datetime) -> bool:
        """Go one step further if it is time; say whether anything changed."""
        before, self._progress = self._progress, advance(self.strategy, self._progress, seen, now)
        return self._progress != before
