"""The guard's verdict on everything counted so far: roll back, safe, inconclusive or invalid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log
from types import MappingProxyType
from typing import Final, Self

from falaj.domain.plan import GuardSettings, Plan, PlanKind
from falaj.domain.verdict import MISMATCH, Counts, ObjectiveFinding, Outcome, Verdict
from falaj.errors import ConfigurationError
from falaj.guard.evidence import Evidence
from falaj.guard.logspace import log_sum_exp
from falaj.guard.ratio import log_mismatch
from falaj.guard.safety import (
    log_rate_below,
    log_relative_risk_below,
    rate_upper_bound,
    relative_risk_upper_bound,
)

_LN10: Final = log(10.0)
_ROUNDING: Final = 1e-9

ALARMS_PART: Final = 0.05
"""Part of α kept for the alarms that judge without the controller, so that guard and alarms
together roll a harmless candidate back with a probability of at most α."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One way to be bad, and how much of it is tolerated.

    Attributes:
        name: As in `Counts.bad`.
        weight: π, its part of the permitted false rollbacks; all weights sum to 1.
        margin: ρ₀, the relative risk up to which there is no evidence of harm.
        tolerated_relative_risk: The candidate is safe once its relative risk is known to be below
            this,
        tolerated_rate: or once its own bad rate is known to be below this, whatever stable's is.
        is_alone: Nobody is compared with: `Counts.bad` holds the candidate's bad and good requests,
            and more than the tolerated rate of bad ones is harm.

    Raises:
        ConfigurationError: With every fault.
    """

    name: str
    weight: float
    margin: float = 1.0
    tolerated_relative_risk: float = 2.0
    tolerated_rate: float = 0.02
    is_alone: bool = False

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.weight <= 1:
            faults.append(f"objective {self.name}: weight {self.weight} is not in (0, 1]")
        if not 0 < self.margin < inf:
            faults.append(f"objective {self.name}: margin {self.margin} is not above 0")
        if not self.margin < self.tolerated_relative_risk < inf:
            faults.append(
                f"objective {self.name}: tolerated relative risk {self.tolerated_relative_risk} "
                f"is not above the margin {self.margin}"
            )
        if not 0 < self.tolerated_rate < 1:
            faults.append(
                f"objective {self.name}: tolerated rate {self.tolerated_rate} is not in (0, 1)"
            )
        if faults:
            raise ConfigurationError(faults)


DEFAULT_OBJECTIVES: Final[Mapping[str, Objective]] = MappingProxyType(
    {
        objective.name: objective
        for objective in (
            # 0.6 keeps total failure at a share of 10 % within three bad requests at α = 1 %.
            Objective(name="error", weight=0.6),
            Objective(name="invalid_output", weight=0.2),
            # By their definition 10 % and 1 % of stable's own requests are slow.
            Objective(name="slow_p90", weight=0.1, tolerated_rate=0.2),
            Objective(name="slow_p99", weight=0.1, tolerated_rate=0.05),
        )
    }
)


MISMATCH_WEIGHT: Final = 0.2
"""Part of α for answers of a shadow that differ from stable's, where a plan judges them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is watched, and at which levels.

    Attributes:
        objectives: Their weights sum to 1.
        false_rollback: α, the probability that a harmless candidate is ever rolled back.
        false_safety: The probability that a harmful candidate is ever called safe.
        false_mismatch: The probability that a correct split is ever called a mismatch.
        minimum_requests: Requests the candidate must have served before it can be called safe.

    Raises:
        ConfigurationError: With every fault.

    Example:
        Three failures in a row after a share of 5 %, while stable is well:

        >>> from falaj.domain.verdict import BadEvents, Counts
        >>> bad = (BadEvents(objective="error", candidate=3, stable=0),)
        >>> seen = Counts(share=0.05, candidate_requests=3, stable_requests=57, bad=bad)
        >>> Guard.from_settings(GuardSettings()).verdict((seen,)).reasons
        ('log10 E 2.68 ≥ 2.02 (error)',)
    """

    objectives: tuple[Objective, ...]
    false_rollback: float = 0.01
    false_safety: float = 0.05
    false_mismatch: float = 0.001
    minimum_requests: int = 100

    def __post_init__(self) -> None:
        faults = [
            f"guard: {name} {level} is not in (0, 1)"
            for name, level in (
                ("false_rollback", self.false_rollback),
                ("false_safety", self.false_safety),
                ("false_mismatch", self.false_mismatch),
            )
            if not 0 < level < 1
        ]
        names = [objective.name for objective in self.objectives]
        if len(set(names)) < len(names):
            faults.append("guard: an objective is named twice")
        total = sum(objective.weight for objective in self.objectives)
        if abs(total - 1.0) > _ROUNDING:
            faults.append(f"guard: the weights of the objectives sum to {total:g}, not to 1")
        if faults:
            raise ConfigurationError(faults)

    @classmethod
    def from_settings(cls, settings: GuardSettings) -> Self:
        """Build the guard of a plan.

        The chosen objectives share, in the default proportions, what the alarms leave of α.
        """
        chosen = [DEFAULT_OBJECTIVES[name] for name in settings.objectives]
        total = sum(objective.weight for objective in chosen)
        return cls(
            objectives=tuple(
                Objective(
                    name=objective.name,
                    weight=objective.weight / total,
                    margin=objective.margin,
                    tolerated_relative_risk=objective.tolerated_relative_risk,
                    tolerated_rate=objective.tolerated_rate,
                )
                for objective in chosen
            ),
            false_rollback=settings.false_rollback * (1 - ALARMS_PART),
            minimum_requests=settings.minimum_requests,
        )

    @classmethod
    def from_plan(cls, plan: Plan) -> Self:
        """Build the guard of a plan; a shadow's answers are an objective if the plan judges them.

        Example:
            >>> [o.name for o in Guard.from_plan(Plan(kind=PlanKind.SHADOW)).objectives]
            ['error', 'invalid_output', 'slow_p90', 'slow_p99']
            >>> plan = Plan(kind=PlanKind.SHADOW, shadow_mismatch=0.01)
            >>> Guard.from_plan(plan).objectives[-1].name
            'mismatch'
        """
        guard = cls.from_settings(plan.guard)
        if plan.kind is not PlanKind.SHADOW or plan.shadow_mismatch >= 1.0:
            return guard
        others = (replace(o, weight=o.weight * (1 - MISMATCH_WEIGHT)) for o in guard.objectives)
        mismatch = Objective(
            name=MISMATCH,
            weight=MISMATCH_WEIGHT,
            tolerated_rate=plan.shadow_mismatch,
            is_alone=True,
        )
        return replace(guard, objectives=(*others, mismatch))

    def verdict(self, counts: Sequence[Counts]) -> Verdict:
        """Judge everything counted since the candidate got its first share.

        Harm comes first: going back is right even when the split is not as declared. A mismatch
        forbids calling anything safe. Safe takes proof for every objective.

        Args:
            counts: For each distinct share, oldest first, as `tally` returns them.

        Raises:
            GuardInputError: A count is negative or a share outside [0, 1].
        """
        tables = [(objective, _bad(counts, objective.name)) for objective in self.objectives]
        requests = sum(part.candidate_requests for part in counts)
        findings = tuple(self._finding(o, bad, counts, requests) for o, bad in tables)
        logs = (
            log(o.weight) + f.log10_evidence * _LN10
            for o, f in zip(self.objectives, findings, strict=True)
        )
        log10_all = log_sum_exp(tuple(logs)) / _LN10
        needed = -log(self.false_rollback) / _LN10
        worst = _narrowest_worst(findings)
        mismatch = log_mismatch(_split(counts)) / _LN10
        mismatch_needed = -log(self.false_mismatch) / _LN10
        outcome, cause = Outcome.SAFE, ""
        reasons = [f"log10 E {log10_all:.2f} < {needed:.2f}"]
        unsafe = [finding for finding in findings if not finding.is_safe]
        if log10_all >= needed:
            outcome, cause = Outcome.ROLL_BACK, worst
            reasons = [f"log10 E {log10_all:.2f} ≥ {needed:.2f} ({worst})"]
        elif mismatch >= mismatch_needed:
            outcome, cause = Outcome.INVALID, "sample_ratio"
            reasons = [f"sample ratio log10 E {mismatch:.2f} ≥ {mismatch_needed:.2f}"]
        elif requests < self.minimum_requests:
            outcome, cause = Outcome.INCONCLUSIVE, "exposure"
            reasons.append(f"candidate requests {requests} < {self.minimum_requests}")
        elif unsafe:
            outcome, cause = Outcome.INCONCLUSIVE, unsafe[0].objective
            reasons += [self._comparison(finding) for finding in unsafe]
        else:
            reasons.append(f"candidate requests {requests} ≥ {self.minimum_requests}")
            reasons += [self._comparison(finding) for finding in findings]
        return Verdict(
            outcome=outcome,
            reasons=tuple(reasons),
            cause=cause,
            log_evidence=log10_all - needed,
            candidate_requests=requests,
            findings=findings,
        )

    def _finding(
        self,
        objective: Objective,
        bad: list[tuple[int, int, float]],
        counts: Sequence[Counts],
        requests: int,
    ) -> ObjectiveFinding:
        # Two ways to be called safe share the permitted error.
        level = self.false_safety / 2
        if objective.is_alone:
            return _alone(objective, bad, level)
        compared = _compared(bad)
        candidate_bad = sum(candidate for candidate, _, _ in bad)
        relative = relative_risk_upper_bound(compared, level)
        is_safe = -log(level) <= max(
            log_relative_risk_below(compared, objective.tolerated_relative_risk),
            log_rate_below(candidate_bad, requests, objective.tolerated_rate),
        )
        return ObjectiveFinding(
            objective=objective.name,
            log10_evidence=_evidence(objective, bad, counts).log10,
            relative_risk_bound=None if relative == inf else relative,
            rate_bound=rate_upper_bound(candidate_bad, requests, level),
            is_safe=is_safe,
        )

    def _comparison(self, finding: ObjectiveFinding) -> str:
        objective = next(o for o in self.objectives if o.name == finding.objective)
        rate, tolerated = finding.rate_bound, objective.tolerated_rate
        if rate <= tolerated or finding.relative_risk_bound is None:
            sign = "≤" if rate <= tolerated else ">"
            return f"{finding.objective}: rate bound {rate:.4f} {sign} {tolerated:g}"
        risk, limit = finding.relative_risk_bound, objective.tolerated_relative_risk
        sign = "≤" if finding.is_safe else ">"
        return f"{finding.objective}: relative risk bound {risk:.2f} {sign} {limit:g}"


def _bad(counts: Sequence[Counts], objective: str) -> list[tuple[int, int, float]]:
    return [
        (events.candidate, events.stable, part.share)
        for part in counts
        for events in part.bad
        if events.objective == objective
    ]


def _compared(bad: list[tuple[int, int, float]]) -> tuple[tuple[int, int, float], ...]:
    """Keep the shares at which both versions served."""
    return tuple(item for item in bad if item[2] not in {0.0, 1.0})


def _evidence(
    objective: Objective, bad: list[tuple[int, int, float]], counts: Sequence[Counts]
) -> Evidence:
    """Weigh what both versions did; and what the candidate did alone, against what is tolerated.

    With all traffic on the candidate (all_at_once) no bad event could have hit stable. Then each
    request takes an event's place, and the tolerated rate the share's: while each is bad with a
    probability of at most that rate, E is a supermartingale for the same reason.
    """
    evidence = Evidence(objective.margin)
    for candidate, stable, share in _compared(bad):
        evidence = evidence.add(candidate, stable, share)
    for part in counts:
        if part.share == 1.0:
            candidate_bad = sum(c for c, _, _ in _bad((part,), objective.name))
            good = max(0, part.candidate_requests - candidate_bad)
            evidence = evidence.add(candidate_bad, good, objective.tolerated_rate)
    return evidence


def _alone(
    objective: Objective, bad: list[tuple[int, int, float]], level: float
) -> ObjectiveFinding:
    """Judge a rate by itself, as `_evidence` does for a candidate with all traffic."""
    candidate_bad, good = sum(b for b, _, _ in bad), sum(g for _, g, _ in bad)
    tolerated, requests = objective.tolerated_rate, candidate_bad + good
    return ObjectiveFinding(
        objective=objective.name,
        log10_evidence=Evidence(objective.margin).add(candidate_bad, good, tolerated).log10,
        relative_risk_bound=None,
        rate_bound=rate_upper_bound(candidate_bad, requests, level),
        is_safe=-log(level) <= log_rate_below(candidate_bad, requests, tolerated),
    )


def _narrowest_worst(findings: Sequence[ObjectiveFinding]) -> str:
    """Name the objective with the most evidence; of equals the later, which says more.

    An output that is not a number is a 5xx too: `error` and `invalid_output` then know the same.
    """
    return max(reversed(findings), key=lambda found: found.log10_evidence).objective


def _split(counts: Sequence[Counts]) -> tuple[tuple[int, int, float], ...]:
    return tuple(
        (part.candidate_requests, part.stable_requests, part.share)
        for part in counts
        if part.share not in {0.0, 1.0}
    )
