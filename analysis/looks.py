"""What every metric says at every look, on a schedule that no one's curiosity changes.

Looks are counted in units, in order of exposure: a planned experiment looks at k/K of its planned
units, and a confidence sequence at 100 units and every 2 % more. Whoever opens the report, however
often, sees the same looks with the same numbers.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from analysis.boundaries import even_fractions, spending_boundary
from analysis.effects import Effect, NoEffectError, effect_between
from analysis.joining import Batch
from analysis.mismatch import log_mismatch
from analysis.moments import Moments
from analysis.sequences import log_e_value, sequence_critical
from falaj.experiments.metrics import Kind, Metric, Role
from falaj.experiments.spec import ExperimentSpec

FIRST_LOOK: Final = 100
GROWTH: Final = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One metric of one arm at one moment.

    Attributes:
        units: Units of all arms counted so far.
        at: First exposure of the last of them, seconds since the epoch.
        effect: The estimate; None while there is none.
        critical: Standard errors to each side of the interval.
        why_not: Why the look cannot decide; empty when it can.
        excess: How far a guardrail may move for the worse; 0 for other metrics.
    """

    units: int
    at: float
    effect: Effect | None
    critical: float
    why_not: str = ""
    excess: float = 0.0

    @property
    def interval(self) -> tuple[float, float] | None:
        """The difference's interval; None while there is none. Never of zero width."""
        if self.effect is None:
            return None
        reach = self.critical * self.effect.error
        return self.effect.difference - reach, self.effect.difference + reach

    @property
    def lift_interval(self) -> tuple[float, float] | None:
        """The relative difference's interval, at the same critical value."""
        return None if self.effect is None else self.effect.lift_interval(self.critical)

    @property
    def side(self) -> int:
        """1 when the interval lies above 0 (beyond the excess), −1 when below, 0 when undecided."""
        interval = self.interval
        if interval is None or self.why_not:
            return 0
        low, high = interval
        return (low > self.excess) - (high < -self.excess)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one arm against the control, over time.

    Attributes:
        metric: The metric.
        arm: Name of the arm.
        looks: In order; empty before the first.
        decided: The look that decided; later ones do not revoke it. Secondary metrics never decide.
        log_e_value: Evidence at the latest look, natural log; None while there is none.
        is_complete: Whether all planned looks were taken.
    """

    metric: Metric
    arm: str
    looks: tuple[Look, ...]
    decided: Look | None
    log_e_value: float | None = None
    is_complete: bool = False

    @property
    def latest(self) -> Look | None:
        """The look to show: the one that decided, or the last."""
        return self.decided or (self.looks[-1] if self.looks else None)

    @property
    def is_better(self) -> bool:
        """Whether the arm was found better."""
        return self.decided is not None and self.decided.side == self.metric.sign

    @property
    def is_worse(self) -> bool:
        """Whether the arm was found worse; for a guardrail, beyond the harm that is allowed."""
        return self.decided is not None and self.decided.side == -self.metric.sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Whether units are split as declared.

    Attributes:
        counts: Units by arm, by first exposure.
        shares: Declared shares.
        log_evidence: Largest evidence for a mismatch at any look, natural log.
        threshold: What it must stay under, natural log.
        is_tested: Whether the shares were fixed, so that a mismatch means something.
    """

    counts: tuple[int, ...]
    shares: tuple[float, ...]
    log_evidence: float
    threshold: float
    is_tested: bool = True

    @property
    def is_broken(self) -> bool:
        """Whether the split is not the declared one."""
        return self.is_tested and self.log_evidence >= self.threshold


def schedule(total: int) -> Iterator[int]:
    """Give the looks of a confidence sequence up to a number of units, and that number itself.

    Example:
        >>> list(schedule(105))
        [100, 102, 104, 105]
    """
    units = FIRST_LOOK
    while units < total:
        yield units
        units = max(units + 1, math.floor(units * GROWTH))
    if total:
        yield total


@dataclass(slots=True)
class _Series:
    """Looks of one metric as units stream by."""

    spec: ExperimentSpec
    metric: Metric
    planned: Mapping[int, float]
    arms: list[Moments]
    looks: list[list[Look]]

    def take(self, units: int, at: float, *, is_scheduled: bool) -> None:
        critical = self._critical(units, is_scheduled=is_scheduled)
        if critical is None:
            return
        for index in range(1, len(self.arms)):
            self.looks[index].append(self._look(index, units, at, critical))

    def _critical(self, units: int, *, is_scheduled: bool) -> float | None:
        if self.planned:
            return self.planned.get(units)
        level = comparison_level(self.spec, self.metric)
        return sequence_critical(units, self.spec.tuned_units, level) if is_scheduled else None

    def _look(self, index: int, units: int, at: float, critical: float) -> Look:
        metric, control, arm = self.metric, self.arms[0], self.arms[index]
        effect, why_not = None, ""
        try:
            effect = effect_between(
                control,
                arm,
                is_ratio=metric.kind is Kind.RATIO,
                is_adjusted=metric.use_covariate,
            )
        except NoEffectError as error:
            why_not = str(error)
        fewest = min(control.events, arm.events)
        if effect is not None and fewest < self.spec.minimum_events:
            why_not = f"an arm has {fewest} events, fewer than {self.spec.minimum_events}"
        return Look(
            units=units,
            at=at,
            effect=effect,
            critical=critical,
            why_not=why_not,
            excess=metric.allowed_harm,
        )

    def comparisons(self) -> Iterator[Comparison]:
        for index, arm in enumerate(self.spec.arms):
            if index:
                looks = tuple(self.looks[index])
                yield Comparison(
                    metric=self.metric,
                    arm=arm.name,
                    looks=looks,
                    decided=next((look for look in looks if self._decides(look)), None),
                    log_e_value=self._log_e_value(looks),
                    is_complete=bool(self.planned) and len(looks) == len(self.planned),
                )

    def _decides(self, look: Look) -> bool:
        if self.metric.role is Role.GUARDRAIL:
            return look.side == -self.metric.sign  # a guardrail only stops
        return self.metric.role is Role.SUCCESS and look.side != 0

    def _log_e_value(self, looks: tuple[Look, ...]) -> float | None:
        usable = [look for look in looks if look.effect is not None and not look.why_not]
        if not usable or usable[-1].effect is None:
            return None
        level = comparison_level(self.spec, self.metric)
        last = usable[-1]
        return log_e_value(usable[-1].effect.z, last.units, self.spec.tuned_units, level)


def comparison_level(spec: ExperimentSpec, metric: Metric) -> float:
    """Give a comparison its part of the level: over arms, and over guardrails.

    Secondary metrics are judged by their false-discovery rate, so only arms share the level there.
    """
    arms = len(spec.arms) - 1
    rails = sum(other.role is Role.GUARDRAIL for other in spec.metrics)
    return spec.alpha / arms / (rails if metric.role is Role.GUARDRAIL else 1)


def planned_looks(spec: ExperimentSpec) -> dict[int, float]:
    """Map the units of every planned look to its critical |Z|; empty without a planned size."""
    if spec.planned_units is None:
        return {}
    fractions = even_fractions(spec.looks)
    critical = spending_boundary(fractions, comparison_level(spec, spec.success))
    units = [math.ceil(spec.planned_units * fraction - 1e-9) for fraction in fractions]
    return dict(zip(units, critical, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything the looks gave.

    Attributes:
        comparisons: By metric in the spec's order, then by arm.
        balance: The split.
        first_at: First exposure that was counted; None without units.
        last_at: Last exposure that was counted.
        units: Units counted.
        moments: Units of the success metric, by arm.
    """

    comparisons: tuple[Comparison, ...]
    balance: Balance
    moments: tuple[Moments, ...] = ()
    first_at: float | None = None
    last_at: float | None = None
    units: int = 0


@dataclass(slots=True)
class Observer:
    """Takes units in order and looks when it is time.

    Attributes:
        spec: The experiment.
        total: Units that will come.
    """

    spec: ExperimentSpec
    total: int
    _series: list[_Series] = field(init=False)
    _counts: list[int] = field(init=False)
    _evidence: float = field(init=False, default=0.0)
    _seen: int = field(init=False, default=0)
    _times: list[float] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        planned = planned_looks(self.spec)
        arms = len(self.spec.arms)
        self._counts = [0] * arms
        self._series = [
            _Series(
                spec=self.spec,
                metric=metric,
                planned=planned if metric.role is Role.SUCCESS else {},
                arms=[Moments()] * arms,
                looks=[[] for _ in range(arms)],
            )
            for metric in self.spec.metrics
        ]

    def observe(
        self, batches: Iterable[Batch], arm_counts: tuple[int, ...] | None = None
    ) -> Findings:
        """Take all units.

        Args:
            batches: Units in order of first exposure.
            arm_counts: All units by arm, those not yet counted included, for the balance.
        """
        scheduled = set(schedule(self.total))
        stops = iter(sorted(scheduled | set(planned_looks(self.spec))))
        stop = next(stops, None)
        for batch in batches:
            start = 0
            while stop is not None and stop - self._seen <= len(batch.arms) - start:
                end = start + stop - self._seen
                self._add(batch, start, end)
                self._take(stop, float(batch.times[end - 1]), is_scheduled=stop in scheduled)
                start, stop = end, next(stops, None)
            self._add(batch, start, len(batch.arms))
        return self._findings(arm_counts or tuple(self._counts))

    def _add(self, batch: Batch, start: int, end: int) -> None:
        if start == end:
            return
        if not self._times:
            self._times = [float(batch.times[start])] * 2
        self._times[1] = float(batch.times[end - 1])
        part = batch.arms[start:end]
        for index in range(len(self._counts)):
            mine = part == index
            self._counts[index] += int(mine.sum())
            for series in self._series:
                rows = batch.rows[series.metric.name][start:end][mine]
                series.arms[index] = series.arms[index].merged(Moments.of(rows))
        self._seen += end - start

    def _take(self, units: int, at: float, *, is_scheduled: bool) -> None:
        self._evidence = max(self._evidence, log_mismatch(self._counts, self._shares))
        for series in self._series:
            series.take(units, at, is_scheduled=is_scheduled)

    @property
    def _shares(self) -> list[float]:
        return [arm.share for arm in self.spec.arms]

    def _findings(self, counts: tuple[int, ...]) -> Findings:
        return Findings(
            comparisons=tuple(each for series in self._series for each in series.comparisons()),
            balance=Balance(
                counts=counts,
                shares=tuple(self._shares),
                log_evidence=max(self._evidence, log_mismatch(counts, self._shares)),
                threshold=-math.log(self.spec.mismatch_alpha),
                is_tested=self.spec.bandit is None,
            ),
            first_at=self._times[0] if self._times else None,
            last_at=self._times[1] if self._times else None,
            units=self._seen,
            moments=tuple(
                arm
                for series in self._series
                if series.metric.role is Role.SUCCESS
                for arm in series.arms
            ),
        )
