"""What a join read, counted, and set aside."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was read, and what was set aside.

    Attributes:
        exposures: Distinct exposures of this experiment.
        units: Units, by their first exposure.
        analysed: Units that are counted.
        crossed: Units seen in two arms; excluded.
        immature: Units whose outcome window is still open; counted later.
        outcomes: Outcomes that were counted or will be.
        duplicate_exposures: Exposures logged again.
        duplicate_outcomes: Outcomes sent again; the earliest counts, whatever was read first.
        unknown_outcomes: Outcomes for inference ids that were never exposed.
        late_outcomes: Outcomes after the unit's window.
        early_outcomes: Outcomes from before the exposure.
        unusable: Records by reason: malformed, of another experiment, of an unknown arm, …
    """

    exposures: int
    units: int
    analysed: int
    crossed: int
    immature: int
    outcomes: int
    duplicate_exposures: int
    duplicate_outcomes: int
    unknown_outcomes: int
    late_outcomes: int
    early_outcomes: int
    unusable: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Write the tally as JSON values."""
        return asdict(self) | {"unusable": dict(self.unusable)}
