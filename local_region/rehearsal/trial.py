"""An experiment that is rehearsed with a known truth, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from falaj.errors import ConfigurationError
from falaj.experiments.metrics import Kind
from falaj.experiments.spec import ExperimentSpec
from local_region.rehearsal.scenario import Moment

MOST_UNITS: Final = 20_000
TRAFFIC_RPS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An experiment under a chosen truth.

    Attributes:
        spec: The declaration.
        base: What the success metric really is in the control: a rate, or a mean.
        effects: How much it differs, by arm; arms that are not named do not differ.
        traffic_rps: Requests a second, on average.
        most_units: Units after which no new ones come.
        seed: Of everything random.
    """

    spec: ExperimentSpec
    base: float
    effects: Mapping[str, float]
    traffic_rps: float = TRAFFIC_RPS
    most_units: int = MOST_UNITS
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        others = [arm.name for arm in self.spec.arms[1:]]
        strange = sorted(set(self.effects) - set(others))
        if strange:
            faults.append(f"effect on {', '.join(strange)}: the arms are {', '.join(others)}")
        if self.is_rate and not all(0 <= self.truth(arm.name) <= 1 for arm in self.spec.arms):
            faults.append(f"base {self.base:g} with its effects is no rate in [0, 1]")
        if not 0 < self.traffic_rps < float("inf"):
            faults.append(f"traffic {self.traffic_rps:g}: requests a second, above 0")
        if self.most_units < 1:
            faults.append("at least one unit is needed")
        if faults:
            raise ConfigurationError(faults)

    @property
    def is_rate(self) -> bool:
        """Whether the success metric is a rate."""
        return self.spec.success.kind is Kind.BINARY

    def truth(self, arm: str) -> float:
        """Say what the success metric really is in an arm."""
        return self.base + self.effects.get(arm, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """The truth about an arm beside what was found.

    Attributes:
        arm: Its name.
        true_effect: The difference from the control that was chosen.
        estimate: The difference that was estimated; None while there is none.
        interval: Where the difference lies, by what was found.
        is_covered: Whether the interval holds the truth.
    """

    arm: str
    true_effect: float
    estimate: float | None
    interval: tuple[float, float] | None

    @property
    def is_covered(self) -> bool | None:
        """Whether the interval holds the truth; None without an interval."""
        if self.interval is None:
            return None
        return self.interval[0] <= self.true_effect <= self.interval[1]

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {**asdict(self), "is_covered": self.is_covered}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What came of a rehearsed experiment.

    Attributes:
        trial: What was rehearsed.
        verdict: The report's.
        phase: Where the experiment ended.
        sentence: The report's headline.
        reason: Why it ended there.
        arms: Truth and estimate.
        units: Units that were counted.
        requests: Requests that were answered.
        outcomes: Pieces of feedback that the API took.
        elapsed: From the start to the end, virtual.
        final_alias: Version and weights of the alias in the end.
        timeline: What happened, in order.
        report: The whole report.
        page: The report's page.
    """

    trial: Trial
    verdict: str
    phase: str
    sentence: str
    reason: str
    arms: tuple[ArmResult, ...]
    units: int
    requests: int
    outcomes: int
    elapsed: timedelta
    final_alias: Mapping[str, Any]
    timeline: tuple[Moment, ...]
    report: Mapping[str, Any]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values; the same rehearsal gives the same text."""
        trial = self.trial
        return {
            "verdict": self.verdict,
            "phase": self.phase,
            "sentence": self.sentence,
            "reason": self.reason,
            "model": trial.spec.model,
            "experiment": trial.spec.name,
            "seed": trial.seed,
            "base": trial.base,
            "traffic_rps": trial.traffic_rps,
            "effects": [arm.to_dict() for arm in self.arms],
            "units": self.units,
            "requests": self.requests,
            "outcomes": self.outcomes,
            "virtual_seconds": self.elapsed.total_seconds(),
            "final_alias": dict(self.final_alias),
            "timeline": [
                {"at_s": moment.at_s, "kind": moment.kind, "text": moment.text}
                for moment in self.timeline
            ],
        }
