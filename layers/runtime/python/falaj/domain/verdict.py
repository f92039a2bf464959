"""What the guard counts and says; `falaj.guard` fills these in, the rollout acts on them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Objective(StrEnum):
    """What may be bad about a request.

    It failed; its output was not a number; it was slower, warm, than stable's 90th or 99th
    percentile as frozen when the rollout began.
    """

    ERROR = "error"
    INVALID_OUTPUT = "invalid_output"
    SLOW_P90 = "slow_p90"
    SLOW_P99 = "slow_p99"


OBJECTIVES: Final = tuple(objective.value for objective in Objective)

MISMATCH: Final = "mismatch"
"""A shadow's answer that says something else than stable's; judged where the plan says how many."""


class Outcome(StrEnum):
    """The guard's four answers; there is no fifth that looks like a number."""

    ROLL_BACK = "roll_back"
    SAFE = "safe"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEvents:
    """Bad requests of both versions by one objective; by `MISMATCH` those that differ and agree."""

    objective: str
    candidate: int
    stable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was served at one share of the candidate.

    Attributes:
        share: The candidate's share, in [0, 1]. At 0 (shadow) and 1 nothing can be compared, but
            the candidate's own rate is still bounded.
        candidate_requests: Requests the candidate served, or copies it was shown.
        stable_requests: Requests stable served.
        bad: Bad requests by objective; an objective that is missing had none.
    """

    share: float
    candidate_requests: int
    stable_requests: int
    bad: tuple[BadEvents, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFinding:
    """What is known about one objective.

    Attributes:
        objective: Which.
        log10_evidence: log₁₀ E of harm.
        relative_risk_bound: Always-valid upper bound on the relative risk; None while there is
            none.
        rate_bound: Always-valid upper bound on the candidate's bad rate.
        is_safe: Whether one of the bounds is below what is tolerated.
    """

    objective: str
    log10_evidence: float
    relative_risk_bound: float | None
    rate_bound: float
    is_safe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The guard's answer and the comparisons that led to it.

    Attributes:
        outcome: What is known.
        reasons: The comparisons, as `log10 E 2.31 ≥ 2.00`.
        cause: The objective or check that decided; empty for none.
        log_evidence: log₁₀(α·E) over all objectives; at 0 or above, roll back.
        candidate_requests: The candidate's exposure so far.
        findings: By objective.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    cause: str
    log_evidence: float
    candidate_requests: int
    findings: tuple[ObjectiveFinding, ...] = ()
