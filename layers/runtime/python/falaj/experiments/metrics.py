"""What an experiment measures."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

REQUESTS: Final = "requests"
"""As the denominator of a ratio: how many answers the unit got."""


class Kind(StrEnum):
    """How a unit's outcomes become one number."""

    BINARY = "binary"
    CONTINUOUS = "continuous"
    RATIO = "ratio"


class Direction(StrEnum):
    """Which way is better."""

    INCREASE = "increase"
    DECREASE = "decrease"


class Role(StrEnum):
    """What a metric may do."""

    SUCCESS = "success"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, per unit.

    Attributes:
        name: Name; also the outcome's, unless `outcome` is given.
        kind: Binary (any outcome is true), continuous (sum of outcomes) or ratio (sum over sum).
        direction: Which way is better.
        role: Success decides; secondary is reported under a false-discovery rate; a guardrail can
            only stop.
        outcome: Name of the outcome that is read.
        denominator: Name of the outcome that a ratio divides by, or `requests`.
        positive_label: For outcomes that are labels: the label that counts as true.
        minimum_effect: Smallest absolute difference that matters; without it, no verdict says
            "no difference".
        allowed_harm: Guardrail: absolute worsening that is tolerated.
        winsor: Quantile of the pooled units above which values are cut; None cuts nothing.
        use_covariate: Adjust by the exposures' covariate (CUPED).
    """

    name: str
    kind: Kind
    direction: Direction = Direction.INCREASE
    role: Role = Role.SUCCESS
    outcome: str | None = None
    denominator: str | None = None
    positive_label: str | None = None
    minimum_effect: float | None = None
    allowed_harm: float = 0.0
    winsor: float | None = None
    use_covariate: bool = False

    @property
    def source(self) -> str:
        """Name of the outcome that is read."""
        return self.outcome or self.name

    @property
    def sign(self) -> int:
        """1 when more is better, −1 when less is."""
        return 1 if self.direction is Direction.INCREASE else -1

    def faults(self) -> Iterator[str]:
        """Say everything that is wrong with the metric."""
        checks = [
            (not self.name, "needs a name"),
            (
                (self.kind is Kind.RATIO) != (self.denominator is not None),
                "a ratio needs a denominator, and only a ratio has one",
            ),
            (
                self.positive_label is not None and self.kind is not Kind.BINARY,
                "a label makes a binary metric",
            ),
            (
                self.minimum_effect is not None and not _positive(self.minimum_effect),
                "minimum_effect is an absolute difference above 0",
            ),
            (
                self.allowed_harm != 0 and not _positive(self.allowed_harm),
                "allowed_harm is an absolute difference of at least 0",
            ),
            (
                self.allowed_harm != 0 and self.role is not Role.GUARDRAIL,
                "only a guardrail has allowed_harm",
            ),
            (
                self.winsor is not None and not 0.5 < self.winsor < 1,  # noqa: PLR2004 - median
                "winsor is a quantile in (0.5, 1)",
            ),
            (
                self.winsor is not None and self.kind is Kind.BINARY,
                "a binary metric has nothing to winsorise",
            ),
        ]
        return (f"metric {self.name!r}: {sentence}" for is_wrong, sentence in checks if is_wrong)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0
