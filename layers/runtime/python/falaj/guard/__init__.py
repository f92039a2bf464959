"""The guard: evidence that a candidate harms, proof that it does not, always valid.

`Evidence` and the tests it rests on are plain arithmetic and load at once; the values that need
dataclasses (`Guard`, `Objective`, `Bucket`, …) load when first asked for. A controller that wakes
every minute pays for an import at each cold start, and `import dataclasses` alone costs more than
the whole arithmetic.

The mathematics, with proofs and limits: docs/reference/guard.md.
"""

from falaj.guard.collapse import COLLAPSE_LEVEL, COLLAPSE_PART, log_collapse
from falaj.guard.evidence import RELATIVE_RISKS, RISK_WEIGHTS, Evidence
from falaj.guard.ratio import log_mismatch
from falaj.guard.safety import (
    log_rate_below,
    log_relative_risk_below,
    rate_upper_bound,
    relative_risk_upper_bound,
)
from falaj.guard.sticky import first_bad_events

TYPE_CHECKING = False  # as type checkers read it; importing `typing` costs 10 ms
if TYPE_CHECKING:
    from falaj.guard.exposure import Bucket, tally
    from falaj.guard.judge import ALARMS_PART, Guard
    from falaj.guard.objective import DEFAULT_OBJECTIVES, Objective
    from falaj.guard.replay import Replay, replay

__all__ = [
    "ALARMS_PART",
    "COLLAPSE_LEVEL",
    "COLLAPSE_PART",
    "DEFAULT_OBJECTIVES",
    "RELATIVE_RISKS",
    "RISK_WEIGHTS",
    "Bucket",
    "Evidence",
    "Guard",
    "Objective",
    "Replay",
    "first_bad_events",
    "log_collapse",
    "log_mismatch",
    "log_rate_below",
    "log_relative_risk_below",
    "rate_upper_bound",
    "relative_risk_upper_bound",
    "replay",
    "tally",
]

_LAZY = {
    "ALARMS_PART": "falaj.guard.judge",
    "Bucket": "falaj.guard.exposure",
    "DEFAULT_OBJECTIVES": "falaj.guard.objective",
    "Guard": "falaj.guard.judge",
    "Objective": "falaj.guard.objective",
    "Replay": "falaj.guard.replay",
    "replay": "falaj.guard.replay",
    "tally": "falaj.guard.exposure",
}


def __getattr__(name: str) -> object:
    """Load a value that needs dataclasses when it is first asked for (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the lazy path needs it

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
