"""How many units an experiment needs, how long that takes, and with what power.

Powers and mean sample sizes are computed by the same recursion as the boundaries, not simulated.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from analysis.boundaries import crossing_chances, drift_for_power, even_fractions, spending_boundary
from analysis.numbers import quantile, root
from analysis.sequences import sequence_critical
from falaj.errors import ConfigurationError

MARGIN: Final = 1.02
"""Units on top of what Brownian motion needs: with it, simulated power reaches the wanted one."""

SEQUENCE_LOOKS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a design costs.

    Attributes:
        method: `group_sequential`, `confidence_sequence` or `fixed`.
        units: Largest number of units, over both arms.
        mean_units: Units on average if the effect is the smallest that matters.
        mean_units_without_effect: Units on average if there is none.
        power: Probability of a verdict in the right direction by `units`.
        alpha: Two-sided level.
        looks: Number of looks.
        days: Days until `units` at the given traffic; None without it.
        mean_days: Days on average if the effect is there.
    """

    method: str
    units: int
    mean_units: float
    mean_units_without_effect: float
    power: float
    alpha: float
    looks: int
    days: float | None = None
    mean_days: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write the plan as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be found out.

    Attributes:
        variances: Variance of a unit's value in the control and in the arm.
        effect: Absolute difference to be detected, not 0.
        share: The arm's share of both, in (0, 1).
        alpha: Two-sided level.
        power: Wanted power.
        units_per_day: Traffic into both arms.
    """

    variances: tuple[float, float]
    effect: float
    share: float = 0.5
    alpha: float = 0.05
    power: float = 0.8
    units_per_day: float | None = None

    def __post_init__(self) -> None:
        faults = [
            sentence
            for is_wrong, sentence in [
                (min(self.variances) <= 0, "variances are above 0"),
                (self.effect == 0 or not math.isfinite(self.effect), "the effect is not 0"),
                (not 0 < self.share < 1, "the share lies in (0, 1)"),
                (not 0 < self.alpha < self.power < 1, "0 < alpha < power < 1"),
                ((self.units_per_day or 1) <= 0, "units_per_day is above 0"),
            ]
            if is_wrong
        ]
        if faults:
            raise ConfigurationError(faults)

    @classmethod
    def rates(cls, base: float, wanted: float, **rest: Any) -> "Question":  # noqa: ANN401
        """Ask about two rates.

        Args:
            base: The control's rate.
            wanted: The rate that should be told from it.
            rest: Further attributes of `Question`.
        """
        if not (0 < base < 1 and 0 < wanted < 1):
            raise ConfigurationError(["rates lie in (0, 1)"])
        variances = base * (1 - base), wanted * (1 - wanted)
        return cls(variances=variances, effect=wanted - base, **rest)

    @property
    def drift_per_root_unit(self) -> float:
        """E[Z] at n units, over √n."""
        control, treatment = self.variances
        unit_variance = treatment / self.share + control / (1 - self.share)
        return abs(self.effect) / math.sqrt(unit_variance)

    def _drift(self, units: float) -> float:
        return self.drift_per_root_unit * math.sqrt(units / MARGIN)

    def _costs(
        self, method: str, units: float, fractions: Sequence[float], critical: Sequence[float]
    ) -> Plan:
        drift = self._drift(units) if len(fractions) > 1 else self.drift_per_root_unit * units**0.5
        there = crossing_chances(fractions, critical, drift)
        absent = crossing_chances(fractions, critical, 0.0)
        mean = units * there.mean_fraction(fractions)
        daily = self.units_per_day
        return Plan(
            method=method,
            units=math.ceil(units),
            mean_units=mean,
            mean_units_without_effect=units * absent.mean_fraction(fractions),
            power=math.fsum(there.upper),
            alpha=self.alpha,
            looks=len(fractions),
            days=units / daily if daily else None,
            mean_days=mean / daily if daily else None,
        )

    def fixed(self) -> Plan:
        """Plan one look at the end.

        Example:
            >>> Question.rates(0.05, 0.06).fixed().units
            16310
        """
        z = -quantile(self.alpha / 2)
        drift = drift_for_power((1.0,), (z,), self.power)
        return self._costs("fixed", (drift / self.drift_per_root_unit) ** 2, (1.0,), (z,))

    def group_sequential(self, looks: int = 20) -> Plan:
        """Plan evenly spaced looks with O'Brien–Fleming spending.

        Example:
            >>> plan = Question.rates(0.05, 0.06).group_sequential(20)
            >>> plan.units, round(plan.mean_units), round(plan.power, 3)
            (17829, 13347, 0.8)
        """
        fractions = even_fractions(looks)
        critical = spending_boundary(fractions, self.alpha)
        drift = drift_for_power(fractions, critical, self.power)
        units = MARGIN * (drift / self.drift_per_root_unit) ** 2
        return self._costs("group_sequential", units, fractions, critical)

    def confidence_sequence(self, tuned_units: int | None = None) -> Plan:
        """Plan a confidence sequence, looked at 50 times on the way to `units`.

        Args:
            tuned_units: Units at which it is tightest; by default a sensible choice for this
                question.
        """
        fixed = self.fixed().units
        tuned = tuned_units or fixed
        fractions = even_fractions(SEQUENCE_LOOKS)

        def critical(units: float) -> tuple[float, ...]:
            return tuple(
                sequence_critical(max(1, round(units * t)), tuned, self.alpha) for t in fractions
            )

        def gap(units: float) -> float:
            drift = self._drift(units)
            return math.fsum(crossing_chances(fractions, critical(units), drift).upper) - self.power

        units = float(fixed)
        if gap(units) < 0:  # otherwise a handful of units is enough by any method
            units = root(gap, float(fixed), 8.0 * fixed, within=max(1.0, fixed / 1e3))
        return self._costs("confidence_sequence", units, fractions, critical(units))
