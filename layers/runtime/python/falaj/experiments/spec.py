"""The declaration of an experiment: all that decides its verdict, fixed beforehand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, Final, Self

from falaj.domain.plan import OnLoss, OnWin
from falaj.errors import ConfigurationError
from falaj.experiments.assignment import Allocation
from falaj.experiments.bandit import Bandit
from falaj.experiments.hashing import LATEST
from falaj.experiments.metrics import Kind, Metric, Role
from falaj.experiments.namespace import Namespace
from falaj.experiments.reading import read_part, read_parts
from falaj.experiments.subject import SubjectSource

MOST_LOOKS: Final = 100
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DURATION: Final = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_UNIT: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHARE_TOLERANCE: Final = 1e-9


class Unit(StrEnum):
    """What chance assigns, and therefore what is counted."""

    REQUEST = "request"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of the experiment.

    Attributes:
        name: DNS label.
        share: Share of the covered units.
        model_version: Model version that answers; None lets the release decide.
    """

    name: str
    share: float
    model_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSpec:
    """An experiment as its owner declares it.

    Attributes:
        name: DNS label; also the seed of the hash unless `seed` is given.
        model: Model whose versions are compared.
        arms: Control first; shares sum to 1.
        metrics: Exactly one of them has the role `success`.
        unit: Request (the alias's own weights) or subject (sticky, hashed).
        subject: Where subjects are found; only for sticky experiments.
        coverage: Part of all subjects that takes part.
        seed: Seed of the hash.
        hash_version: GrowthBook's 1 or 2.
        namespace: Mutual exclusion.
        holdout_share: Share of all subjects kept out.
        holdout_seed: Name of the holdout, shared by experiments that hold out the same people.
        overrides: Arm by subject, for testers.
        bandit: Lets shares follow outcomes, beginning with `coverage`; such an experiment chooses
            and proves nothing.
        planned_units: Planned sample size over all arms (group-sequential); None (confidence
            sequence).
        looks: Evenly spaced looks of a planned experiment, 1 to 100.
        tuned_units: Units at which the confidence sequence is tightest.
        minimum_events: Units with a non-zero value that each arm needs first.
        alpha: Two-sided level of the verdict.
        mismatch_alpha: Level of the sample-ratio test.
        discovery_rate: False-discovery rate over secondary metrics.
        outcome_window: How long after its first exposure a unit's outcomes count; only then is the
            unit analysed, so that a slow arm does not look like a bad one.
        max_duration: The experiment ends then, decided or not.
        on_win: What a winner gets.
        on_loss: What a loser gets.
    """

    name: str
    model: str
    arms: tuple[Arm, ...]
    metrics: tuple[Metric, ...]
    unit: Unit = Unit.REQUEST
    subject: SubjectSource | None = None
    coverage: float = 1.0
    seed: str | None = None
    hash_version: int = LATEST
    namespace: Namespace | None = None
    holdout_share: float = 0.0
    holdout_seed: str = "holdout"
    overrides: Mapping[str, str] = field(default_factory=dict)
    bandit: Bandit | None = None
    planned_units: int | None = None
    looks: int = 20
    tuned_units: int = 10_000
    minimum_events: int = 20
    alpha: float = 0.05
    mismatch_alpha: float = 0.001
    discovery_rate: float = 0.1
    outcome_window: timedelta = timedelta(hours=1)
    max_duration: timedelta = timedelta(days=28)
    on_win: OnWin = OnWin.HOLD
    on_loss: OnLoss = OnLoss.REVERT

    def __post_init__(self) -> None:
        faults = [
            *self._naming(),
            *self._routing(),
            *self._statistics(),
            *self._timing(),
            *self._banditry(),
        ]
        for metric in self.metrics:
            faults.extend(metric.faults())
        if not faults and self.unit is Unit.SUBJECT:
            _ = self.allocation  # its own refusals (overrides, hash version) belong to the spec
        if faults:
            raise ConfigurationError([f"experiment {self.name!r}: {fault}" for fault in faults])

    def _naming(self) -> Iterator[str]:
        for what, value in [("name", self.name), ("model", self.model)]:
            if not _LABEL.fullmatch(value):
                yield f"{what} {value!r} is not a DNS label (a-z, 0-9, hyphen, at most 63)"
        for arm in self.arms:
            if not _LABEL.fullmatch(arm.name):
                yield f"arm {arm.name!r} is not a DNS label"
        if len({arm.name for arm in self.arms}) != len(self.arms):
            yield "two arms have one name"
        if len({metric.name for metric in self.metrics}) != len(self.metrics):
            yield "two metrics have one name"
        successes = sum(metric.role is Role.SUCCESS for metric in self.metrics)
        if successes != 1:
            yield f"exactly one metric has the role success, not {successes}"

    def _routing(self) -> Iterator[str]:
        if len(self.arms) < 2:  # noqa: PLR2004 - a comparison takes two
            yield "needs a control and at least one other arm"
        if any(not 0 < arm.share < 1 for arm in self.arms):
            yield "every arm's share lies in (0, 1)"
        if abs(sum(arm.share for arm in self.arms) - 1) > _SHARE_TOLERANCE:
            yield f"shares sum to {sum(arm.share for arm in self.arms):g}, not 1"
        if not 0 < self.coverage <= 1:
            yield f"coverage {self.coverage:g} is not in (0, 1]"
        if (self.unit is Unit.SUBJECT) != (self.subject is not None):
            yield "unit subject needs a subject source, and unit request has none"
        if self.unit is Unit.REQUEST:
            yield from self._request_limits()

    def _request_limits(self) -> Iterator[str]:
        if len(self.arms) > 2:  # noqa: PLR2004 - an alias routes to at most two versions
            yield "an alias splits between two versions; more arms need unit: subject"
        if self.namespace or self.holdout_share or self.overrides or self.coverage < 1:
            yield "namespace, holdout, overrides and coverage need unit: subject"
        if any(metric.use_covariate for metric in self.metrics):
            yield "a covariate belongs to a subject"

    def _statistics(self) -> Iterator[str]:
        levels = [
            ("alpha", self.alpha),
            ("mismatch_alpha", self.mismatch_alpha),
            ("discovery_rate", self.discovery_rate),
        ]
        for what, value in levels:
            if not 0 < value < 0.5:  # noqa: PLR2004 - a level of a half decides by coin
                yield f"{what} {value:g} is not in (0, 0.5)"
        if not 1 <= self.looks <= MOST_LOOKS:
            yield f"looks {self.looks} is not in 1 to {MOST_LOOKS}"
        if self.planned_units is not None and self.planned_units < self.looks:
            yield f"planned_units {self.planned_units} is less than one unit a look"
        if self.tuned_units < 1 or self.minimum_events < 1:
            yield "tuned_units and minimum_events are at least 1"

    def _timing(self) -> Iterator[str]:
        if self.max_duration <= timedelta(0):
            yield "max_duration is above 0"
        if not timedelta(0) < self.outcome_window < self.max_duration:
            yield "outcome_window is above 0 and shorter than max_duration"

    def _banditry(self) -> Iterator[str]:
        bandit = self.bandit
        if bandit is None:
            return
        if self.unit is not Unit.SUBJECT:
            yield "a bandit needs unit: subject"
        successes = [metric for metric in self.metrics if metric.role is Role.SUCCESS]
        if any(metric.kind is Kind.RATIO or metric.use_covariate for metric in successes):
            yield "a bandit's success metric is binary or continuous, without a covariate"
        if self.planned_units is not None:
            yield "a bandit has no planned_units: its shares follow outcomes, no test applies"
        if self.coverage >= 1:
            yield "a bandit begins with a coverage below 1: its shares grow into the rest"
        yield from bandit.faults(arms=len(self.arms))

    @property
    def control(self) -> Arm:
        """The arm that others are compared with."""
        return self.arms[0]

    @property
    def success(self) -> Metric:
        """The metric that decides."""
        return next(metric for metric in self.metrics if metric.role is Role.SUCCESS)

    @property
    def allocation(self) -> Allocation:
        """What the request path needs to assign subjects."""
        return Allocation.even_keeled(
            self.name,
            {arm.name: arm.share for arm in self.arms},
            coverage=self.coverage,
            seed=self.seed,
            hash_version=self.hash_version,
            namespace=self.namespace,
            holdout_share=self.holdout_share,
            holdout_seed=self.holdout_seed,
            overrides=self.overrides,
        )

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """Read a declaration from JSON or YAML values.

        Raises:
            ConfigurationError: Keys are unknown or missing, values of the wrong kind, or the
                declaration contradicts itself; with every fault.
        """
        name = value.get("name") if isinstance(value, Mapping) else None
        spec: Self = read_part(cls, value, f"experiment {name!r}", _READERS)
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Write the declaration as JSON values, without what is left at its default."""
        changed = {
            item.name: _plain(got)
            for item in fields(self)
            if (got := getattr(self, item.name)) != item.default
        }
        return {key: value for key, value in changed.items() if value != {}}


def duration(text: object) -> timedelta:
    """Read `90s`, `10m`, `6h`, `14d` or `2w`.

    Example:
        >>> duration("14d").days
        14
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"duration {text!r}: write a whole number and s, m, h, d or w, as in 14d")
    return timedelta(**{_UNIT[match[2]]: int(match[1])})


def _duration_text(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in [("d", 86_400), ("h", 3_600), ("m", 60)]:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any attribute of a declaration
    match value:
        case Enum():
            plain = value.value
        case timedelta():
            plain = _duration_text(value)
        case tuple():
            plain = [_plain(item) for item in value]
        case Arm() | Metric() | SubjectSource() | Namespace() | Bandit():
            pairs = [(item, getattr(value, item.name)) for item in fields(value)]
            plain = {item.name: _plain(got) for item, got in pairs if got != item.default}
        case Mapping():
            plain = dict(value)
        case _:
            plain = value
    return plain


def _arm(number: int, value: object) -> Arm:
    arm: Arm = read_part(Arm, value, f"arm {number}")
    return arm


def _metric(number: int, value: object) -> Metric:
    metric: Metric = read_part(Metric, value, f"metric {number}")
    return metric


def _overrides(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"holds subjects and arms, not {value!r}")  # noqa: TRY004 - was written
    if strange := [item for pair in value.items() for item in pair if not isinstance(item, str)]:
        raise ValueError(f"{strange[0]!r} is not text (put it in quotes)")
    return dict(value)


_READERS: Final[Mapping[str, Any]] = {
    "arms": lambda items: read_parts(_arm, items),
    "metrics": lambda items: read_parts(_metric, items),
    "subject": lambda value: read_part(SubjectSource, value, "subject"),
    "namespace": lambda value: read_part(Namespace, value, "namespace"),
    "overrides": _overrides,
    "bandit": lambda value: read_part(Bandit, value, "bandit", {"every": duration}),
    "outcome_window": duration,
    "max_duration": duration,
}
