"""The verdict on a model version: two of its last three windows, feature by feature.

A window's tests are at two thirds of the level that was asked for. Whatever ties windows to each
other, the reference they share among it, three of them reject 3 · 2/3 · level times on average, so
two of them together at most `level` often (Markov's inequality).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from falaj.drift.comparison import Comparison, benjamini_hochberg, compare, is_enough
from falaj.drift.reference import Feature, Reference

WINDOWS: Final = 3
NEEDED: Final = 2


class State(StrEnum):
    """What may be said of a version."""

    STEADY = "steady"
    DRIFTED = "drifted"
    NOT_ENOUGH = "not_enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was counted between two instants.

    Attributes:
        since: Its start, seconds since the epoch.
        counts: For each feature of the reference, rows by bin; empty where nothing was counted.
    """

    since: int
    counts: tuple[tuple[int, ...], ...] = ()

    @property
    def rows(self) -> int:
        """The most rows that any feature had."""
        return max(map(sum, self.counts), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLook:
    """What one window says of one feature.

    Attributes:
        feature: The feature.
        counts: Its rows by bin.
        comparison: Beside the reference; None where there were not enough rows.
        is_rejected: Whether chance alone is refused, among all features.
        is_shifted: Whether it is also far enough.
    """

    feature: Feature
    counts: tuple[int, ...]
    comparison: Comparison | None
    is_rejected: bool
    is_shifted: bool

    @property
    def psi(self) -> float:
        """How far it is off; 0 where that is not known."""
        return self.comparison.psi if self.comparison else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the last windows say together.

    Attributes:
        reference: Of which version.
        windows: The windows that were looked at, oldest first.
        looks: For each of them, every feature.
        drifted: Features that had shifted in two of them.
        state: The verdict.
    """

    reference: Reference
    windows: tuple[Window, ...]
    looks: tuple[tuple[FeatureLook, ...], ...]
    drifted: tuple[str, ...]
    state: State

    @property
    def psi(self) -> float:
        """How far the worst feature is off in the newest window."""
        return max((each.psi for each in self.looks[-1]), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Write the verdict with its numbers as JSON values, worst feature first."""
        newest = sorted(self.looks[-1], key=lambda each: -each.psi)
        return {
            "model": self.reference.model,
            "version": self.reference.version,
            "state": self.state.value,
            "drifted": list(self.drifted),
            "psi": self.psi,
            "rules": self.reference.to_dict()["rules"],
            "windows": [
                {
                    "since": window.since,
                    "rows": window.rows,
                    "shifted": [each.feature.name for each in looks if each.is_shifted],
                    "counts": [list(counts) for counts in window.counts],
                }
                for window, looks in zip(self.windows, self.looks, strict=True)
            ],
            "features": [_told(each, each.feature.name in self.drifted) for each in newest],
        }


def look(reference: Reference, windows: Sequence[Window]) -> Look:
    """Judge the last three windows, oldest first; a window without counts is one of them."""
    last = tuple(windows[-WINDOWS:])
    looks = tuple(_look_at(reference, window) for window in last)
    told = [any(each.comparison is not None for each in one) for one in looks]
    drifted = tuple(
        feature.name
        for place, feature in enumerate(reference.features)
        if sum(one[place].is_shifted for one in looks) >= NEEDED
    )
    calm = State.STEADY if sum(told) >= NEEDED else State.NOT_ENOUGH
    return Look(
        reference=reference,
        windows=last,
        looks=looks,
        drifted=drifted,
        state=State.DRIFTED if drifted else calm,
    )


def merged(reference: Reference, since: int, lines: Sequence[Mapping[str, Any]]) -> Window:
    """Add up the lines of one window; a line that was delivered twice counts once.

    Args:
        reference: Whose bins.
        since: The window's start.
        lines: Each with its own `id` and `counts` of the reference's shape.
    """
    totals = [[0] * len(feature.counts) for feature in reference.features]
    for line in {line["id"]: line for line in lines}.values():
        for total, counts in zip(totals, line["counts"], strict=True):
            for place, count in enumerate(counts):
                total[place] += count
    return Window(since=since, counts=tuple(map(tuple, totals)) if lines else ())


def _look_at(reference: Reference, window: Window) -> tuple[FeatureLook, ...]:
    delta = reference.rules.delta
    given = window.counts or tuple((0,) * len(f.counts) for f in reference.features)
    found = [
        compare(feature.counts, counts)
        if is_enough(feature.rows, sum(counts), bins=len(feature.counts) - 1, delta=delta)
        else None
        for feature, counts in zip(reference.features, given, strict=True)
    ]
    level = reference.rules.false_alarm * NEEDED / WINDOWS
    rejected = iter(benjamini_hochberg([each.p_value for each in found if each is not None], level))
    looks = []
    for feature, counts, comparison in zip(reference.features, given, found, strict=True):
        is_rejected = next(rejected) if comparison is not None else False
        looks.append(
            FeatureLook(
                feature=feature,
                counts=tuple(counts),
                comparison=comparison,
                is_rejected=is_rejected,
                is_shifted=is_rejected and comparison is not None and comparison.psi >= delta,
            )
        )
    return tuple(looks)


def _told(each: FeatureLook, is_drifted: bool) -> dict[str, Any]:  # noqa: FBT001 - a column
    found = each.comparison
    return {
        "name": each.feature.name,
        "side": each.feature.side.value,
        "drifted": is_drifted,
        "shifted": each.is_shifted,
        "psi": found.psi if found else None,
        "chi_squared": found.chi_squared if found else None,
        "degrees": found.degrees if found else None,
        "p_value": found.p_value if found else None,
        "labels": list(each.feature.labels),
        "reference": list(each.feature.counts),
        "counts": list(each.counts),
    }
