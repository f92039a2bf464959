"""When a rehearsal is over, and what it came to."""

from datetime import timedelta
from typing import Final

from falaj.domain.plan import Plan, PlanKind
from falaj.domain.rollout import Hold, Phase, Rollout
from local_region.rehearsal.scenario import Ending

SETTLING: Final = timedelta(minutes=5)
"""What a rollout may take besides its bakes: golden cases, shifts, the last look."""
_STUCK: Final = {
    Hold.INVALID: "requests are not split as the share says",
    Hold.EXPERIMENT: "the experiment cannot decide",
    Hold.SHADOWED: "a shadow waits for somebody to decide",
    Hold.STRANDED: "the way back is gone",
}


def longest_s(plan: Plan) -> float:
    """Return how long a plan may take: every bake with every extension, and some settling.

    A split holds its last share until an experiment decides, which a rehearsal does not wait for.
    """
    bakes = len(plan.shares) * plan.bake_s
    extended = bakes if plan.kind is PlanKind.SPLIT else bakes * (1 + plan.max_extensions)
    return extended + SETTLING.total_seconds()


def is_over(rollout: Rollout, candidate: str) -> bool:
    """Whether nothing more will happen by itself."""
    if rollout.candidate != candidate:
        return False
    if rollout.phase in {Phase.PROMOTED, Phase.ROLLED_BACK}:
        return True
    return rollout.phase is Phase.PAUSED and rollout.hold not in {None, Hold.THROTTLES}


def verdict_of(rollout: Rollout, candidate: str) -> tuple[Ending, str, str]:
    """Say how a rollout ended, why, and by which alarm or objective."""
    if rollout.candidate != candidate:
        return Ending.INCONCLUSIVE, "the controller never took the release up", ""
    last = rollout.log[-1] if rollout.log else None
    reason, cause = (last.reason, last.cause) if last else ("nothing was decided", "")
    if rollout.outcome in set(Ending):
        return Ending(rollout.outcome), reason, cause
    if rollout.hold in _STUCK:
        return Ending.INCONCLUSIVE, f"{_STUCK[rollout.hold]}: {reason}", cause
    why = "; ".join(rollout.verdict.reasons) if rollout.verdict else reason
    return Ending.INCONCLUSIVE, f"the plan's time is over at {rollout.share:.0%}: {why}", cause
