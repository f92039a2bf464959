"""Half-open ranges of [0, 1): who gets which arm, and how shares grow without moving anybody.

Source:
    GrowthBook, "Build your own SDK", specification 0.7.1: `getBucketRanges`, `chooseVariation`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from falaj.errors import ConfigurationError

Range = tuple[float, float]

STEPS: Final = 10_000
"""Version 2 of the hash has this many places, so a share is a whole number of them."""

_WEIGHT_TOLERANCE: Final = 0.01


def bucket_ranges(
    count: int, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> list[Range]:
    """Lay out one range per variation, as GrowthBook publishes it.

    Each range starts where its full weight starts, so coverage grows every range to the right and
    never moves its left edge. Unusable weights (wrong number, sum not within 0.01 of 1) become
    equal ones and coverage is clamped to [0, 1]: that is the published behaviour. `ExperimentSpec`
    refuses both.

    Example:
        >>> bucket_ranges(2, 0.5)
        [(0.0, 0.25), (0.5, 0.75)]
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != count or abs(sum(weights) - 1) > _WEIGHT_TOLERANCE:
        weights = [1 / count] * count
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose_variation(place: float, ranges: Sequence[Range]) -> int:
    """Find the first range [start, end) that holds a place; −1 if none does.

    Example:
        >>> (
        ...     choose_variation(0.5, [(0, 0.5), (0.5, 1)]),
        ...     choose_variation(0.4, [(0, 0.25), (0.5, 1)]),
        ... )
        (1, -1)
    """
    for index, (start, end) in enumerate(ranges):
        if start <= place < end:
            return index
    return -1


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """One piece of hash space that belongs to an arm.

    Attributes:
        start: First place, in steps of 1/`STEPS`.
        end: One past the last place.
        arm: Index of the arm.
    """

    start: int
    end: int
    arm: int


def slices_from_ranges(ranges: Sequence[Range]) -> tuple[Slice, ...]:
    """Write published ranges as slices: exactly the places of version 2 that they hold.

    Example:
        >>> slices_from_ranges([(0.0, 0.25), (0.5, 0.75)])
        (Slice(start=0, end=2500, arm=0), Slice(start=5000, end=7500, arm=1))
    """
    cut = [Slice(_first_place(a), _first_place(b), arm) for arm, (a, b) in enumerate(ranges)]
    return tuple(sorted(piece for piece in cut if piece.end > piece.start))


def _first_place(edge: float) -> int:
    """Return the smallest step k with k/STEPS ≥ edge, in the floats that `bucket` returns."""
    place = round(edge * STEPS)
    if place / STEPS < edge:
        return place + 1
    return place - 1 if place > 0 and (place - 1) / STEPS >= edge else place


def grow(slices: Sequence[Slice], shares: Sequence[float]) -> tuple[Slice, ...]:
    """Give arms more of the unassigned space; nobody who has an arm gets another one.

    Args:
        slices: What is assigned now.
        shares: Wanted share of every arm, each at least its present one, summing to at most 1.

    Raises:
        ConfigurationError: An arm would shrink, or the shares do not fit.

    Example:
        >>> grow([Slice(0, 500, 1)], [0.0, 0.06])
        (Slice(start=0, end=600, arm=1),)
    """
    wanted = [round(share * STEPS) for share in shares]
    missing = [want - _size(slices, arm) for arm, want in enumerate(wanted)]
    faults = [
        f"arm {arm} would shrink from {_size(slices, arm) / STEPS:g} to {shares[arm]:g}: "
        "its subjects would flip; stop the experiment and start another"
        for arm, more in enumerate(missing)
        if more < 0
    ]
    if sum(wanted) > STEPS:
        faults.append(f"shares sum to {sum(shares):g}, more than 1")
    if faults:
        raise ConfigurationError(faults)
    return _merged([*slices, *_filled(_gaps(slices), missing)])


def share_of(slices: Sequence[Slice], arm: int) -> float:
    """Say how much of hash space an arm has."""
    return _size(slices, arm) / STEPS


def _size(slices: Iterable[Slice], arm: int) -> int:
    return sum(piece.end - piece.start for piece in slices if piece.arm == arm)


def _gaps(slices: Sequence[Slice]) -> list[tuple[int, int]]:
    gaps, at = [], 0
    for piece in sorted(slices):
        if piece.start > at:
            gaps.append((at, piece.start))
        at = max(at, piece.end)
    return [*gaps, (at, STEPS)] if at < STEPS else gaps


def _filled(gaps: list[tuple[int, int]], missing: Sequence[int]) -> list[Slice]:
    """Take what each arm misses from the gaps, first gap first."""
    taken = []
    queue = list(reversed(gaps))
    for arm, more in enumerate(missing):
        left = more
        while left > 0:
            start, end = queue.pop()
            used = min(left, end - start)
            taken.append(Slice(start, start + used, arm))
            left -= used
            if start + used < end:
                queue.append((start + used, end))
    return taken


def _merged(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    merged: list[Slice] = []
    for piece in sorted(slices):
        if merged and merged[-1].end == piece.start and merged[-1].arm == piece.arm:
            merged[-1] = Slice(merged[-1].start, piece.end, piece.arm)
        else:
            merged.append(piece)
    return tuple(merged)
