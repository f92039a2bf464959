"""A circuit breaker: after a run of failures the service is left alone, then asked once.

One table and two pure functions. A breaker belongs to one process and needs no store: each caller
whose request fails is answered by the fallback at once, so what a new process must learn costs its
first few callers a short wait and nothing else (docs/decisions/0017).

Source: Nygard, Release It!, chapter 5 (closed, open, half-open).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """What the breaker thinks of the service."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(StrEnum):
    """What the breaker hears."""

    ANSWERED = "answered"
    FAILED = "failed"
    FAILED_AGAIN = "failed_again"
    RESTED = "rested"


TRANSITIONS: Final = {
    (Phase.CLOSED, Event.ANSWERED): Phase.CLOSED,
    (Phase.CLOSED, Event.FAILED): Phase.CLOSED,
    (Phase.CLOSED, Event.FAILED_AGAIN): Phase.OPEN,
    (Phase.OPEN, Event.RESTED): Phase.HALF_OPEN,
    (Phase.HALF_OPEN, Event.ANSWERED): Phase.CLOSED,
    (Phase.HALF_OPEN, Event.FAILED): Phase.OPEN,
    (Phase.HALF_OPEN, Event.FAILED_AGAIN): Phase.OPEN,
}
"""Pairs that are not in it leave the breaker as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A breaker's state.

    Attributes:
        phase: What it thinks of the service.
        failures: Failures since the last answer.
        opened_at: When it last opened; None before it ever did.
        failures_to_open: Failures in a row that open it.
        rest: How long it leaves an unhealthy service alone.

    Example:
        >>> from datetime import UTC
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> circuit = Circuit(failures_to_open=2)
        >>> for _ in range(2):
        ...     circuit = heard(circuit, is_answered=False, now=now)
        >>> circuit.phase.value, may_ask(circuit, now=now)[1]
        ('open', False)
        >>> may_ask(circuit, now=now + circuit.rest)[1]
        True
    """

    phase: Phase = Phase.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    failures_to_open: int = 3
    rest: timedelta = timedelta(seconds=10)


def may_ask(circuit: Circuit, *, now: datetime) -> tuple[Circuit, bool]:
    """Say whether the service is to be asked, and what the breaker is after deciding so."""
    if circuit.phase is not Phase.OPEN:
        return circuit, True
    if circuit.opened_at is not None and now - circuit.opened_at < circuit.rest:
        return circuit, False
    return _after(circuit, Event.RESTED), True


def heard(circuit: Circuit, *, is_answered: bool, now: datetime) -> Circuit:
    """Return the breaker after the service answered, or did not."""
    if is_answered:
        return replace(_after(circuit, Event.ANSWERED), failures=0)
    failures = circuit.failures + 1
    event = Event.FAILED_AGAIN if failures >= circuit.failures_to_open else Event.FAILED
    then = replace(_after(circuit, event), failures=failures)
    if then.phase is Phase.OPEN:
        return replace(then, opened_at=now)
    return then


def _after(circuit: Circuit, event: Event) -> Circuit:
    phase = TRANSITIONS.get((circuit.phase, event), circuit.phase)
    return replace(circuit, phase=phase)
