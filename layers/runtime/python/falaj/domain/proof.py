"""What a version's golden cases show of it, judged beside what stable's show of stable.

A candidate is given up for its own faults alone. Where it does not answer, stable is asked its own
golden cases, which it passed before it was released: if it fails as well, something that both need
is out of order, and nothing is known of the candidate.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from falaj.domain.observation import Verification, VerificationState

ATTEMPTS: Final = 3
"""How often a candidate may fail to answer while stable does."""
DECIDED: Final = frozenset({VerificationState.PASSED, VerificationState.FAILED})
RETRY_S: Final = 30.0
"""Least time between two attempts: events that arrive twice must not use them up."""


class Shown(StrEnum):
    """What golden cases have shown."""

    GOOD = "good"
    WRONG = "wrong"  # it answers otherwise than is known
    SILENT = "silent"  # it does not answer: it failed to start, or its answers are 5xx
    UNFIT = "unfit"  # it is not what is wanted, whatever else is out of order


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One version's golden cases, asked once.

    Attributes:
        version: The version.
        shown: What they have shown.
        fault: What is wrong, in a sentence; empty if nothing is.
    """

    version: str
    shown: Shown
    fault: str = ""

    @property
    def is_comparable(self) -> bool:
        """Whether something that both versions need may be at fault."""
        return self.shown in {Shown.WRONG, Shown.SILENT}


def judge(
    proof: Proof, control: Proof | None, before: Verification | None, now: datetime
) -> Verification:
    """Say what is known of a candidate now.

    Args:
        proof: What its golden cases show.
        control: What stable's show; None where there is no stable, or nothing to compare.
        before: What was known of the same candidate.
        now: The controller's clock.
    """
    state, attempts, reason = VerificationState.PASSED, 1, proof.fault
    if control is not None and proof.is_comparable and control.is_comparable:
        state = VerificationState.OUTAGE
        reason = f"version {control.version} fails its golden cases as well: {control.fault}"
    elif proof.fault:
        if before is not None and before.state is VerificationState.PENDING:
            attempts = before.attempts + 1
        is_final = proof.shown is not Shown.SILENT or attempts >= ATTEMPTS
        state = VerificationState.FAILED if is_final else VerificationState.PENDING
    return Verification(
        version=proof.version, state=state, reason=reason, attempts=attempts, at=now
    )


def is_due(before: Verification | None, now: datetime) -> bool:
    """Whether golden cases are to be asked; what was decided is not asked again."""
    if before is None or before.state in DECIDED:
        return before is None
    if before.at is None:
        return True
    return not 0.0 <= (now - before.at).total_seconds() < RETRY_S  # the clock may have gone back
