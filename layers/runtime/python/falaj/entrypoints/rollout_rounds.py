"""The scheduled round: which models need a look, and all of them looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from falaj.aws.desired import Wish, Wishes
from falaj.aws.rollout_store import Status
from falaj.domain.clock import Clock
from falaj.domain.rollout import Phase
from falaj.entrypoints.rollout_settling import Settler, Surroundings
from falaj.entrypoints.rollout_world import World
from falaj.errors import ControllerError, DependencyError, FalajError

AFTER_THE_WINDOW: Final = timedelta(minutes=10)
"""How long after the rollback window a model is still looked at, to cool and prune versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    wishes: Wishes
    statuses: Mapping[str, Status]
    dark: frozenset[str]


class Rounds:
    """Looks after every model that needs it, live ones first.

    Args:
        world: What is read and written.
        settler: Looks after one model.
        clock: The time.
    """

    def __init__(self, world: World, settler: Settler, clock: Clock) -> None:
        self._world, self._settler, self._clock = world, settler, clock

    def go(self, *, has_time: Callable[[], bool]) -> dict[str, str]:
        """Look after the models; one that fails does not stop the next.

        Args:
            has_time: Whether another model can be looked after before Lambda ends the function.

        Returns:
            Phase by model.

        Raises:
            ControllerError: Some could not be looked after; the others were, and the heartbeat was
                published.
        """
        now = self._clock.now()
        scene = self._scene()
        alarms = self._settler.alarms()
        failures = dict(scene.wishes.faults)
        phases: dict[str, str] = {}
        for model in _in_order(scene, now):
            if not has_time():
                failures[model] = "there was no time left; it is the first one in the next minute"
                continue
            around = Surroundings(
                wish=scene.wishes.readable.get(model), alarms=alarms, dark=scene.dark
            )
            try:
                settled = self._settler.settle(model, around)
            except FalajError as error:
                failures[model] = str(error)
                continue
            phases[model] = settled.rollout.phase.value
            if settled.failures:
                failures[model] = "; ".join(map(str, settled.failures))
        try:
            self._world.metrics.beat(self._clock.now())
        except DependencyError as error:
            failures["heartbeat"] = str(error)
        if failures:
            raise ControllerError(failures)
        return phases

    def _scene(self) -> _Scene:
        dark = set()
        wishes = Wishes(readable={}, faults={})
        try:
            wishes = self._world.desired.read_all()
        except DependencyError as error:
            dark.add(error.service)
        try:
            statuses = dict(self._world.store.load_all())
        except DependencyError:
            statuses = dict(self._settler.remembered())
        return _Scene(wishes=wishes, statuses=statuses, dark=frozenset(dark))


def _in_order(scene: _Scene, now: datetime) -> list[str]:
    """Name the models that need a look, those with a live rollout first."""
    names = sorted({*scene.wishes.readable, *scene.statuses})
    needing = [
        name
        for name in names
        if needs_a_look(scene.statuses.get(name), scene.wishes.readable.get(name), now)
    ]
    live = {name for name, status in scene.statuses.items() if status.rollout.is_live}
    return sorted(needing, key=lambda name: name not in live)


def needs_a_look(status: Status | None, wish: Wish | None, now: datetime) -> bool:
    """Whether the minute's round has anything to do for a model."""
    if status is None or not status.is_stored:
        return True
    rollout, release = status.rollout, status.rollout.release
    if rollout.is_live or status.commands or status.owed or release is None:
        return True
    if wish and (wish.release.serial > release.serial or wish.function != status.function):
        return True
    if min(status.announced, status.delivered) < rollout.generation:
        return True
    window = timedelta(seconds=release.plan.rollback_window_s) + AFTER_THE_WINDOW
    return rollout.phase is not Phase.IDLE and now - (rollout.since or now) < window
