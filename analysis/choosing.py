"""What a bandit has learned and what it has cost."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.moments import VALUE, Moments
from falaj.experiments.bandit import BetaPosterior, NormalPosterior, thompson_shares
from falaj.experiments.metrics import Kind
from falaj.experiments.spec import ExperimentSpec

_DRAWS: Final = 4_000
_HARDLY: Final = 1e-9
"""A floor for counting draws: small enough to change no share that is printed."""

Belief = BetaPosterior | NormalPosterior


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsLearned:
    """What is known of a bandit's arms, control first.

    Attributes:
        arms: Names.
        shares: Of all subjects, now.
        means: The success metric's mean; None without units.
        best: Probability of being the best arm.
        lost: Success given up so far against always taking the arm that looks best now; None
            while an arm has no units.
        floor_costs: How much of a unit's success the floors give up at most.
        floor_share: The floor.
    """

    arms: tuple[str, ...]
    shares: tuple[float, ...]
    means: tuple[float | None, ...]
    best: tuple[float, ...]
    lost: float | None
    floor_costs: float | None
    floor_share: float

    @property
    def leader(self) -> int:
        """The arm that is most probably the best."""
        return max(range(len(self.arms)), key=self.best.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {
            "arms": [
                {"arm": arm, "share": share, "mean": mean, "is_best": best}
                for arm, share, mean, best in zip(
                    self.arms, self.shares, self.means, self.best, strict=True
                )
            ],
            "regret": self.lost,
            "floor_share": self.floor_share,
            "floor_costs_per_unit": self.floor_costs,
        }


def beliefs_of(spec: ExperimentSpec, moments: Sequence[Moments]) -> tuple[Belief, ...]:
    """Say what is believed of each arm's success metric."""
    if spec.success.kind is Kind.BINARY:
        return tuple(
            BetaPosterior(successes=arm.events, failures=arm.count - arm.events) for arm in moments
        )
    return tuple(
        NormalPosterior(
            count=arm.count,
            mean=float(arm.mean[VALUE]),
            squares=max(0.0, float(arm.spread[VALUE, VALUE])),
        )
        for arm in moments
    )


def learned(
    spec: ExperimentSpec, moments: Sequence[Moments], shares: Mapping[str, float] | None
) -> ArmsLearned | None:
    """Say what a bandit has learned; None for an experiment that is none.

    Args:
        spec: The declaration.
        moments: Units of the success metric, by arm.
        shares: Each arm's part of all subjects now; what was declared, if it is not known.
    """
    if spec.bandit is None:
        return None
    names = tuple(arm.name for arm in spec.arms)
    declared = {arm.name: spec.coverage * arm.share for arm in spec.arms}
    means = tuple(float(arm.mean[VALUE]) if arm.count else None for arm in moments)
    known = [mean for mean in means if mean is not None]
    gaps: list[float] | None = None
    if len(known) == len(means):
        top = max(known) if spec.success.sign > 0 else min(known)
        gaps = [abs(top - mean) for mean in known]
    counts = [arm.count for arm in moments]
    return ArmsLearned(
        arms=names,
        shares=tuple((shares or declared)[name] for name in names),
        means=means,
        best=thompson_shares(
            beliefs_of(spec, moments),
            floor_share=_HARDLY,
            rng=random.Random(spec.name),  # noqa: S311 - repeatable, not secret
            larger_is_better=spec.success.sign > 0,
            draws=_DRAWS,
        ),
        lost=sum(n * gap for n, gap in zip(counts, gaps, strict=True)) if gaps else None,
        floor_costs=spec.bandit.floor_share * sum(gaps) if gaps else None,
        floor_share=spec.bandit.floor_share,
    )
