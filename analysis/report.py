"""One value that holds a whole report; text, JSON and a page are views of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.amounts import amount
from analysis.choosing import ArmsLearned, learned
from analysis.joining import Joining
from analysis.looks import Comparison, Findings, Look, Observer
from analysis.records import read_records
from analysis.tally import Tally
from analysis.verdicts import Conclusion, conclude
from analysis.words import headline
from falaj.experiments.lifecycle import Evidence, Verdict
from falaj.experiments.metrics import Role
from falaj.experiments.spec import ExperimentSpec

_Records = Iterable[Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that was decided, by the lifecycle or by a person.

    Attributes:
        at: When.
        what: What happened, as a sentence.
        why: The reason given.
    """

    at: datetime
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a reader may want to know.

    Attributes:
        spec: The declaration.
        made_at: The moment it speaks of.
        conclusion: Verdict and reason.
        findings: All looks.
        tally: What was read and set aside.
        decisions: What was decided, oldest first.
        bandit: What a bandit has learned; None for an experiment with fixed shares.
    """

    spec: ExperimentSpec
    made_at: datetime
    conclusion: Conclusion
    findings: Findings
    tally: Tally
    decisions: tuple[Decision, ...] = ()
    bandit: ArmsLearned | None = None

    @property
    def sentence(self) -> str:
        """The verdict in a sentence for someone who reads nothing else."""
        return headline(self.spec, self.conclusion, self.shown, self.bandit)

    @property
    def method(self) -> str:
        """Name the method that decides."""
        if self.bandit is not None:
            return "bandit"
        return "group_sequential" if self.spec.planned_units else "confidence_sequence"

    @property
    def evidence(self) -> Evidence:
        """What `falaj.experiments.lifecycle.advance` needs to know."""
        return Evidence(
            verdict=self.conclusion.verdict,
            reason=self.conclusion.reason,
            arm=self.conclusion.arm if self.conclusion.verdict is Verdict.WINNER else None,
        )

    @property
    def shown(self) -> Comparison:
        """The comparison to show first: the success metric of the arm the verdict is about."""
        arm = self.conclusion.arm or self.spec.arms[1].name
        return next(
            each
            for each in self.findings.comparisons
            if each.arm == arm and each.metric.role is Role.SUCCESS
        )

    def by_role(self, role: Role) -> tuple[Comparison, ...]:
        """List comparisons of one role."""
        return tuple(each for each in self.findings.comparisons if each.metric.role is role)

    def to_dict(self) -> dict[str, Any]:
        """Write the report as JSON values."""
        balance = self.findings.balance
        return {
            "experiment": self.spec.to_dict(),
            "made_at": self.made_at.isoformat(),
            "verdict": self.conclusion.verdict.value,
            "sentence": self.sentence,
            "reason": self.conclusion.reason,
            "arm": self.conclusion.arm,
            "by_arm": [
                {"arm": arm, "verdict": verdict.value, "reason": reason}
                for arm, verdict, reason in self.conclusion.by_arm
            ],
            "method": self.method,
            "alpha": self.spec.alpha,
            "units": self.findings.units,
            "balance": {
                "counts": dict(zip(self.arm_names, balance.counts, strict=True)),
                "declared": dict(zip(self.arm_names, balance.shares, strict=True)),
                "log_evidence": balance.log_evidence,
                "threshold": balance.threshold,
                "is_tested": balance.is_tested,
                "is_broken": balance.is_broken,
            },
            "metrics": [self._comparison(each) for each in self.findings.comparisons],
            "bandit": self.bandit and self.bandit.to_dict(),
            "tally": self.tally.to_dict(),
            "decisions": [
                {"at": each.at.isoformat(), "what": each.what, "why": each.why}
                for each in self.decisions
            ],
        }

    @property
    def arm_names(self) -> list[str]:
        """Names of the arms, control first."""
        return [arm.name for arm in self.spec.arms]

    def _comparison(self, each: Comparison) -> dict[str, Any]:
        return {
            "metric": each.metric.name,
            "role": each.metric.role.value,
            "arm": each.arm,
            "found": found(each, self.conclusion),
            "latest": each.latest and look_dict(each.latest),
            "decided_at_units": each.decided and each.decided.units,
            "looks": [look_dict(look) for look in each.looks],
        }


def found(each: Comparison, conclusion: Conclusion) -> str:
    """Say in a word what a metric showed.

    Secondary metrics show something only if they are findings under the false-discovery rate.
    """
    if each.latest is None or each.latest.effect is None or each.latest.why_not:
        return "not enough data"
    if each.metric.role is Role.SECONDARY:
        if (each.metric.name, each.arm) not in conclusion.discoveries:
            return "no finding"
        is_better = each.latest.effect.difference * each.metric.sign > 0
        return "better" if is_better else "worse"
    if each.is_better:
        return "better"
    if each.is_worse:
        return "worse"
    return "no harm shown" if each.metric.role is Role.GUARDRAIL else "undecided"


def why_nothing_is_shown(each: Comparison) -> str:
    """Say why a metric has no answer yet; empty when it has one."""
    return each.latest.why_not if each.latest else "the first look has not been reached"


def look_dict(look: Look) -> dict[str, Any]:
    """Write a look as JSON values."""
    effect = look.effect
    return {
        "units": look.units,
        "at": look.at,
        "control": effect and effect.control,
        "treatment": effect and effect.treatment,
        "difference": effect and effect.difference,
        "interval": look.interval,
        "lift": effect and effect.lift,
        "lift_interval": look.lift_interval,
        "why_not": look.why_not or None,
    }


def analyse(
    spec: ExperimentSpec,
    exposures: Sequence[Path | _Records],
    outcomes: Sequence[Path | _Records],
    *,
    now: datetime,
    decisions: Sequence[Decision] = (),
    shares: Mapping[str, float] | None = None,
    scratch: Path | None = None,
) -> Report:
    """Join, look and conclude.

    Args:
        spec: The declaration.
        exposures: Files (`analysis.records`) or records.
        outcomes: Files or records.
        now: The present: units whose outcome window is open then are not counted yet.
        decisions: What was decided so far, to be shown.
        shares: A bandit's shares of all subjects now, by arm.
        scratch: Folder for the temporary join, about 400 bytes a record.
    """
    with Joining(spec, directory=scratch) as joining:
        for source in exposures:
            joining.add_exposures(read_records(source) if isinstance(source, Path) else source)
        for source in outcomes:
            joining.add_outcomes(read_records(source) if isinstance(source, Path) else source)
        return conclude_from(joining, now=now, decisions=decisions, shares=shares)


def conclude_from(
    joining: Joining,
    *,
    now: datetime,
    decisions: Sequence[Decision] = (),
    shares: Mapping[str, float] | None = None,
) -> Report:
    """Look and conclude from everything that a join has taken in.

    Args:
        joining: The join, still open.
        now: The present.
        decisions: As for `analyse`.
        shares: As for `analyse`.
    """
    spec = joining.spec
    tally = joining.finish(now.timestamp())
    findings = Observer(spec, tally.analysed).observe(joining.units(), joining.arm_counts())
    bandit = learned(spec, findings.moments, shares)
    return Report(
        spec=spec,
        made_at=now.astimezone(UTC),
        conclusion=conclude(spec, findings, tally, bandit),
        bandit=bandit,
        findings=findings,
        tally=tally,
        decisions=tuple(decisions),
    )


def as_text(report: Report) -> str:
    """Write the report for a terminal."""
    balance, tally = report.findings.balance, report.tally
    split = ", ".join(
        f"{name} {count:,} (declared {share:.1%})"
        for name, count, share in zip(report.arm_names, balance.counts, balance.shares, strict=True)
    )
    comparisons = (
        f"{each.metric.role.value:<10} {each.metric.name} · {each.arm}: {_line(report, each)}"
        for each in report.findings.comparisons
    )
    decisions = (
        f"decided    {each.at:%Y-%m-%d %H:%M} {each.what}: {each.why}" for each in report.decisions
    )
    lines = [
        f"{report.conclusion.verdict.value.upper()}: {report.sentence}",
        f"because {report.conclusion.reason}",
        "",
        *comparisons,
        "",
        f"balance    {split}",
        (
            f"counted    {tally.analysed:,} of {tally.units:,} units; "
            f"{tally.immature:,} still open, {tally.crossed:,} seen in two arms"
        ),
        (
            f"set aside  outcomes: {tally.late_outcomes:,} late, "
            f"{tally.unknown_outcomes:,} unknown, {tally.duplicate_outcomes:,} duplicate, "
            f"{tally.early_outcomes:,} early"
        ),
        *([f"unusable   {_unusable(tally)}"] if tally.unusable else []),
        *decisions,
    ]
    return "\n".join(lines)


def _unusable(tally: Tally) -> str:
    return ", ".join(
        f"{count:,} {reason.replace('_', ' ')}" for reason, count in tally.unusable.items()
    )


def _line(report: Report, each: Comparison) -> str:
    look = each.latest
    why = why_nothing_is_shown(each)
    if look is None or look.effect is None or look.interval is None:
        return why
    low, high = look.interval
    unit = each.metric
    return (
        f"{amount(unit, look.effect.control)} → {amount(unit, look.effect.treatment)}, difference "
        f"{amount(unit, look.effect.difference, signed=True)} "
        f"[{amount(unit, low, signed=True)}, {amount(unit, high, signed=True)}], "
        f"{found(each, report.conclusion)}{f': {why}' if why else ''}"
    )
