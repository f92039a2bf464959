"""What runs now: all that requests and the recorder know of experiments, as one small JSON text.

The control side writes it into one SSM parameter per model; the request path reads it. It holds
allocations and no statistics.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations
from typing import Any, Final, Self

from falaj.errors import ConfigurationError
from falaj.experiments.assignment import Allocation
from falaj.experiments.namespace import Namespace
from falaj.experiments.ranges import Slice
from falaj.experiments.spec import ExperimentSpec, Unit
from falaj.experiments.subject import SubjectSource, Where

LIMIT_BYTES: Final = 4096
"""What a standard parameter holds.

Source:
    docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
    (4 KB; 8 KB for advanced ones, which are charged for).
"""

LATE_LOGS: Final = timedelta(days=14)
"""How long a split that ended is known: as long as deliveries lie in the recorder's queue.

Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
sqs-basic-architecture.html (14 days at most).
"""
_MOST_ENDED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExperiment:
    """A running sticky experiment.

    Attributes:
        allocation: Arms, slices, namespace, holdout and overrides; its `experiment` is the key.
        subject: Where subjects are found.
        versions: Model version by arm; an arm that is not in it gets the release's own.
    """

    allocation: Allocation
    subject: SubjectSource
    versions: Mapping[str, int]

    def __post_init__(self) -> None:
        strange = sorted(set(self.versions) - set(self.allocation.arms))
        if strange:
            raise ConfigurationError([f"experiment {self.key!r}: no arms: {', '.join(strange)}"])

    @property
    def key(self) -> str:
        """The experiment's name."""
        return self.allocation.experiment

    @classmethod
    def of(cls, spec: ExperimentSpec) -> Self:
        """Return what requests need of a declared sticky experiment.

        Raises:
            ConfigurationError: Its unit is the request.
        """
        if spec.unit is not Unit.SUBJECT or spec.subject is None:
            raise ConfigurationError([f"experiment {spec.name!r}: its unit is not the subject"])
        versions = {arm.name: arm.model_version for arm in spec.arms if arm.model_version}
        return cls(allocation=spec.allocation, subject=spec.subject, versions=versions)

    def grown(self, shares: Sequence[float]) -> Self:
        """Return it with larger shares of hash space, in which nobody flips back.

        Raises:
            ConfigurationError: An arm would shrink, or the shares do not fit.
        """
        return replace(self, allocation=self.allocation.grown(shares))


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSplit:
    """A running request-level experiment: the alias decides, and releases tell the arms.

    Attributes:
        key: The experiment's name.
        arms: Arm by Lambda version.
        since: When the split began, seconds since the epoch.
        until: When it ended; None while it runs.
    """

    key: str
    arms: Mapping[str, str]
    since: float
    until: float | None = None

    def arm_of(self, release: str, at: float) -> str | None:
        """Name the arm that a release was at a moment; None when it was none."""
        is_over = self.until is not None and at >= self.until
        return None if is_over or at < self.since else self.arms.get(release)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """An arm that won: it answers everyone until a release has it as its own version.

    Attributes:
        version: The arm's model version.
        instead_of: The release's own version that it stands in for; a release with another own
            version ignores the promotion.
    """

    version: int
    instead_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExperiments:
    """Everything that runs on one model.

    Attributes:
        sticky: Running sticky experiments. Several must keep to disjoint parts of one namespace and
            find their subjects in the same place: a request is answered by one version only.
        split: The running request-level experiment.
        ended: Splits that ran a while ago: their logs may still be on the way.
        promotion: Who answers requests that are in no experiment.
    """

    sticky: tuple[LiveExperiment, ...] = ()
    split: LiveSplit | None = None
    ended: tuple[LiveSplit, ...] = ()
    promotion: Promotion | None = None

    def __post_init__(self) -> None:
        faults = _overlaps(self.sticky)
        if faults:
            raise ConfigurationError(faults)

    def with_sticky(self, experiment: LiveExperiment) -> Self:
        """Return it with an experiment started or changed.

        Raises:
            ConfigurationError: It shares subjects with one that runs.
        """
        others = (each for each in self.sticky if each.key != experiment.key)
        return replace(self, sticky=(*others, experiment))

    def with_split(self, split: LiveSplit) -> Self:
        """Return it with a request-level experiment started."""
        return replace(self, split=split)

    def with_promotion(self, promotion: Promotion) -> Self:
        """Return it with an arm that answers everyone who is in no experiment."""
        return replace(self, promotion=promotion)

    def without(self, key: str, *, at: float) -> Self:
        """Return it without an experiment of this name, sticky or split.

        Args:
            key: The experiment's name.
            at: When it ended, seconds since the epoch; a split is known for `LATE_LOGS` longer.
        """
        sticky = tuple(each for each in self.sticky if each.key != key)
        if self.split is None or self.split.key != key:
            return replace(self, sticky=sticky)
        ended = (*self.ended, replace(self.split, until=at))[-_MOST_ENDED:]
        known = tuple(each for each in ended if (each.until or at) > at - LATE_LOGS.total_seconds())
        return replace(self, sticky=sticky, split=None, ended=known)

    @property
    def splits(self) -> tuple[LiveSplit, ...]:
        """The running split and those that ended."""
        return self.ended if self.split is None else (self.split, *self.ended)

    def to_json(self) -> str:
        """Write the parameter's value.

        Raises:
            ConfigurationError: It is longer than a standard parameter.
        """
        value = {
            "sticky": [_experiment_json(each) for each in self.sticky],
            "split": self.split and _split_json(self.split),
            "ended": [_split_json(each) for each in self.ended],
            "promotion": self.promotion
            and {"version": self.promotion.version, "instead_of": self.promotion.instead_of},
        }
        known = {key: item for key, item in value.items() if item}
        text = json.dumps(known, separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode())
        if size > LIMIT_BYTES:
            fault = (
                f"running experiments take {size} bytes and a parameter holds {LIMIT_BYTES}: "
                "declare fewer overrides, or run fewer experiments at once"
            )
            raise ConfigurationError([fault])
        return text

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ConfigurationError: It is not that.
        """
        try:
            value = json.loads(text)
            split, promotion = value.get("split"), value.get("promotion")
            return cls(
                sticky=tuple(_experiment(each) for each in value.get("sticky", ())),
                split=LiveSplit(**split) if split else None,
                ended=tuple(LiveSplit(**each) for each in value.get("ended", ())),
                promotion=Promotion(**promotion) if promotion else None,
            )
        except ConfigurationError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError([f"not the running experiments ({error!r})"]) from error


def _split_json(split: LiveSplit) -> dict[str, Any]:
    value = {"key": split.key, "arms": dict(split.arms), "since": split.since}
    return value if split.until is None else value | {"until": split.until}


def _overlaps(experiments: tuple[LiveExperiment, ...]) -> list[str]:
    return [
        f"experiments {first.key!r} and {second.key!r} would share subjects: {reason}"
        for first, second in combinations(experiments, 2)
        if (reason := _shared(first, second))
    ]


def _shared(first: LiveExperiment, second: LiveExperiment) -> str:
    mine, other = first.allocation.namespace, second.allocation.namespace
    if first.key == second.key:
        return "they have one name"
    if mine is None or other is None or mine.name != other.name:
        return "give both a part of one namespace"
    if mine.start < other.end and other.start < mine.end:
        return f"their parts of namespace {mine.name!r} overlap"
    if first.subject != second.subject:
        return "they find their subjects in different places"
    return ""


def _experiment_json(live: LiveExperiment) -> dict[str, Any]:
    allocation = live.allocation
    space = allocation.namespace
    value = {
        "key": allocation.experiment,
        "arms": list(allocation.arms),
        "slices": [[piece.start, piece.end, piece.arm] for piece in allocation.slices],
        "seed": allocation.seed,
        "hash_version": allocation.hash_version,
        "namespace": space and [space.name, space.start, space.end],
        "holdout_share": allocation.holdout_share,
        "holdout_seed": allocation.holdout_seed,
        "overrides": dict(allocation.overrides),
        "subject": [live.subject.where.value, live.subject.name],
        "versions": dict(live.versions),
    }
    return {key: item for key, item in value.items() if item}


def _experiment(value: Mapping[str, Any]) -> LiveExperiment:
    space = value.get("namespace")
    where, name = value["subject"]
    return LiveExperiment(
        allocation=Allocation(
            experiment=value["key"],
            arms=tuple(value["arms"]),
            slices=tuple(Slice(*piece) for piece in value["slices"]),
            seed=value["seed"],
            hash_version=value["hash_version"],
            namespace=Namespace(name=space[0], start=space[1], end=space[2]) if space else None,
            holdout_share=value.get("holdout_share", 0.0),
            holdout_seed=value.get("holdout_seed", "holdout"),
            overrides=value.get("overrides", {}),
        ),
        subject=SubjectSource(where=Where(where), name=name),
        versions=value.get("versions", {}),
    )
