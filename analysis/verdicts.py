"""From findings to a verdict with its reason; no answer is a verdict too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.amounts import amount
from analysis.choosing import ArmsLearned
from analysis.discovery import e_discoveries
from analysis.looks import Comparison, Findings, Look
from analysis.tally import Tally
from falaj.experiments.lifecycle import Verdict
from falaj.experiments.metrics import Role
from falaj.experiments.spec import ExperimentSpec

BILLION: Final = 10**9
MOST_CROSSED_SHARE: Final = 0.01
"""Of all units. Above it, assignment is not sticky, and who was excluded is no longer chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A verdict.

    Attributes:
        verdict: The verdict.
        reason: One sentence, with its comparison.
        arm: The arm it is about: the winner, or the only arm there is.
        by_arm: Verdict and reason of every arm but the control.
        discoveries: (metric, arm) of secondary metrics that are findings under the discovery rate.
    """

    verdict: Verdict
    reason: str
    arm: str | None = None
    by_arm: tuple[tuple[str, Verdict, str], ...] = ()
    discoveries: frozenset[tuple[str, str]] = frozenset()


def conclude(
    spec: ExperimentSpec, findings: Findings, tally: Tally, bandit: ArmsLearned | None = None
) -> Conclusion:
    """Reach a verdict.

    In this order: what cannot be trusted is `invalid`, a guardrail that is broken makes a `loser`,
    the success metric makes a `winner` or a `loser`, and what remains is `no_difference` only if
    the interval proves it. A bandit's shares depend on outcomes, so no test holds: only a guardrail
    can end it.
    """
    blocked = _blocked(findings, tally)
    if blocked:
        return Conclusion(verdict=Verdict.INVALID, reason=blocked)
    judged = [
        (arm.name, *(_broken_rail(findings, arm.name) or _judged(spec, findings, arm.name, bandit)))
        for arm in spec.arms[1:]
    ]
    verdict, reason, arm = _overall(findings, judged)
    return Conclusion(
        verdict=verdict,
        reason=reason,
        arm=arm,
        by_arm=tuple(judged),
        discoveries=_discoveries(spec, findings),
    )


def _blocked(findings: Findings, tally: Tally) -> str:
    balance = findings.balance
    if balance.is_broken:
        odds = math.exp(min(balance.log_evidence, math.log(BILLION)))
        return (
            f"sample-ratio mismatch: units split {_counts(balance.counts)} where "
            f"{_shares(balance.shares)} was declared (odds at least {odds:,.0f} to 1 "
            "against chance); find out why before reading any effect"
        )
    if tally.units and tally.crossed > MOST_CROSSED_SHARE * tally.units:
        return (
            f"{tally.crossed} of {tally.units} units were seen in two arms "
            f"({tally.crossed / tally.units:.1%} > {MOST_CROSSED_SHARE:.0%}): "
            "assignment is not sticky"
        )
    return ""


def _counts(counts: Sequence[int]) -> str:
    return " : ".join(f"{count:,}" for count in counts)


def _shares(shares: Sequence[float]) -> str:
    return " : ".join(f"{share:.4g}" for share in shares)


def _broken_rail(findings: Findings, arm: str) -> tuple[Verdict, str] | None:
    for rail in findings.comparisons:
        is_rail = rail.arm == arm and rail.metric.role is Role.GUARDRAIL
        if is_rail and rail.is_worse and rail.decided:
            return (
                Verdict.LOSER,
                f"guardrail {rail.metric.name} is worse: {_numbers(rail, rail.decided)}",
            )
    return None


def _judged(
    spec: ExperimentSpec, findings: Findings, arm: str, bandit: ArmsLearned | None
) -> tuple[Verdict, str]:
    if bandit is not None:
        return Verdict.INCONCLUSIVE, _leading(bandit)
    success = next(
        each
        for each in findings.comparisons
        if each.arm == arm and each.metric.role is Role.SUCCESS
    )
    name = success.metric.name
    if success.decided:
        verdict = Verdict.WINNER if success.is_better else Verdict.LOSER
        word = "better" if success.is_better else "worse"
        return verdict, f"{name} is {word}: {_numbers(success, success.decided)}"
    return _undecided(spec, success)


def _leading(bandit: ArmsLearned) -> str:
    leader = bandit.leader
    return (
        f"a bandit chooses and proves nothing; {bandit.arms[leader]} is the best arm with "
        f"probability {bandit.best[leader]:.0%}"
    )


def _undecided(spec: ExperimentSpec, success: Comparison) -> tuple[Verdict, str]:
    name, look, planned = success.metric.name, success.latest, spec.planned_units
    if look is None:
        wanted = f" of {planned:,} planned" if planned else ""
        return Verdict.INCONCLUSIVE, f"{name}: the first look has not been reached{wanted}"
    if look.why_not:
        return Verdict.INCONCLUSIVE, f"{name}: {look.why_not}"
    if planned and not success.is_complete:
        return (
            Verdict.INCONCLUSIVE,
            f"{name}: no boundary crossed after {look.units:,} of {planned:,} planned units",
        )
    if _is_equivalent(success, look):
        margin = amount(success.metric, success.metric.minimum_effect or 0.0)
        return (
            Verdict.NO_DIFFERENCE,
            f"{name}: {_numbers(success, look)}, all within ±{margin}",
        )
    ended = f"all {planned:,} planned units are in" if planned else f"{look.units:,} units"
    return (
        Verdict.INCONCLUSIVE,
        f"{name}: the interval still holds 0 ({_numbers(success, look)}; {ended})",
    )


def _is_equivalent(comparison: Comparison, look: Look) -> bool:
    margin, interval = comparison.metric.minimum_effect, look.interval
    if margin is None or interval is None:
        return False
    return -margin < interval[0] and interval[1] < margin


def _numbers(comparison: Comparison, look: Look) -> str:
    if look.effect is None or look.interval is None:
        return look.why_not
    low, high = (amount(comparison.metric, edge, signed=True) for edge in look.interval)
    difference = amount(comparison.metric, look.effect.difference, signed=True)
    return f"difference {difference}, between {low} and {high}"


def _overall(
    findings: Findings, judged: Sequence[tuple[str, Verdict, str]]
) -> tuple[Verdict, str, str | None]:
    winners = [item for item in judged if item[1] is Verdict.WINNER]
    if winners:
        arm, verdict, reason = max(winners, key=lambda item: _gain(findings, item[0]))
        return verdict, reason, arm
    for verdict in (Verdict.INCONCLUSIVE, Verdict.NO_DIFFERENCE, Verdict.LOSER):
        for arm, found, reason in judged:
            if found is verdict:
                return verdict, reason, arm if len(judged) == 1 else None
    raise AssertionError("an experiment has an arm to judge")


def _gain(findings: Findings, arm: str) -> float:
    for each in findings.comparisons:
        look = each.latest
        if each.arm == arm and each.metric.role is Role.SUCCESS and look and look.effect:
            return each.metric.sign * look.effect.difference
    return -math.inf


def _discoveries(spec: ExperimentSpec, findings: Findings) -> frozenset[tuple[str, str]]:
    secondary = {
        f"{each.metric.name}\n{each.arm}": -math.inf
        if each.log_e_value is None
        else each.log_e_value
        for each in findings.comparisons
        if each.metric.role is Role.SECONDARY
    }
    if not secondary:
        return frozenset()
    found = e_discoveries(secondary, spec.discovery_rate)
    return frozenset((name.split("\n")[0], name.split("\n")[1]) for name in found)
