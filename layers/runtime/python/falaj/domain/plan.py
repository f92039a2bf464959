"""A release as the controller sees it, and the plan by which it earns its traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from falaj.domain.release import DesiredRelease
from falaj.domain.shadow import compared_share
from falaj.domain.verdict import OBJECTIVES
from falaj.errors import ConfigurationError

SET_ASIDE_S: Final = 60
"""Events this close after a change of share are set aside: some were routed by the old share."""


class PlanKind(StrEnum):
    """How the candidate's share grows."""

    CANARY = "canary"
    SPLIT = "split"
    ALL_AT_ONCE = "all_at_once"
    SHADOW = "shadow"


class OnInconclusive(StrEnum):
    """What happens when the bake is over and the guard cannot yet call the candidate safe."""

    EXTEND = "extend"
    HOLD = "hold"
    ABORT = "abort"


class OnWin(StrEnum):
    """What a split does with a winner."""

    PROMOTE = "promote"
    HOLD = "hold"


class OnLoss(StrEnum):
    """What a split does with a loser."""

    REVERT = "revert"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """How readily the guard rolls back.

    Attributes:
        false_rollback: α, the probability per rollout that a harmless candidate is rolled back.
        objectives: What is watched, from `OBJECTIVES`.
        minimum_requests: Requests the candidate must have served before it can be called safe.

    Raises:
        ConfigurationError: With every fault.
    """

    false_rollback: float = 0.01
    objectives: tuple[str, ...] = OBJECTIVES
    minimum_requests: int = 100

    def __post_init__(self) -> None:
        faults = [
            f"guard.objectives: {name!r} is not known, choose from {', '.join(OBJECTIVES)}"
            for name in self.objectives
            if name not in OBJECTIVES
        ]
        if not 0 < self.false_rollback <= 0.5:  # noqa: PLR2004 - stated in the sentence
            faults.append(f"guard.false_rollback {self.false_rollback}: above 0, at most 0.5")
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            faults.append("guard.objectives: name at least one, each once")
        if self.minimum_requests < 1:
            faults.append(f"guard.minimum_requests {self.minimum_requests}: at least 1")
        if faults:
            raise ConfigurationError(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The way from no share to all of it.

    Attributes:
        kind: Canary climbs `steps` and takes the rest; split climbs them and holds the last until
            an experiment decides; all_at_once takes everything and bakes; shadow takes copies and
            never answers. The last two have no steps of their own.
        steps: Shares of the candidate, in (0, 1), increasing.
        bake_s: Seconds at each step, at least a minute.
        on_inconclusive: See `OnInconclusive`.
        max_extensions: How many further bakes a step may ask for before it is held.
        max_duration_s: When a split without a winner ends, seconds.
        on_win: What a split does with a winner, and a shadow once it is known to be safe.
        on_loss: What a split does with a loser.
        shadow_share: Sampled share of requests copied to a shadow, in (0, 1].
        shadow_mismatch: Share of a shadow's answers that may differ from stable's, in (0, 1]; 1
            counts them without judging.
        rollback_window_s: How long after promotion the way back is kept warm, seconds.
        guard: See `GuardSettings`.

    Raises:
        ConfigurationError: With every fault.

    Example:
        >>> Plan(steps=(0.05, 0.5)).shares
        (0.05, 0.5)
        >>> Plan(steps=(0.5, 0.05))
        Traceback (most recent call last):
            ...
        falaj.errors.ConfigurationError: release.steps (0.5, 0.05): each is larger than the one
        before
    """

    kind: PlanKind = PlanKind.CANARY
    steps: tuple[float, ...] = (0.05, 0.25, 0.5)
    bake_s: float = 600.0
    on_inconclusive: OnInconclusive = OnInconclusive.EXTEND
    max_extensions: int = 3
    max_duration_s: float = 14 * 86_400.0
    on_win: OnWin = OnWin.HOLD
    on_loss: OnLoss = OnLoss.REVERT
    shadow_share: float = 0.05
    shadow_mismatch: float = 1.0
    rollback_window_s: float = 3600.0
    guard: GuardSettings = GuardSettings()

    def __post_init__(self) -> None:
        if faults := [*_step_faults(self.kind, self.steps), *_number_faults(self)]:
            raise ConfigurationError(faults)

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares at which the candidate bakes, before it is promoted."""
        fixed = {PlanKind.ALL_AT_ONCE: (1.0,), PlanKind.SHADOW: (0.0,)}
        return fixed.get(self.kind, self.steps)

    @property
    def compared_share(self) -> float:
        """The candidate's part of the answers that the guard compares, at a share of 0."""
        return compared_share(self.shadow_share) if self.kind is PlanKind.SHADOW else 0.0

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read model.yaml's keys below `release`, durations in seconds.

        Raises:
            ConfigurationError: A key is unknown or a value out of range, with every fault.

        Example:
            >>> Plan.from_dict({"plan": "canary", "steps": [0.1], "bake": 300.0}).bake_s
            300.0
        """
        if unknown := sorted(value.keys() - _KEYS.keys()):
            raise ConfigurationError([f"release.{key} is not known" for key in unknown])
        given = {_KEYS[key]: item for key, item in value.items()}
        try:
            for name, kind in _KINDS.items():
                if name in given:
                    given[name] = kind(given[name])
            if "guard" in given:
                settings = dict(given["guard"])
                if "objectives" in settings:
                    settings["objectives"] = tuple(settings["objectives"])
                given["guard"] = GuardSettings(**settings)
        except (TypeError, ValueError) as error:
            raise ConfigurationError([f"release: {error}"]) from error
        return cls(**given)


_KEYS: Final = {
    "plan": "kind",
    "steps": "steps",
    "bake": "bake_s",
    "on_inconclusive": "on_inconclusive",
    "max_extensions": "max_extensions",
    "max_duration": "max_duration_s",
    "on_win": "on_win",
    "on_loss": "on_loss",
    "shadow_share": "shadow_share",
    "shadow_mismatch": "shadow_mismatch",
    "rollback_window": "rollback_window_s",
    "guard": "guard",
}

_KINDS: Final[dict[str, Any]] = {
    "kind": PlanKind,
    "steps": tuple,
    "on_inconclusive": OnInconclusive,
    "on_win": OnWin,
    "on_loss": OnLoss,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the stack wants to serve.

    Attributes:
        model: Model name.
        serial: Grows with every statement of intent (the SSM parameter's version), so that an old
            one read late is known for what it is.
        version: Lambda version number, the immutable thing.
        model_version: The catalogue's version, for people.
        digest: sha256 of the model's bytes.
        plan: How it earns its traffic.
        min_warm: Provisioned concurrency, kept on the version.
        risk: `low`, `medium` or `high`; high gets no share until somebody has approved.

    Raises:
        ConfigurationError: The version is not a published one.
    """

    model: str
    serial: int
    version: str
    model_version: int = 1
    digest: str = ""
    plan: Plan = field(default_factory=Plan)
    min_warm: int = 0
    risk: str = "low"

    def __post_init__(self) -> None:
        if not (self.version.isascii() and self.version.isdigit()):
            raise ConfigurationError(
                [f"release {self.version!r}: name a published version, never $LATEST"]
            )

    @classmethod
    def from_desired(cls, desired: DesiredRelease, *, serial: int) -> Self:
        """Read what the stack wrote, with the version number of the parameter it was read from.

        Raises:
            ConfigurationError: The plan or the version is refused, with every fault.
        """
        return cls(
            model=desired.model,
            serial=serial,
            version=desired.release,
            model_version=desired.model_version,
            digest=desired.model_digest,
            plan=Plan.from_dict(desired.plan),
            min_warm=desired.min_warm,
            risk=desired.risk,
        )


def _step_faults(kind: PlanKind, steps: tuple[float, ...]) -> list[str]:
    if kind in {PlanKind.ALL_AT_ONCE, PlanKind.SHADOW}:
        return []
    faults = [f"release.steps: {step} is not between 0 and 1" for step in steps if not 0 < step < 1]
    if not steps:
        faults.append("release.steps is empty: write for example [0.05], or plan: all_at_once")
    if any(after <= before for before, after in pairwise(steps)):
        faults.append(f"release.steps {steps}: each is larger than the one before")
    return faults


def _number_faults(plan: Plan) -> list[str]:
    faults = []
    if plan.bake_s < SET_ASIDE_S:
        faults.append(
            f"release.bake {plan.bake_s:g} s: at least {SET_ASIDE_S} s, which are set aside after "
            "each change of share"
        )
    if plan.max_extensions < 0:
        faults.append(f"release.max_extensions {plan.max_extensions}: at least 0")
    if plan.max_duration_s < plan.bake_s:
        faults.append("release.max_duration is shorter than the bake")
    if not 0 < plan.shadow_share <= 1:
        faults.append(f"release.shadow_share {plan.shadow_share}: above 0, at most 1")
    if not 0 < plan.shadow_mismatch <= 1:
        faults.append(f"release.shadow_mismatch {plan.shadow_mismatch}: above 0, at most 1")
    if plan.rollback_window_s < 0:
        faults.append(f"release.rollback_window {plan.rollback_window_s:g} s: at least 0")
    return faults
