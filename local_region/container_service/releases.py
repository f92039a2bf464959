"""What a service has released: the last release that was completed, and the one that replaces it.

A deployment is watched where there is a completed one to come back to: by its alarms, unless one is
red already when it begins, and by whether its tasks come up.
"""

from collections.abc import Sequence
from typing import Final

from falaj.domain.clock import Clock
from local_region.container_service.deployment import Deployment
from local_region.container_service.outside import Outside
from local_region.container_service.strategy import Seen, Stage
from local_region.container_service.task_definition import Registration, ServiceSettings

_WEIGHTS: Final = 1000
"""Weights of a rule's groups add up to this: shares are given in tenths of a percent."""


class Releases:
    """The releases of one service.

    Args:
        outside: Who is told, which alarms are red, and whose rules have weights.
        clock: Tells the time.

    Attributes:
        deployment: What replaces a release now; None while nothing is watched.
        failed: Why the last deployment was given up; empty if it was not.
        last_good: The definition that the last completed deployment brought; empty for none.
        is_on_alternate: Whether the alternate groups have the requests.
    """

    def __init__(self, outside: Outside, clock: Clock) -> None:
        self._outside, self._clock = outside, clock
        self.deployment: Deployment | None = None
        self.failed = ""
        self.last_good = ""
        self.is_on_alternate = False

    @property
    def shifting(self) -> Deployment | None:
        """The deployment that stands beside what it replaces; None if there is no such."""
        deployment = self.deployment
        return deployment if deployment is not None and deployment.strategy.is_shifting else None

    def begin(self, settings: ServiceSettings) -> None:
        """Watch a new definition's deployment, where there is one to come back to."""
        was, self.deployment, self.failed = self.deployment, None, ""
        strategy, source = settings.strategy, self.last_good
        if was is not None:
            self._outside.tell(f"deployment of {was.target} was given up for another")
        is_same = source in {"", settings.task_definition_arn}
        if is_same or not strategy.is_watched or not settings.is_runnable:
            return
        quiet = not any(self._outside.is_in_alarm(name) for name in strategy.alarms)
        self.deployment = Deployment(
            source=source,
            target=settings.task_definition_arn,
            strategy=strategy,
            now=self._clock.now(),
            alarms=strategy.alarms if quiet else (),
        )
        self._outside.tell(self.deployment.sentence)

    def advance(self, *, is_up: bool, failure: str) -> str:
        """Go on with the deployment as far as it is time.

        Args:
            is_up: Whether all its tasks answer.
            failure: Why its tasks do not live; empty while that is not known.

        Returns:
            Why the last completed deployment must come back; empty if it must not.
        """
        deployment = self.deployment
        if deployment is None:
            return ""
        in_alarm = (name for name in deployment.alarms if self._outside.is_in_alarm(name))
        seen = Seen(is_up=is_up, alarm=next(in_alarm, ""), failure=failure)
        if not deployment.advance(seen, self._clock.now()):
            return ""
        self._outside.tell(deployment.sentence)
        if deployment.stage is Stage.SUCCESSFUL:
            self.is_on_alternate ^= deployment.strategy.is_shifting
            self.last_good, self.deployment = deployment.target, None
        return deployment.reason if deployment.stage is Stage.ROLLED_BACK else ""

    def give_up(self, reason: str) -> None:
        """Watch no further."""
        self.failed, self.deployment = reason, None

    def weigh(self, registrations: Sequence[Registration]) -> None:
        """Give the groups of each rule their share of the requests."""
        percent = self.deployment.percent if self.deployment else 0.0
        candidate = round(_WEIGHTS * percent / 100)
        for each in registrations:
            if each.rule_arn and each.alternate_arn:
                groups = (each.group_arn, each.alternate_arn)
                stable, other = reversed(groups) if self.is_on_alternate else groups
                weights = {stable: _WEIGHTS - candidate, other: candidate}
                self._outside.weigh(each.rule_arn, weights)
