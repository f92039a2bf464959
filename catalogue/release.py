"""How a new version earns its traffic: the plan, its shares and what guards them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final

from catalogue.settings import Range, fault_if, refuse_unless_valid
from falaj.domain.plan import OnInconclusive, OnLoss, OnWin, PlanKind
from falaj.domain.verdict import Objective

SHORTEST_BAKE: Final = timedelta(minutes=2)
SET_ASIDE: Final = (
    "the guard sets aside the first minute after each change of share, "
    "since some of its requests were routed by the old one"
)
SMALLEST_SHADOW: Final = 0.001
MAX_FALSE_ROLLBACK: Final = 0.5
SMALLEST_FALSE_ROLLBACK: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What makes the guard roll a release back."""

    false_rollback: Annotated[
        float,
        Range(SMALLEST_FALSE_ROLLBACK, MAX_FALSE_ROLLBACK),
        "Greatest probability, per deployment, of rolling back a version that is no worse.",
    ] = 0.01
    objectives: Annotated[tuple[Objective, ...], "What counts as a bad request."] = tuple(Objective)

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(not self.objectives, "objectives", "name at least one, such as error"),
            fault_if(
                len(set(self.objectives)) < len(self.objectives),
                "objectives",
                "names one twice; write each once",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """How the next version's share grows, and what may stop it."""

    plan: Annotated[PlanKind, "How shares move; a split holds its last share."] = PlanKind.CANARY
    steps: Annotated[
        tuple[float, ...], "Shares of the candidate, growing; then 1 (a split ends at the last)."
    ] = (0.05, 0.25, 0.5)
    bake: Annotated[timedelta, Range(SHORTEST_BAKE, because=SET_ASIDE), "Time at each share."] = (
        timedelta(minutes=10)
    )
    guard: Annotated[GuardSettings, "What rolls the candidate back."] = field(
        default_factory=GuardSettings
    )
    on_inconclusive: Annotated[
        OnInconclusive, "What follows a bake that showed neither harm nor safety."
    ] = OnInconclusive.EXTEND
    max_extensions: Annotated[
        int, Range(0, 100), "Further bakes that one share may take before it is held."
    ] = 3
    on_win: Annotated[
        OnWin, "What follows a won experiment of a split, or a shadow that is known to be safe."
    ] = OnWin.HOLD
    on_loss: Annotated[OnLoss, "Split only: what follows a lost experiment."] = OnLoss.REVERT
    max_duration: Annotated[
        timedelta, Range(SHORTEST_BAKE), "Split only: time after which it ends without a verdict."
    ] = timedelta(days=14)
    shadow_share: Annotated[
        float, Range(SMALLEST_SHADOW, 1), "Shadow only: share of the requests that is copied to it."
    ] = 0.05
    shadow_mismatch: Annotated[
        float,
        Range(SMALLEST_SHADOW, 1),
        "Shadow only: share of its answers that may differ from stable's; 1 judges none.",
    ] = 1.0
    rollback_window: Annotated[
        timedelta, Range(timedelta()), "Time after promotion for which the way back is kept warm."
    ] = timedelta(hours=1)

    def __post_init__(self) -> None:
        growing = all(a < b for a, b in zip(self.steps, self.steps[1:], strict=False))
        refuse_unless_valid(
            self,
            fault_if(
                not all(0 < share < 1 for share in self.steps),
                "steps",
                "each share lies between 0 and 1, both excluded (1 follows by itself); "
                "write for example [0.05, 0.25, 0.5]",
            ),
            fault_if(not growing, "steps", "each share is larger than the one before; sort them"),
            fault_if(
                not self.steps and self.plan in {PlanKind.CANARY, PlanKind.SPLIT},
                "steps",
                f"plan {self.plan.value} needs a share; write [0.05] or plan: all_at_once",
            ),
        )
