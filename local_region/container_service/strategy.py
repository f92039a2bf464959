"""How a service's release replaces another: shares and bake times as a value, stages as a table.

Source:
    botocore's ecs model (DeploymentConfiguration: strategy, bakeTimeInMinutes,
    canaryConfiguration, linearConfiguration "This bake time is not applied after reaching 100
    percent traffic", alarms); docs.aws.amazon.com/AmazonECS/latest/developerguide/
    deployment-type-canary.html and deployment-type-linear.html (the new tasks are all up before
    the first share; after the last one both run on for the bake time);
    deployment-alarm-failure.html (an alarm ends the deployment and brings the last completed one
    back; if one is in ALARM when a deployment begins, none is watched). Read 2026-11-22.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

ROLLING: Final = "ROLLING"
_ALL: Final = 100.0
_TRUE: Final = frozenset({True, "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A share of the requests, and how long it is watched.

    Attributes:
        percent: Share of the new tasks, up to 100.
        bake: How long until the next, or the end.
    """

    percent: float
    bake: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A deployment's strategy.

    Attributes:
        name: ECS's word for it.
        shifts: In order; the last one has all requests.
        alarms: Names of the alarms that roll it back.
    """

    name: str = ROLLING
    shifts: tuple[Shift, ...] = (Shift(percent=_ALL, bake=timedelta(0)),)
    alarms: tuple[str, ...] = ()

    @classmethod
    def from_properties(cls, configuration: Mapping[str, Any]) -> Self:
        """Read `DeploymentConfiguration`.

        Raises:
            ValueError: It asks for what is not known here.
        """
        name = str(configuration.get("Strategy", ROLLING))
        if name not in _SHIFTS:
            raise ValueError(f"deployments of strategy {name} are not known here")
        if configuration.get("LifecycleHooks"):
            raise ValueError("lifecycle hooks of deployments are not known here")
        alarms = configuration.get("Alarms") or {}
        is_watching = alarms.get("Enable") in _TRUE
        if is_watching and alarms.get("Rollback") not in _TRUE:
            raise ValueError("deployment alarms that do not roll back are not known here")
        bake = _minutes(configuration.get("BakeTimeInMinutes", 0))
        return cls(
            name=name,
            shifts=(*_SHIFTS[name](configuration), Shift(percent=_ALL, bake=bake)),
            alarms=tuple(map(str, alarms.get("AlarmNames", ()))) if is_watching else (),
        )

    @property
    def is_shifting(self) -> bool:
        """Whether old and new tasks stand side by side behind groups of their own."""
        return self.name != ROLLING

    @property
    def is_watched(self) -> bool:
        """Whether a deployment is more than the replacement of tasks."""
        return self.is_shifting or bool(self.alarms)


def _minutes(value: object) -> timedelta:
    return timedelta(minutes=int(str(value)))


def _canary(configuration: Mapping[str, Any]) -> tuple[Shift, ...]:
    given = configuration.get("CanaryConfiguration") or {}
    percent = float(given.get("CanaryPercent", 5.0))
    bake = _minutes(given.get("CanaryBakeTimeInMinutes", 10))
    return (Shift(percent=percent, bake=bake),) if percent < _ALL else ()


def _linear(configuration: Mapping[str, Any]) -> tuple[Shift, ...]:
    given = configuration.get("LinearConfiguration") or {}
    step = float(given.get("StepPercent", 10.0))
    bake = _minutes(given.get("StepBakeTimeInMinutes", 6))
    # In tenths, in which it is given: sums of 33.3 are exact then.
    tenths = range(round(10 * step), round(10 * _ALL), round(10 * step))
    return tuple(Shift(percent=number / 10, bake=bake) for number in tenths)


def _at_once(_: Mapping[str, Any]) -> tuple[Shift, ...]:
    return ()


_SHIFTS: Final = {
    ROLLING: _at_once,
    "BLUE_GREEN": _at_once,
    "CANARY": _canary,
    "LINEAR": _linear,
}


class Stage(StrEnum):
    """Where a deployment is, by ECS's words for its lifecycle."""

    SCALE_UP = "SCALE_UP"
    PRODUCTION_TRAFFIC_SHIFT = "PRODUCTION_TRAFFIC_SHIFT"
    BAKE_TIME = "BAKE_TIME"
    SUCCESSFUL = "SUCCESSFUL"
    ROLLED_BACK = "ROLLBACK_SUCCESSFUL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a deployment has come.

    Attributes:
        stage: Its stage.
        shift: Number of the shift that it is at.
        since: When it came there.
        reason: Why it was rolled back.
    """

    stage: Stage = Stage.SCALE_UP
    shift: int = 0
    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen of a deployment.

    Attributes:
        is_up: Whether all new tasks answer.
        alarm: An alarm of its own that is in ALARM; empty if there is none.
        failure: Why its tasks do not live; empty while they may.
    """

    is_up: bool
    alarm: str = ""
    failure: str = ""


def advance(strategy: Strategy, progress: Progress, seen: Seen, now: datetime) -> Progress:
    """Return where a deployment is now; at most one step further than before.

    Example:
        >>> from datetime import UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> advance(Strategy(), Progress(since=start), Seen(is_up=True), start).stage
        <Stage.BAKE_TIME: 'BAKE_TIME'>
    """
    if progress.stage in {Stage.SUCCESSFUL, Stage.ROLLED_BACK}:
        return progress
    if seen.alarm or seen.failure:
        reason = seen.failure or f"alarm {seen.alarm} went off"
        return replace(progress, stage=Stage.ROLLED_BACK, since=now, reason=reason)
    if progress.stage is Stage.SCALE_UP:
        return _at(strategy, 0, now) if seen.is_up else progress
    if now < progress.since + strategy.shifts[progress.shift].bake:
        return progress
    if progress.stage is Stage.BAKE_TIME:
        return replace(progress, stage=Stage.SUCCESSFUL, since=now)
    return _at(strategy, progress.shift + 1, now)


def percent_of(strategy: Strategy, progress: Progress) -> float:
    """Return the share of requests that go to the new tasks."""
    if progress.stage in {Stage.SCALE_UP, Stage.ROLLED_BACK}:
        return 0.0
    return strategy.shifts[progress.shift].percent


def _at(strategy: Strategy, shift: int, now: datetime) -> Progress:
    is_last = shift == len(strategy.shifts) - 1
    stage = Stage.BAKE_TIME if is_last else Stage.PRODUCTION_TRAFFIC_SHIFT
    return Progress(stage=stage, shift=shift, since=now)
