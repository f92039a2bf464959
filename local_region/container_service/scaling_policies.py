"""How many tasks a scaling policy wants: pure functions over a metric and the last activities.

Source:
    docs.aws.amazon.com/autoscaling/application/APIReference/
    API_TargetTrackingScalingPolicyConfiguration.html and API_StepScalingPolicyConfiguration.html
    (cooldowns: what a scale-out has added counts as part of the next one's; scale-ins wait; a
    scale-out during a scale-in's cooldown happens at once and ends it; 300 s by default for ECS);
    …/userguide/application-auto-scaling-target-tracking.html (scaling out is proportional and
    rounded up; missing data scale nothing); …/step-scaling-policy-overview.html (which step a
    breach falls into, how percentages are rounded). AWS does not publish how gradually target
    tracking scales in: here it goes to what the target needs, rounded up. Read 2026-11-22.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

COOLDOWN_S: Final = 300.0
_PERCENT: Final = 100
_KINDS: Final = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What was scaled last in one direction: when, and from how many tasks."""

    at: datetime
    base: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a scalable target stands.

    Attributes:
        capacity: Tasks wanted now.
        minimum: Fewest that a policy may want.
        maximum: Most that a policy may want.
        now: The time.
        out: The last scale-out; None if there was none, or a scale-in since.
        inward: The last scale-in; None if there was none, or a scale-out since.
    """

    capacity: int
    minimum: int
    maximum: int
    now: datetime
    out: Activity | None = None
    inward: Activity | None = None

    def base(self, cooldown_s: float) -> int:
        """Return what a scale-out is reckoned from: without what the last one has just added."""
        if self.out is not None and self.now < self.out.at + timedelta(seconds=cooldown_s):
            return self.out.base
        return self.capacity

    def more(self, count: int) -> int | None:
        """Return a larger capacity within bounds; None if it would not grow."""
        count = min(self.maximum, count)
        return count if count > self.capacity else None

    def fewer(self, count: int, cooldown_s: float) -> int | None:
        """Return a smaller capacity within bounds; None if it would not shrink, or must wait."""
        last = self.inward
        if last is not None and self.now < last.at + timedelta(seconds=cooldown_s):
            return None
        count = max(self.minimum, count)
        return count if count < self.capacity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTracking:
    """Keeps a metric at a value."""

    target: float
    out_cooldown_s: float = COOLDOWN_S
    in_cooldown_s: float = COOLDOWN_S
    scales_in: bool = True

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Read `TargetTrackingScalingPolicyConfiguration`."""
        return cls(
            target=float(properties["TargetValue"]),
            out_cooldown_s=float(properties.get("ScaleOutCooldown", COOLDOWN_S)),
            in_cooldown_s=float(properties.get("ScaleInCooldown", COOLDOWN_S)),
            scales_in=properties.get("DisableScaleIn", False) not in {True, "true"},
        )

    def out(self, standing: Standing, value: float) -> int | None:
        """Return the capacity that brings a value above the target back; None for the present."""
        base = standing.base(self.out_cooldown_s)
        return standing.more(math.ceil(base * value / self.target))

    def inward(self, standing: Standing, value: float) -> int | None:
        """Return the capacity that a value below the target needs; None for the present."""
        wanted = math.ceil(standing.capacity * value / self.target)
        return standing.fewer(wanted, self.in_cooldown_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done about a breach between two distances from the threshold."""

    lower: float
    upper: float
    adjustment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScaling:
    """Changes the capacity by the size of an alarm's breach."""

    kind: str
    steps: tuple[Step, ...]
    cooldown_s: float = COOLDOWN_S
    smallest: int = 0

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Read `StepScalingPolicyConfiguration`.

        Raises:
            ValueError: Its adjustment type is not known.
        """
        kind = properties.get("AdjustmentType", "")
        if kind not in _KINDS:
            raise ValueError(f"AdjustmentType {kind!r} is not one of {', '.join(_KINDS)}")
        return cls(
            kind=kind,
            steps=tuple(
                Step(
                    lower=float(item.get("MetricIntervalLowerBound", -math.inf)),
                    upper=float(item.get("MetricIntervalUpperBound", math.inf)),
                    adjustment=float(item["ScalingAdjustment"]),
                )
                for item in properties.get("StepAdjustments", ())
            ),
            cooldown_s=float(properties.get("Cooldown", COOLDOWN_S)),
            smallest=int(properties.get("MinAdjustmentMagnitude", 0)),
        )

    def wanted(self, standing: Standing, breach: float, *, is_above: bool) -> int | None:
        """Return the capacity after a breach; None for the present.

        Args:
            standing: Where the target stands.
            breach: The metric less the alarm's threshold.
            is_above: Whether the alarm watches for values above its threshold.
        """
        for step in self.steps:
            if (
                (step.lower <= breach < step.upper)
                if is_above
                else (step.lower < breach <= step.upper)
            ):
                base = standing.base(self.cooldown_s)
                more = standing.more(self._changed(base, step.adjustment))
                if more is not None:
                    return more
                return standing.fewer(
                    self._changed(standing.capacity, step.adjustment), self.cooldown_s
                )
        return None

    def _changed(self, count: int, adjustment: float) -> int:
        if self.kind == "ExactCapacity":
            return int(adjustment)
        if self.kind == "ChangeInCapacity":
            return count + int(adjustment)
        change = count * adjustment / _PERCENT
        whole = math.trunc(change) if abs(change) >= 1 else int(math.copysign(1, change))
        return count + int(math.copysign(max(abs(whole), self.smallest), change))
