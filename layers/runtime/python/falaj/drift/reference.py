"""What a model version was registered with: bin edges and counts of its reference rows.

No row is kept, nor any value beyond the edges, each of which one reference row had.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from falaj.errors import ArtefactError

FORMAT: Final = 1
MOST_FEATURES: Final = 256
"""Of one version: a line of counts must stay far below CloudWatch's 1 MB an event."""


class Side(StrEnum):
    """Where a feature's tensor is."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number of each row: an element of an input, or of an answer.

    Attributes:
        name: What people call it.
        side: Whether it is asked or answered.
        tensor: Its tensor.
        column: Its place in the tensor's row, flattened.
        is_category: Whether its bins are whole numbers with gaps between them, or ranges.
        edges: Where each bin but the first begins, ascending; a bin holds its own beginning.
        counts: Reference rows in each bin, one more than edges, and last those without a value.
    """

    name: str
    side: Side
    tensor: str
    column: int
    is_category: bool
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.edges) + 2 or min(self.counts) < 0:
            raise ValueError(f"feature {self.name!r}: one count for each bin and one for no value")
        if any(not low < high for low, high in pairwise(self.edges)):
            raise ValueError(f"feature {self.name!r}: its edges do not ascend")
        if not all(map(math.isfinite, self.edges)):
            raise ValueError(f"feature {self.name!r}: its edges are not finite")

    @property
    def rows(self) -> int:
        """How many reference rows there were."""
        return sum(self.counts)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each count is of, for people."""
        return (*_labels(self.edges, is_category=self.is_category), "no value")

    def bin_of(self, value: float) -> int:
        """Return the bin of a value, the last for none; what counters must agree with."""
        return len(self.counts) - 1 if math.isnan(value) else bisect_right(self.edges, value)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            name=value["name"],
            side=Side(value["side"]),
            tensor=value["tensor"],
            column=value["column"],
            is_category=value["category"],
            edges=tuple(value["edges"]),
            counts=tuple(value["counts"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the feature as JSON values."""
        return {
            "name": self.name,
            "side": self.side.value,
            "tensor": self.tensor,
            "column": self.column,
            "category": self.is_category,
            "edges": list(self.edges),
            "counts": list(self.counts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a version has drifted.

    Attributes:
        window_s: Length of a window, seconds.
        delta: Least stability index, its bias taken off, that matters.
        false_alarm: Most looks, of those at which nothing has drifted, that may say it has.
    """

    window_s: int
    delta: float
    false_alarm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """All features of one model version, and when they have drifted."""

    model: str
    version: int
    rules: Rules
    features: tuple[Feature, ...]

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ArtefactError: It is something else.
        """
        try:
            _check_format(value["format"])
            return cls(
                model=value["model"],
                version=value["version"],
                rules=Rules(**value["rules"]),
                features=tuple(Feature.from_dict(each) for each in value["features"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(
                artefact="a reference of drift",
                reason=f"not readable ({error!r}); build the model again",
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Write the reference as JSON values."""
        return {
            "format": FORMAT,
            "model": self.model,
            "version": self.version,
            "rules": {
                "window_s": self.rules.window_s,
                "delta": self.rules.delta,
                "false_alarm": self.rules.false_alarm,
            },
            "features": [feature.to_dict() for feature in self.features],
        }


def _check_format(found: object) -> None:
    if found != FORMAT:
        raise ValueError(f"format {found!r}: this runtime reads {FORMAT}")


def _labels(edges: Sequence[float], *, is_category: bool) -> list[str]:
    if not edges:
        return ["any value"]
    between = [
        f"{low:g}" if is_category and high == low + 1 else f"{low:.6g} to {high:.6g}"
        for low, high in pairwise(edges)
    ]
    return [f"below {edges[0]:.6g}", *between, f"{edges[-1]:.6g} or more"]
