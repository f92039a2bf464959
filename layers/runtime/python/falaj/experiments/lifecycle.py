"""The life of an experiment: one table and one pure function, and nothing else decides.

Who stores states, changes aliases or sends notifications does as the returned actions say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from falaj.domain.plan import OnLoss, OnWin
from falaj.errors import ConfigurationError
from falaj.experiments.spec import ExperimentSpec, Unit


class Phase(StrEnum):
    """Where an experiment stands."""

    DRAFT = "draft"
    RUNNING = "running"
    HELD = "held"  # decided; the split stays until someone decides what becomes of it
    PROMOTED = "promoted"
    REVERTED = "reverted"
    STOPPED = "stopped"


class Verdict(StrEnum):
    """What the statistics say. Never a bare number."""

    WINNER = "winner"
    LOSER = "loser"
    NO_DIFFERENCE = "no_difference"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class Command(StrEnum):
    """What a person may ask for."""

    START = "start"
    GROW = "grow"
    PROMOTE = "promote"
    REVERT = "revert"
    STOP = "stop"


class Event(StrEnum):
    """What the table reacts to; `evidence_event` and commands are turned into one of these."""

    START = "start"
    WON_PROMOTE = "won_promote"
    WON_HOLD = "won_hold"
    LOST_REVERT = "lost_revert"
    LOST_HOLD = "lost_hold"
    NO_DIFFERENCE = "no_difference"
    INVALID = "invalid"
    UNDECIDED = "undecided"
    EXPIRED = "expired"
    GROW = "grow"
    PROMOTE = "promote"
    REVERT = "revert"
    STOP = "stop"


class Action(StrEnum):
    """What must be done to the world."""

    START_SPLIT = "start_split"
    GROW_COVERAGE = "grow_coverage"
    PROMOTE_ARM = "promote_arm"
    REVERT_TO_CONTROL = "revert_to_control"
    NOTIFY = "notify"


_END_ON_CONTROL: Final = (Phase.REVERTED, (Action.REVERT_TO_CONTROL, Action.NOTIFY))
_END_ON_ARM: Final = (Phase.PROMOTED, (Action.PROMOTE_ARM, Action.NOTIFY))
_WAIT: Final = (Phase.HELD, (Action.NOTIFY,))
_STOPPED: Final = (Phase.STOPPED, (Action.REVERT_TO_CONTROL, Action.NOTIFY))

TRANSITIONS: Final[Mapping[tuple[Phase, Event], tuple[Phase, tuple[Action, ...]]]] = {
    (Phase.DRAFT, Event.START): (Phase.RUNNING, (Action.START_SPLIT,)),
    (Phase.DRAFT, Event.STOP): (Phase.STOPPED, ()),
    (Phase.RUNNING, Event.UNDECIDED): (Phase.RUNNING, ()),
    (Phase.RUNNING, Event.WON_PROMOTE): _END_ON_ARM,
    (Phase.RUNNING, Event.WON_HOLD): _WAIT,
    (Phase.RUNNING, Event.LOST_REVERT): _END_ON_CONTROL,
    (Phase.RUNNING, Event.LOST_HOLD): _WAIT,
    (Phase.RUNNING, Event.NO_DIFFERENCE): _END_ON_CONTROL,  # the version that is known stays
    (Phase.RUNNING, Event.INVALID): _END_ON_CONTROL,  # what cannot be measured does not run on
    (Phase.RUNNING, Event.EXPIRED): _END_ON_CONTROL,
    (Phase.RUNNING, Event.GROW): (Phase.RUNNING, (Action.GROW_COVERAGE,)),
    (Phase.RUNNING, Event.PROMOTE): _END_ON_ARM,
    (Phase.RUNNING, Event.REVERT): _END_ON_CONTROL,
    (Phase.RUNNING, Event.STOP): _STOPPED,
    (Phase.HELD, Event.UNDECIDED): (Phase.HELD, ()),
    (Phase.HELD, Event.EXPIRED): _END_ON_CONTROL,
    (Phase.HELD, Event.PROMOTE): _END_ON_ARM,
    (Phase.HELD, Event.REVERT): _END_ON_CONTROL,
    (Phase.HELD, Event.STOP): _STOPPED,
}
"""Promoted, reverted and stopped are final: whatever comes late changes nothing."""

FINAL: Final = frozenset({Phase.PROMOTED, Phase.REVERTED, Phase.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known at one moment.

    Attributes:
        verdict: What the analysis says; None when only a person speaks.
        reason: The analysis's sentence, or the person's.
        arm: The winning arm.
        command: What a person asks for; it goes before the verdict.
        actor: Who asks.
        coverage: What part of all subjects shall take part from now on.
    """

    verdict: Verdict | None = None
    reason: str = ""
    arm: str | None = None
    command: Command | None = None
    actor: str = ""
    coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that was decided.

    Attributes:
        generation: The state's generation that it made.
        at: When.
        event: What the table reacted to.
        phase: Where the experiment stood afterwards.
        reason: Why.
        actor: Who decided; empty for the analysis.
        arm: The arm that it was about.
        coverage: What part of all subjects takes part since.
    """

    generation: int
    at: datetime
    event: Event
    phase: Phase
    reason: str
    actor: str = ""
    arm: str | None = None
    coverage: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write the entry as JSON values, without a coverage that it left alone."""
        grown = {} if self.coverage is None else {"coverage": self.coverage}
        return grown | {
            "generation": self.generation,
            "at": self.at.isoformat(),
            "event": self.event.value,
            "phase": self.phase.value,
            "reason": self.reason,
            "actor": self.actor,
            "arm": self.arm,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            generation=value["generation"],
            at=datetime.fromisoformat(value["at"]),
            event=Event(value["event"]),
            phase=Phase(value["phase"]),
            reason=value["reason"],
            actor=value["actor"],
            arm=value["arm"],
            coverage=value.get("coverage"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentState:
    """The one stored item of an experiment.

    Attributes:
        spec: Its declaration, fixed at the start.
        phase: Where it stands.
        generation: Grows by one with every change; what conditional writes compare.
        started_at: When the split began.
        decided_at: When it left `RUNNING`.
        verdict: The verdict that ended it.
        arm: The arm that won or was promoted.
        reason: Why it stands where it stands.
        log: Everything that was decided, oldest first.
        owed: What must still be done to the world; whoever does it takes it off.
    """

    spec: ExperimentSpec
    phase: Phase = Phase.DRAFT
    generation: int = 0
    started_at: datetime | None = None
    decided_at: datetime | None = None
    verdict: Verdict | None = None
    arm: str | None = None
    reason: str = "declared"
    log: tuple[Entry, ...] = ()
    owed: tuple[Action, ...] = ()

    @property
    def coverage(self) -> float:
        """What part of all subjects takes part: as declared, or as it has grown since."""
        grown = (entry.coverage for entry in reversed(self.log) if entry.coverage is not None)
        return next(grown, self.spec.coverage)

    @property
    def running_spec(self) -> ExperimentSpec:
        """The declaration as it runs now, with its coverage of now."""
        return replace(self.spec, coverage=self.coverage)

    def to_dict(self) -> dict[str, Any]:
        """Write the state as JSON values."""
        return {
            "spec": self.spec.to_dict(),
            "phase": self.phase.value,
            "generation": self.generation,
            "started_at": self.started_at and self.started_at.isoformat(),
            "decided_at": self.decided_at and self.decided_at.isoformat(),
            "verdict": self.verdict and self.verdict.value,
            "arm": self.arm,
            "reason": self.reason,
            "log": [entry.to_dict() for entry in self.log],
            "owed": [action.value for action in self.owed],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            spec=ExperimentSpec.from_dict(value["spec"]),
            phase=Phase(value["phase"]),
            generation=value["generation"],
            started_at=_instant(value["started_at"]),
            decided_at=_instant(value["decided_at"]),
            verdict=Verdict(value["verdict"]) if value["verdict"] else None,
            arm=value["arm"],
            reason=value["reason"],
            log=tuple(Entry.from_dict(entry) for entry in value.get("log", ())),
            owed=tuple(Action(name) for name in value.get("owed", ())),
        )


def advance(
    state: ExperimentState, evidence: Evidence, now: datetime
) -> tuple[ExperimentState, tuple[Action, ...]]:
    """Take one step.

    Level-triggered: called again with the same evidence it changes nothing more, and a final phase
    absorbs whatever arrives late.

    Args:
        state: The stored state.
        evidence: What is known now.
        now: The current instant, timezone-aware.

    Returns:
        The new state, and what must be done.

    Raises:
        ConfigurationError: A person's command does not apply in this phase, promotes nothing, or
            would take somebody's arm away.
    """
    event = _event(state, evidence, now)
    found = TRANSITIONS.get((state.phase, event))
    if found is None:
        _refuse_command(state, evidence)
        return state, ()
    phase, actions = found
    if phase is state.phase and not actions:
        return state, actions
    moved = _moved(state, phase, evidence, event, now)
    return replace(moved, owed=(*_still_due(state, actions), *actions)), actions


def _still_due(state: ExperimentState, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Keep what a former decision owes, unless the new one says what becomes of the traffic."""
    is_ending = Action.PROMOTE_ARM in actions or Action.REVERT_TO_CONTROL in actions
    return () if is_ending else tuple(owed for owed in state.owed if owed not in actions)


def _event(state: ExperimentState, evidence: Evidence, now: datetime) -> Event:
    if evidence.command is not None:
        return Event(evidence.command.value)
    is_expired = state.started_at is not None and now - state.started_at >= state.spec.max_duration
    spec = state.spec
    match evidence.verdict:
        case Verdict.WINNER:
            event = Event.WON_PROMOTE if spec.on_win is OnWin.PROMOTE else Event.WON_HOLD
        case Verdict.LOSER:
            event = Event.LOST_REVERT if spec.on_loss is OnLoss.REVERT else Event.LOST_HOLD
        case Verdict.NO_DIFFERENCE:
            event = Event.NO_DIFFERENCE
        case Verdict.INVALID:
            event = Event.INVALID
        case _:
            event = Event.UNDECIDED
    if is_expired and (event is Event.UNDECIDED or state.phase is Phase.HELD):
        return Event.EXPIRED
    return event


def _refuse_command(state: ExperimentState, evidence: Evidence) -> None:
    if evidence.command is not None:
        asked, stands = evidence.command.value, state.phase.value
        raise ConfigurationError(
            [f"experiment {state.spec.name!r} is {stands}: {asked} does not apply"]
        )


def _moved(
    state: ExperimentState, phase: Phase, evidence: Evidence, event: Event, now: datetime
) -> ExperimentState:
    arm = evidence.arm or state.arm
    names = {item.name for item in state.spec.arms[1:]}
    if phase is Phase.PROMOTED and arm not in names:
        raise ConfigurationError(
            [f"experiment {state.spec.name!r}: promote which arm? {', '.join(sorted(names))}"]
        )
    is_start, is_growth = event is Event.START, event is Event.GROW
    if is_growth:
        check_growth(state, evidence.coverage)
    reason = evidence.reason or _REASONS.get(event, event.value)
    entry = Entry(
        generation=state.generation + 1,
        at=now,
        event=event,
        phase=phase,
        reason=reason,
        actor=evidence.actor,
        arm=arm if phase in {Phase.PROMOTED, Phase.HELD} else None,
        coverage=evidence.coverage,
    )
    return replace(
        state,
        phase=phase,
        generation=state.generation + 1,
        started_at=now if is_start else state.started_at,
        decided_at=state.decided_at if is_start or is_growth else state.decided_at or now,
        verdict=evidence.verdict or state.verdict,
        arm=arm,
        reason=reason,
        log=(*state.log, entry),
    )


def check_growth(state: ExperimentState, coverage: float | None) -> None:
    """Refuse a coverage with which somebody's arm would change.

    Raises:
        ConfigurationError: With the reason.
    """
    spec, covered = state.spec, state.coverage
    about = f"experiment {spec.name!r}"
    if spec.unit is not Unit.SUBJECT:
        fault = f"{about} is by request: the alias holds its share, and nobody has an arm"
    elif spec.bandit is not None:
        fault = f"{about} is a bandit: its shares grow by themselves, as declared"
    elif coverage is None or not 0 < coverage <= 1:
        fault = f"{about}: coverage is a part of all subjects, in (0, 1]"
    elif coverage <= covered:
        fault = (
            f"{about} covers {covered:g} of all subjects; with {coverage:g} some would lose the "
            "arm they have: stop it and start another"
        )
    else:
        return
    raise ConfigurationError([fault])


_REASONS: Final = {
    Event.START: "started",
    Event.EXPIRED: "max_duration passed without a verdict: back to the control",
    Event.PROMOTE: "promoted by hand",
    Event.REVERT: "reverted by hand",
    Event.STOP: "stopped by hand",
}


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
