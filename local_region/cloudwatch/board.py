"""The board of alarms: who is in which state, evaluated when due."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from local_region.cloudwatch.alarm_state import AlarmState, next_state
from local_region.cloudwatch.alarms import STANDARD_STEP_S, Alarm
from local_region.cloudwatch.metrics import MetricStore


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """An alarm went from one state to another."""

    alarm: Alarm
    before: AlarmState
    after: AlarmState
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Standing:
    alarm: Alarm
    state: AlarmState
    reason: str
    since: datetime
    evaluated: int


class AlarmBoard:
    """Holds the region's alarms and evaluates each when it is due.

    Args:
        store: Where the metrics are.
        on_change: Told of every change of state, once.
    """

    def __init__(self, store: MetricStore, on_change: Callable[[StateChange], None]) -> None:
        self._store, self._on_change = store, on_change
        self._standing: dict[str, _Standing] = {}

    def put(self, alarm: Alarm, now: datetime) -> None:
        """Create or replace an alarm; a replaced one keeps its state, as PutMetricAlarm does.

        Source:
            docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html:
            "the alarm state is immediately set to INSUFFICIENT_DATA"; "When you update an existing
            alarm, its state is left unchanged".
        """
        known = self._standing.get(alarm.name)
        if known is not None:
            self._standing[alarm.name] = replace(known, alarm=alarm, evaluated=0)
            return
        self._standing[alarm.name] = _Standing(
            alarm, AlarmState.INSUFFICIENT_DATA, "Unchecked: Initial alarm creation", now, 0
        )

    def remove(self, name: str) -> None:
        """Forget an alarm; one that is not there is no error."""
        self._standing.pop(name, None)

    def __iter__(self) -> Iterator[Alarm]:
        return iter([standing.alarm for standing in self._standing.values()])

    def state(self, name: str) -> AlarmState:
        """Tell an alarm's state.

        Raises:
            KeyError: There is no such alarm.
        """
        return self._standing[name].state

    def reason(self, name: str) -> str:
        """Tell why an alarm is in its state.

        Raises:
            KeyError: There is no such alarm.
        """
        return self._standing[name].reason

    def since(self, name: str) -> datetime:
        """Tell when an alarm entered its state.

        Raises:
            KeyError: There is no such alarm.
        """
        return self._standing[name].since

    def set_state(self, name: str, state: AlarmState, reason: str, now: datetime) -> None:
        """Force a state until the next evaluation, as SetAlarmState does.

        Raises:
            KeyError: There is no such alarm.
        """
        self._enter(self._standing[name], state, reason, now)

    def evaluate(self, now: datetime) -> None:
        """Evaluate every alarm whose step has passed since it was last evaluated."""
        for standing in list(self._standing.values()):
            step = int(now.timestamp()) // standing.alarm.evaluated_every_s
            if step > standing.evaluated:
                self._evaluate(replace(standing, evaluated=step), now)

    def next_due(self, now: datetime) -> datetime:
        """Tell when the next evaluation can change anything."""
        steps = {standing.alarm.evaluated_every_s for standing in self._standing.values()}
        step = min(steps, default=STANDARD_STEP_S)
        return datetime.fromtimestamp((int(now.timestamp()) // step + 1) * step, UTC)

    def _evaluate(self, standing: _Standing, now: datetime) -> None:
        points = standing.alarm.datapoints(self._store, now)
        state = next_state(standing.alarm.threshold, points, standing.state)
        self._enter(standing, state, _reason(standing.alarm, points, state), now)

    def _enter(self, standing: _Standing, state: AlarmState, reason: str, now: datetime) -> None:
        alarm = standing.alarm
        if state is standing.state:
            self._standing[alarm.name] = standing
            return
        self._standing[alarm.name] = _Standing(alarm, state, reason, now, standing.evaluated)
        self._on_change(
            StateChange(alarm=alarm, before=standing.state, after=state, reason=reason, at=now)
        )


def _reason(alarm: Alarm, points: Sequence[float | None], state: AlarmState) -> str:
    threshold = alarm.threshold
    real = [point for point in points if point is not None][-threshold.evaluation_periods :]
    if state is AlarmState.INSUFFICIENT_DATA:
        return "Insufficient Data: no datapoints were received"
    verb = "was" if state is AlarmState.ALARM else "was not"
    shown = ", ".join(f"{point:g}" for point in real) or "none received"
    return (
        f"Threshold Crossed: {threshold.datapoints_to_alarm} out of the last "
        f"{threshold.evaluation_periods} datapoints [{shown}] {verb} "
        f"{_spoken(threshold.comparison)} the threshold ({threshold.value:g})"
    )


def _spoken(comparison: str) -> str:
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in comparison).strip()
    return words.removesuffix(" threshold").removesuffix(" to") + (
        " to" if "equal" in words else ""
    )
