"""A breaker opens after a run of failures, rests, asks once, and believes what it hears."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from falaj.domain.circuit import TRANSITIONS, Circuit, Event, Phase, heard, may_ask

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def opened(*, failures: int = 3) -> Circuit:
    """A breaker that has just opened."""
    circuit = Circuit(failures_to_open=failures)
    for _ in range(failures):
        circuit = heard(circuit, is_answered=False, now=NOW)
    return circuit


def test_one_failure_opens_nothing():
    """A single lost request is no unhealthy service."""
    circuit = heard(Circuit(), is_answered=False, now=NOW)
    assert circuit.phase is Phase.CLOSED


def test_an_answer_forgets_the_failures_before_it():
    """Only failures in a row count."""
    circuit = Circuit()
    for is_answered in (False, False, True, False, False):
        circuit = heard(circuit, is_answered=is_answered, now=NOW)
    assert circuit.phase is Phase.CLOSED


def test_a_run_of_failures_opens_it():
    """From then on nobody waits for the service."""
    assert opened().phase is Phase.OPEN
    assert may_ask(opened(), now=NOW)[1] is False


def test_it_rests_before_it_asks_again():
    """A service that recovers is not asked for the whole rest."""
    circuit = opened()
    assert may_ask(circuit, now=NOW + circuit.rest - timedelta(microseconds=1))[1] is False
    assert may_ask(circuit, now=NOW + circuit.rest) == (
        Circuit(phase=Phase.HALF_OPEN, failures=3, opened_at=NOW),
        True,
    )


@pytest.mark.parametrize(("is_answered", "phase"), [(True, Phase.CLOSED), (False, Phase.OPEN)])
def test_one_try_decides_after_the_rest(is_answered, phase):
    """The first request after the rest closes it or opens it again."""
    circuit, _ = may_ask(opened(), now=NOW + timedelta(seconds=10))
    later = NOW + timedelta(seconds=11)
    circuit = heard(circuit, is_answered=is_answered, now=later)
    assert circuit.phase is phase
    assert circuit.opened_at == (NOW if is_answered else later)


def test_the_table_leads_to_no_unknown_phase():
    """Every pair that is written ends in a phase from which the service is asked again."""
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)
    assert {event for _, event in TRANSITIONS} == set(Event)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=60))
def test_it_never_stays_shut_for_longer_than_its_rest(story):
    """Whatever happened, an unhealthy service is asked again once it has rested."""
    circuit, now = Circuit(), NOW
    for is_answered, seconds in story:
        now += timedelta(seconds=seconds)
        circuit, is_asked = may_ask(circuit, now=now)
        if is_asked:
            circuit = heard(circuit, is_answered=is_answered, now=now)
    assert may_ask(circuit, now=now + circuit.rest)[1] is True
