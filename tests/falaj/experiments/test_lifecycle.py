"""An experiment starts, is decided once, and stays decided."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from falaj.errors import ConfigurationError
from falaj.experiments.lifecycle import (
    FINAL,
    TRANSITIONS,
    Action,
    Command,
    Event,
    Evidence,
    ExperimentState,
    Phase,
    Verdict,
    advance,
)
from falaj.experiments.spec import ExperimentSpec

NOW = datetime(2026, 11, 22, tzinfo=UTC)
START, STOP = Evidence(command=Command.START), Evidence(command=Command.STOP)


def draft(**changes):
    """Declare an experiment."""
    spec = {
        "name": "greeting",
        "model": "tashkeel",
        "arms": [{"name": "control", "share": 0.5}, {"name": "warm", "share": 0.5}],
        "metrics": [{"name": "m", "kind": "binary"}],
        "max_duration": "14d",
    }
    return ExperimentState(spec=ExperimentSpec.from_dict(spec | changes))


def running(**changes):
    """Start one."""
    return advance(draft(**changes), START, NOW)[0]


def said(verdict, arm="warm"):
    """Let the analysis speak."""
    return Evidence(verdict=verdict, reason="because", arm=arm)


def test_start_splits_traffic():
    """Starting is the first and only way to a share."""
    state, actions = advance(draft(), START, NOW)

    assert (state.phase, state.started_at, actions) == (Phase.RUNNING, NOW, (Action.START_SPLIT,))


@pytest.mark.parametrize(
    ("changes", "verdict", "phase", "action"),
    [
        ({"on_win": "promote"}, Verdict.WINNER, Phase.PROMOTED, Action.PROMOTE_ARM),
        ({"on_win": "hold"}, Verdict.WINNER, Phase.HELD, Action.NOTIFY),
        ({"on_loss": "revert"}, Verdict.LOSER, Phase.REVERTED, Action.REVERT_TO_CONTROL),
        ({"on_loss": "hold"}, Verdict.LOSER, Phase.HELD, Action.NOTIFY),
        ({}, Verdict.NO_DIFFERENCE, Phase.REVERTED, Action.REVERT_TO_CONTROL),
        ({}, Verdict.INVALID, Phase.REVERTED, Action.REVERT_TO_CONTROL),
    ],
)
def test_verdict_does_what_was_declared(changes, verdict, phase, action):
    """The declaration, not the moment, says what a verdict brings."""
    state, actions = advance(running(**changes), said(verdict), NOW)

    assert state.phase is phase
    assert action in actions
    assert (state.verdict, state.reason, state.decided_at) == (verdict, "because", NOW)


STICKY = {
    "unit": "subject",
    "subject": {"where": "header", "name": "x-user"},
    "arms": [{"name": "control", "share": 0.5}, {"name": "warm", "share": 0.5}],
    "coverage": 0.2,
}


def grow(coverage):
    """Let somebody ask for more subjects."""
    return Evidence(command=Command.GROW, reason="all is well", actor="sara", coverage=coverage)


def test_growing_is_on_record_and_changes_nothing_else():
    """The experiment runs on as it was, with more subjects; who wanted it and why is kept."""
    before = running(**STICKY)
    state, actions = advance(before, grow(0.6), NOW + timedelta(days=1))

    assert (state.phase, state.started_at, state.decided_at) == (Phase.RUNNING, NOW, None)
    assert (state.coverage, actions) == (0.6, (Action.GROW_COVERAGE,))
    assert (state.log[-1].actor, state.log[-1].reason) == ("sara", "all is well")
    assert ExperimentState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert Action.START_SPLIT in state.owed  # growing does not forget what a start still owes


@pytest.mark.parametrize(
    ("changes", "coverage", "sentence"),
    [
        (STICKY, 0.1, "some would lose the arm they have"),
        (STICKY, 0.2, "covers 0.2 of all subjects"),
        (STICKY, 1.5, "in \\(0, 1\\]"),
        (STICKY, None, "in \\(0, 1\\]"),
        ({}, 0.5, "by request"),
        (STICKY | {"bandit": {"step": 0.1}}, 0.5, "is a bandit"),
    ],
)
def test_what_would_flip_somebody_is_refused(changes, coverage, sentence):
    """Nobody's arm changes in a running experiment, whoever asks."""
    with pytest.raises(ConfigurationError, match=sentence):
        advance(running(**changes), grow(coverage), NOW)


def test_what_is_over_does_not_grow():
    """Nothing grows that does not run."""
    over, _ = advance(running(**STICKY), STOP, NOW)

    with pytest.raises(ConfigurationError, match="is stopped: grow does not apply"):
        advance(over, grow(0.9), NOW)


def test_inconclusive_runs_on():
    """No answer changes nothing."""
    before = running()

    assert advance(before, said(Verdict.INCONCLUSIVE), NOW) == (before, ())


def test_max_duration_ends_an_undecided_experiment_on_the_control():
    """An experiment never runs for ever."""
    state, _ = advance(running(), said(Verdict.INCONCLUSIVE), NOW + timedelta(days=14))

    assert state.phase is Phase.REVERTED
    assert state.reason == "because"


def test_winner_on_the_last_day_still_wins():
    """A verdict that is in goes before the clock."""
    late = NOW + timedelta(days=15)

    state, _ = advance(running(on_win="promote"), said(Verdict.WINNER), late)

    assert state.phase is Phase.PROMOTED


def test_held_winner_is_promoted_by_hand():
    """`on_win: hold` waits for a person."""
    held, _ = advance(running(), said(Verdict.WINNER), NOW)

    state, actions = advance(held, Evidence(command=Command.PROMOTE, reason="agreed"), NOW)

    assert (state.phase, state.arm, state.reason) == (Phase.PROMOTED, "warm", "agreed")
    assert Action.PROMOTE_ARM in actions


def test_promoting_needs_an_arm():
    """Nobody is promoted by guess."""
    with pytest.raises(ConfigurationError, match="promote which arm"):
        advance(running(), Evidence(command=Command.PROMOTE), NOW)


def test_command_that_does_not_apply_is_refused():
    """Starting twice is a mistake worth a sentence."""
    with pytest.raises(ConfigurationError, match="is running: start does not apply"):
        advance(running(), START, NOW)


def test_final_phases_have_no_way_out():
    """What is over is over."""
    assert not [key for key in TRANSITIONS if key[0] in FINAL]


def test_every_event_has_a_place_while_running():
    """No evidence can arrive for which the table has no row."""
    handled = {event for phase, event in TRANSITIONS if phase is Phase.RUNNING}

    assert handled == set(Event) - {Event.START}


@settings(max_examples=200, deadline=None)
@given(
    verdicts=st.lists(st.sampled_from(Verdict), max_size=12),
    gaps=st.lists(st.integers(0, 5), min_size=12, max_size=12),
)
def test_any_evidence_decides_at_most_once(verdicts, gaps):
    """Duplicated, late and contradicting verdicts decide once, and the generation only grows."""
    state, now, decisions = running(on_win="promote"), NOW, 0
    for verdict, gap in zip(verdicts, gaps, strict=False):
        now += timedelta(days=gap)
        after, actions = advance(state, said(verdict), now)
        again, more = advance(after, said(verdict), now)
        assert (again, more) == (after, ())
        assert after.generation >= state.generation
        decisions += Action.NOTIFY in actions
        state = after
    assert decisions <= 1


def test_state_survives_json():
    """Stored and read again, it is the same state."""
    state, _ = advance(running(), said(Verdict.WINNER), NOW)

    assert ExperimentState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_draft_is_dropped_without_touching_traffic():
    """Stopping what never began calls nothing."""
    assert advance(draft(), STOP, NOW)[1] == ()


def test_every_decision_is_remembered_with_who_and_why():
    """The report can say what was decided, when, why and by whom."""
    stopped, _ = advance(running(), Evidence(command=Command.STOP, reason="end", actor="sara"), NOW)

    assert [(e.generation, e.event, e.actor, e.reason) for e in stopped.log] == [
        (1, Event.START, "", "started"),
        (2, Event.STOP, "sara", "end"),
    ]


def test_a_decision_owes_its_actions_until_they_are_done():
    """What a crash leaves undone is still to be done."""
    state = running(on_win="promote")
    won, actions = advance(state, said(Verdict.WINNER), NOW)

    assert state.owed == (Action.START_SPLIT,)
    assert won.owed == actions == (Action.PROMOTE_ARM, Action.NOTIFY)


def test_an_ending_outdates_a_start_that_is_still_owed():
    """What was never begun is not begun after its end."""
    ended, _ = advance(running(), STOP, NOW)

    assert Action.START_SPLIT not in ended.owed
    assert ended.owed == (Action.REVERT_TO_CONTROL, Action.NOTIFY)
