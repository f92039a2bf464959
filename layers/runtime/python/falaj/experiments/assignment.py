"""Which arm a subject gets: in process, without a hop, the same for all its requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from falaj.errors import ConfigurationError
from falaj.experiments.chance import Chance
from falaj.experiments.hashing import LATEST, PLACES_1, PLACES_2, VERSIONS
from falaj.experiments.namespace import Namespace
from falaj.experiments.ranges import (
    STEPS,
    Slice,
    bucket_ranges,
    grow,
    share_of,
    slices_from_ranges,
)
from falaj.experiments.subject import SubjectFault


class Reason(StrEnum):
    """Why a subject has the arm it has, or none."""

    HASHED = "hashed"
    HELD = "held"
    OVERRIDE = "override"
    HOLDOUT = "holdout"
    OTHER_EXPERIMENT = "other_experiment"
    NOT_COVERED = "not_covered"
    NO_SUBJECT = "no_subject"


class Assignment(NamedTuple):
    """The answer for one request.

    Attributes:
        experiment: Its key.
        arm: The arm's name; None when the subject takes no part and is served the control.
        reason: Why.
        fault: What was wrong with the subject, for `NO_SUBJECT`.
    """

    experiment: str
    arm: str | None
    reason: Reason
    fault: SubjectFault | None = None

    @property
    def is_exposure(self) -> bool:
        """Whether chance decided, so that the request counts in the analysis."""
        return self.reason in {Reason.HASHED, Reason.HELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """All that `assign` needs; immutable, so a request in flight never sees half a change.

    Attributes:
        experiment: Key of the experiment.
        arms: Names in order, the control first.
        slices: Who has which places of hash space, in order of `start`.
        seed: Seed of the hash.
        hash_version: GrowthBook's 1 or 2.
        namespace: Mutual exclusion; None takes part with everyone.
        holdout_share: Share of all subjects kept out of every experiment of the same
            `holdout_seed`.
        holdout_seed: Name of the holdout.
        overrides: Arm by subject, for testers; never analysed.
        by_chance: Says what holdout, namespace and hash make of a subject, overrides apart.
    """

    experiment: str
    arms: tuple[str, ...]
    slices: tuple[Slice, ...]
    seed: str
    hash_version: int = LATEST
    namespace: Namespace | None = None
    holdout_share: float = 0.0
    holdout_seed: str = "holdout"
    overrides: Mapping[str, str] = field(default_factory=dict)
    _answers: tuple[Assignment, ...] = field(init=False, repr=False, compare=False)
    by_chance: Callable[[str], Assignment] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigurationError(faults)
        answers = (
            Assignment(self.experiment, self.arms[piece.arm], Reason.HASHED)
            for piece in self.slices
        )
        object.__setattr__(self, "_answers", tuple(answers))
        object.__setattr__(self, "by_chance", self.chance().by_subject())

    def place(self, place: float) -> Assignment:
        """Say who has a place of hash space."""
        for piece, answer in zip(self.slices, self._answers, strict=True):
            if piece.start / STEPS <= place < piece.end / STEPS:
                return answer
        return Assignment(self.experiment, None, Reason.NOT_COVERED)

    def answers(self, places: int) -> tuple[Assignment, ...]:
        """Say who has each place of a hash: looked up, not searched for.

        Args:
            places: How many the hash has; a divisor of `STEPS`.
        """
        found = [Assignment(self.experiment, None, Reason.NOT_COVERED)] * STEPS
        for piece, answer in zip(self.slices, self._answers, strict=True):
            found[piece.start : piece.end] = [answer] * (piece.end - piece.start)
        return tuple(found[:: STEPS // places])

    def chance(self) -> Chance[Assignment]:
        """Return the hashes behind `by_chance`, and what each of their outcomes means."""
        is_old = self.hash_version == 1
        return Chance(
            seed=self.seed,
            is_old=is_old,
            places=self.answers(PLACES_1 if is_old else PLACES_2),
            holdout_seed=self.holdout_seed,
            holdout_share=self.holdout_share,
            held_out=Assignment(self.experiment, None, Reason.HOLDOUT),
            namespace=self.namespace,
            elsewhere=Assignment(self.experiment, None, Reason.OTHER_EXPERIMENT),
        )

    def _faults(self) -> list[str]:
        key = f"experiment {self.experiment!r}"
        faults = []
        if self.hash_version not in VERSIONS:
            faults.append(f"{key}: hash version {self.hash_version} is not 1 or 2")
        if not 0 <= self.holdout_share < 1:
            faults.append(f"{key}: holdout_share {self.holdout_share:g} is not in [0, 1)")
        if len(set(self.arms)) != len(self.arms) or not self.arms:
            faults.append(f"{key}: arms need distinct names")
        unknown = sorted(set(self.overrides.values()) - set(self.arms))
        faults += [f"{key}: an override names {arm!r}, which is no arm" for arm in unknown]
        edges = [edge for piece in self.slices for edge in (piece.start, piece.end)]
        if edges != sorted(edges) or any(not 0 <= p.arm < len(self.arms) for p in self.slices):
            faults.append(f"{key}: slices are in order, apart, and of known arms")
        return faults

    @classmethod
    def even_keeled(
        cls,
        experiment: str,
        shares: Mapping[str, float],
        *,
        coverage: float = 1.0,
        seed: str | None = None,
        **rest: object,
    ) -> "Allocation":
        """Lay out arms as GrowthBook does: each at its place, coverage growing to the right.

        Args:
            experiment: Key, also the seed unless one is given.
            shares: Share by arm, control first, summing to 1.
            coverage: Part of every share that takes part.
            seed: Seed of the hash.
            rest: Further attributes of `Allocation`.
        """
        ranges = bucket_ranges(len(shares), coverage, list(shares.values()))
        return cls(
            experiment=experiment,
            arms=tuple(shares),
            slices=slices_from_ranges(ranges),
            seed=experiment if seed is None else seed,
            **rest,  # type: ignore[arg-type]
        )

    def grown(self, shares: Sequence[float]) -> "Allocation":
        """Return the allocation with larger shares, from unassigned space only.

        Raises:
            ConfigurationError: An arm would shrink, or the shares do not fit.
        """
        return Allocation(
            experiment=self.experiment,
            arms=self.arms,
            slices=grow(self.slices, shares),
            seed=self.seed,
            hash_version=self.hash_version,
            namespace=self.namespace,
            holdout_share=self.holdout_share,
            holdout_seed=self.holdout_seed,
            overrides=self.overrides,
        )

    def keeps(self, earlier: "Allocation") -> bool:
        """Whether everybody who had an arm has the same one here.

        Example:
            >>> half, whole = (
            ...     Allocation.even_keeled("x", {"a": 0.5, "b": 0.5}, coverage=part)
            ...     for part in (0.5, 1.0)
            ... )
            >>> whole.keeps(half), half.keeps(whole)
            (True, False)
        """
        fixed = ("arms", "seed", "hash_version", "namespace", "holdout_share", "holdout_seed")
        return all(getattr(self, name) == getattr(earlier, name) for name in fixed) and all(
            any(
                mine.start <= theirs.start and theirs.end <= mine.end and mine.arm == theirs.arm
                for mine in self.slices
            )
            for theirs in earlier.slices
        )

    def share(self, arm: str) -> float:
        """Say how much of hash space an arm has."""
        return share_of(self.slices, self.arms.index(arm))


def assign(
    allocation: Allocation, subject: str | SubjectFault, *, held: str | None = None
) -> Assignment:
    """Give a subject its arm.

    In this order: no subject, override, holdout, namespace, an arm held from before, the hash.

    Args:
        allocation: The experiment's arms and shares.
        subject: What `SubjectSource.read` gave.
        held: Arm that the subject is known to have had (a bandit's shares move, its subjects do
            not).

    Example:
        >>> halves = Allocation.even_keeled("greeting", {"a": 0.5, "b": 0.5})
        >>> assign(halves, "user-1").arm, assign(halves, SubjectFault.MISSING).reason.value
        ('b', 'no_subject')
    """
    if isinstance(subject, SubjectFault):
        return Assignment(allocation.experiment, None, Reason.NO_SUBJECT, subject)
    if subject in allocation.overrides:
        return Assignment(allocation.experiment, allocation.overrides[subject], Reason.OVERRIDE)
    found = allocation.by_chance(subject)
    if held is None:
        return found
    if held not in allocation.arms or found.reason in _EXCLUDED:
        return found
    return Assignment(allocation.experiment, held, Reason.HELD)


_EXCLUDED = frozenset({Reason.HOLDOUT, Reason.OTHER_EXPERIMENT})
