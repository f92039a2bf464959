"""The guard's verdict on everything counted so far: roll back, safe, inconclusive or invalid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, log
from typing import Final, Self

from falaj.domain.plan import GuardSettings, Plan, PlanKind
from falaj.domain.verdict import (
    MISMATCH,
    Counts,
    Objective as Watched,
    ObjectiveFinding,
    Outcome,
    Verdict,
)
from falaj.errors import ConfigurationError
from falaj.guard.collapse import COLLAPSE_LEVEL, COLLAPSE_PART, Served, log_collapse
from falaj.guard.evidence import Evidence
from falaj.guard.logspace import log_sum_exp, log_weighted_mean_exp
from falaj.guard.objective import DEFAULT_OBJECTIVES, MISMATCH_WEIGHT, Objective
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
        ('log10 E 2.64 ≥ 2.02 (error)',)
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

        The chosen objectives share, in the default proportions, what the alarms leave of α. Where α
        is so small that bad events alone could not stop total failure at the third, errors are
        looked at for collapse as well.
        """
        chosen = [DEFAULT_OBJECTIVES[name] for name in settings.objectives]
        total = sum(objective.weight for objective in chosen)
        part = COLLAPSE_PART if settings.false_rollback < COLLAPSE_LEVEL else 0.0
        return cls(
            objectives=tuple(
                replace(
                    objective,
                    weight=objective.weight / total,
                    collapse_part=part if objective.name == Watched.ERROR else 0.0,
                )
                for objective in chosen
            ),
            false_rollback=settings.false_rollback * (1 - ALARMS_PART),
            minimum_requests=settings.minimum_requests,
        )

    @classmethod
    def from_plan(cls, plan: Plan) -> Self:
        """Build the guard of a plan; a shadow's answers are an objective if the plan judges them.

        Nothing of a shadow is looked at for collapse: that compares good answers too, which is
        valid only where a request is answered by one of the two.

        Example:
            >>> [o.name for o in Guard.from_plan(Plan(kind=PlanKind.SHADOW)).objectives]
            ['error', 'invalid_output', 'slow_p90', 'slow_p99']
            >>> plan = Plan(kind=PlanKind.SHADOW, shadow_mismatch=0.01)
            >>> Guard.from_plan(plan).objectives[-1].name
            'mismatch'
        """
        guard = cls.from_settings(plan.guard)
        if plan.kind is not PlanKind.SHADOW:
            return guard
        copied = tuple(replace(o, collapse_part=0.0) for o in guard.objectives)
        if plan.shadow_mismatch >= 1.0:
            return replace(guard, objectives=copied)
        others = (replace(o, weight=o.weight * (1 - MISMATCH_WEIGHT)) for o in copied)
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
            log10_evidence=_log10_evidence(objective, bad, counts),
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


def _log10_evidence(
    objective: Objective, bad: list[tuple[int, int, float]], counts: Sequence[Counts]
) -> float:
    """Mix, where both are looked for, evidence of more bad events with evidence of collapse."""
    log10_worse = _evidence(objective, bad, counts).log10
    part = objective.collapse_part
    if not part:
        return log10_worse
    logs = (log10_worse * _LN10, log_collapse(_answered(objective, counts)))
    return log_weighted_mean_exp(logs, (1.0 - part, part)) / _LN10


def _answered(objective: Objective, counts: Sequence[Counts]) -> tuple[Served, ...]:
    """Split what both versions served, where both did, into bad and good."""
    served = []
    for part in counts:
        if part.share in {0.0, 1.0}:
            continue
        bad = _bad((part,), objective.name)
        candidate, stable = sum(c for c, _, _ in bad), sum(s for _, s, _ in bad)
        good = max(0, part.candidate_requests - candidate), max(0, part.stable_requests - stable)
        served.append((candidate, good[0], stable, good[1], part.share))
    return tuple(served)


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
