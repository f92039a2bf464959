"""What the guard watches: ways to be bad, how much each is tolerated, and its part of α."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final

from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One way to be bad, and how much of it is tolerated.

    Attributes:
        name: As in `Counts.bad`.
        weight: π, its part of the permitted false rollbacks; all weights sum to 1.
        margin: ρ₀, the relative risk up to which there is no evidence of harm.
        tolerated_relative_risk: The candidate is safe once its relative risk is known to be below
            this,
        tolerated_rate: or once its own bad rate is known to be below this, whatever stable's is.
        is_alone: Nobody is compared with: `Counts.bad` holds the candidate's bad and good requests,
            and more than the tolerated rate of bad ones is harm.
        collapse_part: Part of the weight that looks for a candidate which answers next to nothing
            right while stable does, in [0, 1).

    Raises:
        ConfigurationError: With every fault.
    """

    name: str
    weight: float
    margin: float = 1.0
    tolerated_relative_risk: float = 2.0
    tolerated_rate: float = 0.02
    is_alone: bool = False
    collapse_part: float = 0.0

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.weight <= 1:
            faults.append(f"objective {self.name}: weight {self.weight} is not in (0, 1]")
        if not 0 < self.margin < inf:
            faults.append(f"objective {self.name}: margin {self.margin} is not above 0")
        if not self.margin < self.tolerated_relative_risk < inf:
            faults.append(
                f"objective {self.name}: tolerated relative risk {self.tolerated_relative_risk} "
                f"is not above the margin {self.margin}"
            )
        if not 0 < self.tolerated_rate < 1:
            faults.append(
                f"objective {self.name}: tolerated rate {self.tolerated_rate} is not in (0, 1)"
            )
        if not 0 <= self.collapse_part < 1:
            faults.append(
                f"objective {self.name}: collapse part {self.collapse_part} is not in [0, 1)"
            )
        if faults:
            raise ConfigurationError(faults)


DEFAULT_OBJECTIVES: Final[Mapping[str, Objective]] = MappingProxyType(
    {
        objective.name: objective
        for objective in (
            # A failed request harms more than a slow one. 0.88 keeps harm by errors within 1.5
            # times the least possible at α = 5 %, and total failure at a share of 10 % within
            # three bad requests at α = 1 %. An invalid output is an error as well.
            Objective(name="error", weight=0.88),
            Objective(name="invalid_output", weight=0.04),
            # By their definition 10 % and 1 % of stable's own requests are slow.
            Objective(name="slow_p90", weight=0.04, tolerated_rate=0.2),
            Objective(name="slow_p99", weight=0.04, tolerated_rate=0.05),
        )
    }
)

MISMATCH_WEIGHT: Final = 0.2
"""Part of α for answers of a shadow that differ from stable's, where a plan judges them."""
