"""When a rehearsal is over, and what it came to."""

from datetime import datetime, timedelta
from typing import Final

from falaj.domain.plan import Plan, PlanKind
from falaj.domain.rollout import OUTAGE_PATIENCE_S, Hold, Phase, Rollout
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
    """Return how long requests are sent: every bake with every extension, and some settling.

    The last share of a split is never extended: it is held for its experiment (`expires_at`).
    """
    last = 1 if plan.kind is PlanKind.SPLIT else 0
    bakes = (len(plan.shares) - last) * (1 + plan.max_extensions) + last
    return bakes * plan.bake_s + SETTLING.total_seconds()


def patience_s(rollout: Rollout) -> float:
    """Return how much longer than its bakes a rollout may take for what is no fault of its own."""
    return OUTAGE_PATIENCE_S if rollout.phase is Phase.VERIFYING else 0.0


def expires_at(rollout: Rollout, plan: Plan) -> datetime | None:
    """Return when a split that waits for its experiment ends without; None for what does not."""
    is_last = rollout.step + 1 >= len(plan.shares)
    is_held = rollout.phase in {Phase.BAKING, Phase.EXTENDED} and is_last
    if plan.kind is not PlanKind.SPLIT or not is_held or rollout.since is None:
        return None
    return rollout.since + timedelta(seconds=plan.max_duration_s)


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
