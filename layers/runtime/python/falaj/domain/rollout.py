"""The rollout: one table of transitions and one pure function that walks it.

`advance(rollout, observation, now)` answers what the rollout becomes and what must be done. It
depends on what *is*, never on which event woke it: duplicated, late, reordered and lost events
change nothing.

How the controller applies an answer, and may crash between any two of these:

1. write the `DecisionRecord` of the new generation, if there is one;
2. save the rollout on condition that the stored `generation` is the one that was read;
3. do the other actions in order. What was left undone is asked for again on the next tick.

While the generation grew, or an action moved the alias or the shadow, it looks again at once, so
that a wish, the golden cases and the first share take one waking, not four.

A rule looks at the situation and names at most one event. `_RULES` are asked in order, the first
event wins, `TRANSITIONS` says where it leads, and `_actions` says what is still missing between
the alias and what the new phase wants. docs/reference/rollout-states.md is drawn from the table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from falaj.domain.actions import (
    Action,
    Notify,
    PruneVersions,
    PublishEvidence,
    RecordDecision,
    ReleaseProvisionedConcurrency,
    RequestProvisionedConcurrency,
    SetShadow,
    SetShare,
    Verify,
)
from falaj.domain.observation import (
    AlarmEffect,
    AlarmState,
    Command,
    ExperimentOutcome,
    Observation,
    Verb,
    VerificationState,
)
from falaj.domain.plan import OnInconclusive, OnLoss, OnWin, PlanKind, Release
from falaj.domain.verdict import Outcome, Verdict

_LOG_TAIL: Final = 20
_PAGED_TAIL: Final = 16
OUTAGE_PATIENCE_S: Final = 1800.0
"""How long golden cases that stable fails as well are asked again before somebody is called."""
_KEPT_VERSIONS: Final = 3
"""Versions below the ones in use that pruning leaves, for people who want to look."""


class Phase(StrEnum):
    """Where a rollout is."""

    IDLE = "idle"
    VERIFYING = "verifying"
    SHIFTING = "shifting"
    BAKING = "baking"
    EXTENDED = "extended"
    PAUSED = "paused"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


class Event(StrEnum):
    """What can be true of an observation that moves a rollout."""

    RELEASED = "released"  # the stack wants another version; a live rollout is superseded
    ADOPTED = "adopted"  # the wanted version serves already
    WITHDRAWN = "withdrawn"  # the stack wants stable back
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    SHIFTED = "shifted"  # the alias shows the step's share
    STEPPED = "stepped"  # safe: on to the next share
    FINISHED = "finished"  # safe at the last step
    EXTENDED = "extended"  # inconclusive: bake once more
    HELD = "held"  # somebody must decide
    ENDED = "ended"  # over without a winner
    HARMED = "harmed"  # the guard or an alarm that names the candidate
    STRANDED = "stranded"  # harmed, and the way back is gone
    THROTTLED = "throttled"
    CLEARED = "cleared"  # throttles are over
    PAUSED = "paused"
    RESUMED = "resumed"
    REVERIFIED = "reverified"  # resumed before it was verified
    PROMOTED = "promoted"
    ABORTED = "aborted"
    UNDONE = "undone"
    REFUSED = "refused"


LIVE: Final = (Phase.VERIFYING, Phase.SHIFTING, Phase.BAKING, Phase.EXTENDED, Phase.PAUSED)
_AT_REST: Final = (Phase.IDLE, Phase.PROMOTED, Phase.ROLLED_BACK)
_BAKES: Final = (Phase.BAKING, Phase.EXTENDED)


def _from(phases: tuple[Phase, ...], event: Event, to: Phase) -> dict[tuple[Phase, Event], Phase]:
    return {(phase, event): to for phase in phases}


TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    **_from(tuple(Phase), Event.RELEASED, Phase.VERIFYING),
    **_from(_AT_REST, Event.ADOPTED, Phase.PROMOTED),
    **_from(LIVE, Event.WITHDRAWN, Phase.ROLLED_BACK),
    (Phase.VERIFYING, Event.VERIFIED): Phase.SHIFTING,
    (Phase.VERIFYING, Event.UNVERIFIED): Phase.ROLLED_BACK,
    (Phase.VERIFYING, Event.HELD): Phase.PAUSED,
    (Phase.SHIFTING, Event.SHIFTED): Phase.BAKING,
    **_from(_BAKES, Event.STEPPED, Phase.SHIFTING),
    **_from(_BAKES, Event.FINISHED, Phase.PROMOTED),
    **_from(_BAKES, Event.EXTENDED, Phase.EXTENDED),
    **_from(_BAKES, Event.HELD, Phase.PAUSED),
    **_from(_BAKES, Event.ENDED, Phase.ROLLED_BACK),
    **_from((*LIVE, Phase.PROMOTED), Event.HARMED, Phase.ROLLED_BACK),
    **_from(LIVE, Event.STRANDED, Phase.PAUSED),
    **_from((Phase.SHIFTING, *_BAKES), Event.THROTTLED, Phase.PAUSED),
    (Phase.PAUSED, Event.CLEARED): Phase.SHIFTING,
    **_from(LIVE, Event.PAUSED, Phase.PAUSED),
    (Phase.PAUSED, Event.RESUMED): Phase.SHIFTING,
    (Phase.PAUSED, Event.REVERIFIED): Phase.VERIFYING,
    **_from((Phase.SHIFTING, *_BAKES, Phase.PAUSED), Event.PROMOTED, Phase.PROMOTED),
    **_from(LIVE, Event.ABORTED, Phase.ROLLED_BACK),
    (Phase.PROMOTED, Event.UNDONE): Phase.ROLLED_BACK,
    **{(phase, Event.REFUSED): phase for phase in Phase},
}


class Hold(StrEnum):
    """Why a paused rollout is paused."""

    OPERATOR = "operator"
    THROTTLES = "throttles"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    SHADOWED = "shadowed"
    EXPERIMENT = "experiment"
    STRANDED = "stranded"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time at one share of the candidate; open while `until` is None.

    The share of a shadow is its part of all answers, stable's and its own.
    """

    share: float
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One decision, for people; the `DecisionRecord` holds its inputs."""

    generation: int
    at: datetime
    event: Event
    phase: Phase
    reason: str
    cause: str = ""
    actor: str = ""
    is_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The status of one model's rollout, as DynamoDB holds it.

    Attributes:
        model: Model name.
        phase: Where it is.
        release: The candidate, or the release in service once promoted.
        stable: The version to go back to; empty for none.
        step: Index into the plan's shares.
        share: The candidate's share as last seen or ordered, in [0, 1].
        since: When the phase began.
        extensions: Further bakes granted at this step.
        hold: Why it is paused.
        is_verified: Whether the golden cases passed.
        is_waived: Whether an operator promoted it past the guard.
        generation: Grows with every decision, and never shrinks.
        command_serial: The last operator command that was answered.
        segments: Stretches of constant share, whose bad events may be compared.
        slow_thresholds_ms: Stable's percentiles, frozen before the first share.
        verdict: The guard's latest answer, refreshed on every tick without a new generation.
        blocked_by: Why a share that is due is not growing; empty when nothing stops it.
        paged: Alarms that were refused, so that each pages once.
        log: The last decisions.
    """

    model: str
    phase: Phase = Phase.IDLE
    release: Release | None = None
    stable: str = ""
    step: int = 0
    share: float = 0.0
    since: datetime | None = None
    extensions: int = 0
    hold: Hold | None = None
    is_verified: bool = False
    is_waived: bool = False
    generation: int = 0
    command_serial: int = 0
    segments: tuple[Segment, ...] = ()
    slow_thresholds_ms: dict[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None
    blocked_by: str = ""
    paged: tuple[str, ...] = ()
    log: tuple[LogEntry, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether the controller must look at it each minute."""
        return self.phase in LIVE

    @property
    def candidate(self) -> str:
        """The version of the release; empty for none."""
        return self.release.version if self.release else ""

    @property
    def serving(self) -> str:
        """The version that answers what the candidate does not; empty before the first release."""
        return self.candidate if self.phase is Phase.PROMOTED else self.stable

    @property
    def outcome(self) -> str:
        """How it ended: promoted, rolled_back, aborted, inconclusive, or running."""
        if self.phase is Phase.PROMOTED:
            return "promoted"
        last = next(
            (entry for entry in reversed(self.log) if entry.event is not Event.REFUSED), None
        )
        if self.phase is Phase.ROLLED_BACK and last:
            is_open = last.event is Event.ENDED and last.cause != "experiment"
            return "inconclusive" if is_open else _ENDINGS.get(last.event, "rolled_back")
        return "inconclusive" if self.hold in {Hold.INCONCLUSIVE, Hold.OUTAGE} else "running"


_ENDINGS: Final = {Event.ABORTED: "aborted", Event.WITHDRAWN: "aborted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    event: Event
    reason: str
    cause: str = ""
    hold: Hold | None = None
    command: Command | None = None
    alarm_key: str = ""
    is_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tick:
    """One look: the status, what is seen, and when."""

    rollout: Rollout
    seen: Observation
    now: datetime
    release: Release

    @property
    def age_s(self) -> float:
        """Seconds since the phase began; 0 when the clock has gone back."""
        since = self.rollout.since or self.now
        return max(0.0, (self.now - since).total_seconds())

    @property
    def target_share(self) -> float:
        return self.release.plan.shares[self.rollout.step]

    @property
    def is_last(self) -> bool:
        return self.rollout.step + 1 >= len(self.release.plan.shares)

    @property
    def can_go_back(self) -> bool:
        return bool(self.rollout.stable) and self.rollout.stable in self.seen.published

    def red(self, effect: AlarmEffect, *versions: str) -> AlarmState | None:
        """Return a red alarm of that effect that names one of the versions."""
        return next(
            (
                alarm
                for alarm in self.seen.alarms
                if alarm.is_red and alarm.effect is effect and alarm.version in versions
            ),
            None,
        )


def advance(
    rollout: Rollout, observation: Observation, now: datetime
) -> tuple[Rollout, tuple[Action, ...]]:
    """Return what the rollout becomes and what must be done, in order.

    Args:
        rollout: The stored status.
        observation: Everything read on this tick.
        now: The controller's clock, timezone-aware; it may be wrong and may go back.

    Returns:
        The new status, whose generation is one larger exactly when something was decided, and the
        actions. The same answer for the same arguments, and no decision twice.
    """
    if observation.alias is None:
        return rollout, ()
    rollout = replace(rollout, verdict=observation.verdict if rollout.is_live else None)
    release = rollout.release or observation.desired
    if release is None:
        return rollout, ()
    tick = _Tick(rollout=rollout, seen=observation, now=now, release=release)
    move = next((move for rule in _RULES if (move := rule(tick))), None)
    if move is not None:
        tick = replace(tick, rollout=_enter(tick, move))
    tick = replace(
        tick,
        release=tick.rollout.release or release,
        rollout=replace(tick.rollout, blocked_by=_blocked_by(tick) if tick.rollout.is_live else ""),
    )
    record = [RecordDecision(generation=tick.rollout.generation)] if move else []
    return tick.rollout, (*record, *_actions(tick))


# ------------------------------------------------------------------------------- rules
def _harm(tick: _Tick) -> _Move | None:
    """The guard says so, or an alarm that names this candidate is red."""
    found = _harm_found(tick)
    if found is None:
        return None
    if tick.can_go_back:
        return replace(found, event=Event.HARMED)
    reason = f"{found.reason}, but version {tick.rollout.stable or '(none)'} is gone: traffic stays"
    if tick.rollout.is_live and tick.rollout.hold is not Hold.STRANDED:
        return replace(found, event=Event.STRANDED, hold=Hold.STRANDED, reason=reason, is_page=True)
    return _refuse_alarm(tick, replace(found, reason=reason))


def _harm_found(tick: _Tick) -> _Move | None:
    rollout, verdict = tick.rollout, tick.seen.verdict
    alarm = tick.red(AlarmEffect.ROLL_BACK, rollout.candidate) if rollout.release else None
    if rollout.is_live and verdict and verdict.outcome is Outcome.ROLL_BACK:
        return _Move(event=Event.HARMED, reason="; ".join(verdict.reasons), cause=verdict.cause)
    if alarm is None or not (rollout.is_live or _is_undoable(tick)):
        return None
    reason = f"alarm {alarm.name} is red for version {alarm.version}"
    return _Move(event=Event.HARMED, reason=reason, cause=alarm.name, alarm_key=_key(alarm))


def _is_undoable(tick: _Tick) -> bool:
    """Whether an alarm may still undo a promotion: in the window, and the guard not waived."""
    rollout = tick.rollout
    return (
        rollout.phase is Phase.PROMOTED
        and not rollout.is_waived
        and bool(rollout.stable)
        and _is_window_open(tick)
    )


def _stable_is_red(tick: _Tick) -> _Move | None:
    """An alarm names the version we went back to: there is no further back."""
    rollout = tick.rollout
    if rollout.phase is not Phase.ROLLED_BACK:
        return None
    alarm = tick.red(AlarmEffect.ROLL_BACK, rollout.stable)
    if alarm is None or alarm.since < (rollout.since or tick.now):
        return None
    reason = (
        f"alarm {alarm.name} is red for version {alarm.version}, to which traffic was rolled back: "
        "a rollback is not rolled back"
    )
    move = _Move(event=Event.REFUSED, reason=reason, cause=alarm.name, alarm_key=_key(alarm))
    return _refuse_alarm(tick, move)


def _refuse_alarm(tick: _Tick, move: _Move) -> _Move | None:
    if not move.alarm_key or move.alarm_key in tick.rollout.paged:
        return None
    return replace(move, event=Event.REFUSED, is_page=True)


def _operator(tick: _Tick) -> _Move | None:
    """A command that has not been answered yet."""
    command = tick.seen.command
    if command is None or command.serial <= tick.rollout.command_serial:
        return None
    if tick.rollout.release is None or command.version != tick.rollout.candidate:
        desired = tick.seen.desired
        if desired and command.version == desired.version and _wish(tick):
            return None  # it names the release that is about to begin: answered when it has
        subject = tick.rollout.candidate or "none"
        return _refuse(command, f"it names version {command.version}, the rollout is of {subject}")
    return _VERBS[command.verb](tick, command)


def _hatch(tick: _Tick) -> _Move | None:
    """`promote --skip-guard` goes before any alarm: a red one must not lock out the hotfix."""
    command = tick.seen.command
    is_hatch = command is not None and command.verb is Verb.PROMOTE and command.skip_guard
    return _operator(tick) if is_hatch else None


def _pause(tick: _Tick, command: Command) -> _Move:
    if not tick.rollout.is_live or tick.rollout.hold is Hold.STRANDED:
        return _refuse(command, f"nothing to pause: {tick.rollout.phase}")
    return _obey(command, Event.PAUSED, Hold.OPERATOR)


def _resume(tick: _Tick, command: Command) -> _Move:
    if tick.rollout.phase is not Phase.PAUSED or tick.rollout.hold is Hold.STRANDED:
        return _refuse(command, f"nothing to resume: {tick.rollout.hold or tick.rollout.phase}")
    return _obey(command, Event.RESUMED if tick.rollout.is_verified else Event.REVERIFIED)


def _promote(tick: _Tick, command: Command) -> _Move | None:
    rollout = tick.rollout
    if not rollout.is_live:
        return _refuse(command, f"nothing to promote: {rollout.phase}")
    if not rollout.is_verified:
        if command.skip_guard and rollout.phase is Phase.VERIFYING:
            return (
                None  # the hatch skips the guard, not the golden cases: asked again when they pass
            )
        return _refuse(command, "the golden cases have not passed")
    if tick.rollout.candidate not in tick.seen.published:
        return _refuse(command, f"version {rollout.candidate} does not exist")
    if tick.seen.dark:
        return _refuse(
            command, f"{', '.join(tick.seen.dark)} does not answer: it cannot be recorded"
        )
    if command.skip_guard:
        return _obey(command, Event.PROMOTED)
    verdict = tick.seen.verdict
    if tick.seen.freeze_reason or verdict is None or verdict.outcome is not Outcome.SAFE:
        why = tick.seen.freeze_reason or "; ".join(verdict.reasons if verdict else ())
        return _refuse(command, f"not known to be safe ({why}); --skip-guard overrides")
    return _obey(command, Event.PROMOTED)


def _abort(tick: _Tick, command: Command) -> _Move:
    if not tick.rollout.is_live:
        return _refuse(command, f"nothing to abort: {tick.rollout.phase}", is_page=_is_back(tick))
    if not tick.can_go_back:
        return _refuse(
            command, f"version {tick.rollout.stable} is gone: traffic stays", is_page=True
        )
    return _obey(command, Event.ABORTED)


def _undo(tick: _Tick, command: Command) -> _Move:
    rollout = tick.rollout
    if rollout.phase is not Phase.PROMOTED:
        why = "a rollback is not rolled back" if _is_back(tick) else "not promoted yet: abort it"
        return _refuse(command, why, is_page=_is_back(tick))
    if not tick.can_go_back:
        gone = f"version {rollout.stable} is gone" if rollout.stable else "no earlier version"
        return _refuse(command, f"{gone}: traffic stays", is_page=True)
    if not _is_window_open(tick):
        return _refuse(command, "the rollback window is over: release the earlier version again")
    return _obey(command, Event.UNDONE)


def _is_back(tick: _Tick) -> bool:
    return tick.rollout.phase is Phase.ROLLED_BACK


_VERBS: Final[dict[Verb, Callable[[_Tick, Command], _Move | None]]] = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.PROMOTE: _promote,
    Verb.ABORT: _abort,
    Verb.UNDO: _undo,
}


def _obey(command: Command, event: Event, hold: Hold | None = None) -> _Move:
    return _Move(event=event, reason=command.reason, cause=command.verb, hold=hold, command=command)


def _refuse(command: Command, why: str, *, is_page: bool = False) -> _Move:
    reason = f"{command.verb} refused: {why}"
    return _Move(
        event=Event.REFUSED, reason=reason, cause=command.verb, command=command, is_page=is_page
    )


def _wish(tick: _Tick) -> _Move | None:
    """The stack wants something newer than what was last begun."""
    rollout, desired = tick.rollout, tick.seen.desired
    if desired is None or (
        rollout.release is not None
        and (desired.serial <= rollout.release.serial or desired.version == rollout.candidate)
    ):
        return None
    if desired.version != _serving(tick):
        over = f", superseding version {rollout.candidate}" if rollout.is_live else ""
        return _Move(event=Event.RELEASED, reason=f"version {desired.version} is wanted{over}")
    if rollout.is_live:
        return _Move(
            event=Event.WITHDRAWN, reason=f"the stack wants version {desired.version} back"
        )
    return _Move(event=Event.ADOPTED, reason=f"version {desired.version} serves already")


def _verification(tick: _Tick) -> _Move | None:
    """The golden cases have an answer."""
    if tick.rollout.phase is not Phase.VERIFYING:
        return None
    if tick.release.version not in tick.seen.published:
        reason = f"version {tick.release.version} does not exist"
        return _Move(event=Event.UNVERIFIED, reason=reason, cause="verification", is_page=True)
    result = tick.seen.verification
    if result is None or result.version != tick.release.version:
        return None
    if result.state is VerificationState.FAILED:
        reason = f"golden cases failed: {result.reason}"
        return _Move(event=Event.UNVERIFIED, reason=reason, cause="verification", is_page=True)
    if result.state is VerificationState.PASSED:
        return _Move(event=Event.VERIFIED, reason="golden cases passed")
    if result.state is VerificationState.OUTAGE and tick.age_s >= OUTAGE_PATIENCE_S:
        reason = f"nothing is known of version {result.version}: {result.reason}"
        return _Move(
            event=Event.HELD, reason=reason, cause="outage", hold=Hold.OUTAGE, is_page=True
        )
    return None


def _throttles(tick: _Tick) -> _Move | None:
    """Throttles pause, and their end resumes; they never roll back."""
    alarm = tick.red(AlarmEffect.PAUSE, "", tick.release.version)
    if alarm and tick.rollout.phase in {Phase.SHIFTING, *_BAKES}:
        reason = f"alarm {alarm.name} is red"
        return _Move(event=Event.THROTTLED, reason=reason, cause=alarm.name, hold=Hold.THROTTLES)
    if not alarm and tick.rollout.hold is Hold.THROTTLES:
        return _Move(event=Event.CLEARED, reason="throttles are over")
    return None


def _shifted(tick: _Tick) -> _Move | None:
    """The alias shows the share that this step wants."""
    if tick.rollout.phase is not Phase.SHIFTING or not _is_in_place(tick):
        return None
    return _Move(event=Event.SHIFTED, reason=f"share {tick.target_share:g} is in place")


def _experiment(tick: _Tick) -> _Move | None:
    """A split ends with its experiment, or with its time."""
    plan, outcome = tick.release.plan, tick.seen.experiment
    if plan.kind is not PlanKind.SPLIT or not tick.is_last or tick.rollout.phase not in _BAKES:
        return None
    if outcome is ExperimentOutcome.LOSER:
        reason = "the candidate lost the experiment"
        if plan.on_loss is OnLoss.REVERT:
            return _Move(event=Event.ENDED, reason=reason, cause="experiment")
        return _Move(event=Event.HELD, reason=f"{reason}; on_loss is hold", hold=Hold.EXPERIMENT)
    if outcome is ExperimentOutcome.WINNER and not _freeze_reason(tick):
        if plan.on_win is OnWin.PROMOTE:
            return _Move(event=Event.FINISHED, reason="the candidate won the experiment")
        reason = "the candidate won the experiment; on_win is hold"
        return _Move(event=Event.HELD, reason=reason, hold=Hold.EXPERIMENT)
    if tick.age_s >= plan.max_duration_s:
        reason = f"no winner after {plan.max_duration_s} s"
        return _Move(event=Event.ENDED, reason=reason, cause="max_duration")
    return None


def _bake(tick: _Tick) -> _Move | None:
    """The bake is over, and what is known decides."""
    rollout, plan = tick.rollout, tick.release.plan
    is_due = tick.age_s >= plan.bake_s or rollout.phase is Phase.EXTENDED
    if rollout.phase not in _BAKES or not is_due:
        return None
    if plan.kind is PlanKind.SPLIT and tick.is_last:
        return None  # the last share of a split is held for the experiment
    verdict = tick.seen.verdict
    if tick.seen.freeze_reason or verdict is None:
        return None
    if plan.kind is PlanKind.ALL_AT_ONCE:
        reason = "the bake is over without an alarm; all_at_once leaves nothing to compare with"
        return _Move(event=Event.FINISHED, reason=reason)
    because = "; ".join(verdict.reasons)
    if verdict.outcome is Outcome.SAFE:
        return _safe(tick, because)
    if verdict.outcome is Outcome.INVALID:
        because = f"{because}{_why_no_copy(tick)}"
        return _Move(
            event=Event.HELD, reason=because, cause=verdict.cause, hold=Hold.INVALID, is_page=True
        )
    return _inconclusive(tick, because)


def _safe(tick: _Tick, because: str) -> _Move:
    plan = tick.release.plan
    if plan.kind is PlanKind.SHADOW and plan.on_win is OnWin.HOLD:
        reason = f"{because}; a shadow gets no traffic by itself"
        return _Move(event=Event.HELD, reason=reason, hold=Hold.SHADOWED)
    return _Move(event=Event.FINISHED if tick.is_last else Event.STEPPED, reason=because)


def _why_no_copy(tick: _Tick) -> str:
    """Say why a shadow may have been shown nothing."""
    verdict = tick.seen.verdict
    if tick.release.plan.kind is not PlanKind.SHADOW or verdict is None:
        return ""
    if verdict.candidate_requests:
        return "; copies are missing: see the metric ShadowSkipped"
    return f"; no copy came: was version {tick.rollout.stable} published with a shadow plan?"


def _inconclusive(tick: _Tick, because: str) -> _Move | None:
    plan, rollout = tick.release.plan, tick.rollout
    if tick.age_s < plan.bake_s:  # an extension is still running
        return None
    if plan.on_inconclusive is OnInconclusive.ABORT:
        return _Move(event=Event.ENDED, reason=because, cause="inconclusive")
    if plan.on_inconclusive is OnInconclusive.EXTEND and rollout.extensions < plan.max_extensions:
        count = f"extension {rollout.extensions + 1} of {plan.max_extensions}"
        return _Move(event=Event.EXTENDED, reason=f"{because}; {count}")
    return _Move(
        event=Event.HELD, reason=because, cause="inconclusive", hold=Hold.INCONCLUSIVE, is_page=True
    )


_RULES: Final = (
    _hatch,
    _harm,
    _stable_is_red,
    _operator,
    _wish,
    _verification,
    _throttles,
    _shifted,
    _experiment,
    _bake,
)
"""Asked in this order: the hatch, then safety, people, the stack, and progress last."""


# ---------------------------------------------------------------------------- entering
def _enter(tick: _Tick, move: _Move) -> Rollout:
    """Take the transition and what belongs to it."""
    old = tick.rollout
    phase = TRANSITIONS[old.phase, move.event]
    new = replace(old, phase=phase, generation=old.generation + 1)
    if move.event is not Event.REFUSED:
        new = replace(new, since=tick.now, hold=move.hold)
        new = _EFFECTS.get(move.event, _keep)(tick, new)
    if move.command:
        new = replace(new, command_serial=move.command.serial)
    if move.alarm_key:
        new = replace(new, paged=(*new.paged, move.alarm_key)[-_PAGED_TAIL:])
    entry = LogEntry(
        generation=new.generation,
        at=tick.now,
        event=move.event,
        phase=phase,
        reason=move.reason,
        cause=move.cause,
        actor=move.command.actor if move.command else "",
        is_page=move.is_page or move.event is Event.HARMED,
    )
    return replace(new, log=(*new.log, entry)[-_LOG_TAIL:])


def _begin(tick: _Tick, new: Rollout) -> Rollout:
    """A new candidate: nothing known about the last one carries over."""
    return replace(
        new,
        release=tick.seen.desired,
        stable=_serving(tick),
        step=0,
        share=0.0,
        extensions=0,
        is_verified=False,
        is_waived=False,
        segments=(),
        slow_thresholds_ms={},
        verdict=None,
    )


def _adopt(tick: _Tick, new: Rollout) -> Rollout:
    return replace(_begin(tick, new), stable="", share=1.0, is_verified=True)


def _verified(tick: _Tick, new: Rollout) -> Rollout:
    return replace(new, is_verified=True, slow_thresholds_ms=dict(tick.seen.slow_thresholds_ms))


def _toward(tick: _Tick, new: Rollout) -> Rollout:
    """Set out for the step's share; events on the way belong to no share."""
    target = tick.release.plan.shares[new.step]
    is_there = bool(new.segments) and new.segments[-1].share == _compared(tick, target)
    return new if is_there else replace(new, segments=_closed(new.segments, tick.now))


def _next_step(tick: _Tick, new: Rollout) -> Rollout:
    return _toward(tick, replace(new, step=new.step + 1, extensions=0))


def _again(tick: _Tick, new: Rollout) -> Rollout:
    return _toward(tick, replace(new, extensions=0))


def _arrive(tick: _Tick, new: Rollout) -> Rollout:
    share = tick.target_share
    compared = _compared(tick, share)
    return replace(new, share=share, segments=_opened(new.segments, compared, tick.now))


def _stop(tick: _Tick, new: Rollout) -> Rollout:
    """Stay at whatever share the alias shows."""
    share = _seen_share(tick)
    segments = _opened(new.segments, share, tick.now) if new.is_verified else new.segments
    if tick.release.plan.kind is PlanKind.SHADOW:  # nobody copies while it is paused
        segments = _closed(new.segments, tick.now)
    return replace(new, share=share, segments=segments)


def _extend(_: _Tick, new: Rollout) -> Rollout:
    return replace(new, extensions=new.extensions + 1)


def _finish(tick: _Tick, new: Rollout) -> Rollout:
    return replace(new, share=1.0, segments=_closed(new.segments, tick.now))


def _waive(tick: _Tick, new: Rollout) -> Rollout:
    command = tick.seen.command
    return replace(_finish(tick, new), is_waived=bool(command and command.skip_guard))


def _go_back(tick: _Tick, new: Rollout) -> Rollout:
    return replace(new, share=0.0, segments=_closed(new.segments, tick.now))


def _keep(_: _Tick, new: Rollout) -> Rollout:
    return new


_EFFECTS: Final[dict[Event, Callable[[_Tick, Rollout], Rollout]]] = {
    Event.RELEASED: _begin,
    Event.ADOPTED: _adopt,
    Event.WITHDRAWN: _go_back,
    Event.VERIFIED: _verified,
    Event.UNVERIFIED: _go_back,
    Event.SHIFTED: _arrive,
    Event.STEPPED: _next_step,
    Event.FINISHED: _finish,
    Event.EXTENDED: _extend,
    Event.HELD: _stop,
    Event.ENDED: _go_back,
    Event.HARMED: _go_back,
    Event.STRANDED: _stop,
    Event.THROTTLED: _stop,
    Event.CLEARED: _again,
    Event.PAUSED: _stop,
    Event.RESUMED: _again,
    Event.PROMOTED: _waive,
    Event.ABORTED: _go_back,
    Event.UNDONE: _go_back,
}


# ------------------------------------------------------------------------------ actions
def _actions(tick: _Tick) -> Iterator[Action]:
    """Name everything that is still missing between what is and what the phase wants."""
    rollout = tick.rollout
    yield from _alias_actions(tick)
    if rollout.phase is Phase.VERIFYING:
        yield Verify(version=rollout.candidate)
    yield from _warmth_actions(tick)
    if rollout.is_live and rollout.verdict:
        yield PublishEvidence(log_evidence=rollout.verdict.log_evidence)
    for entry in rollout.log:
        if entry.generation > tick.seen.notified_generation:
            who = f" ({entry.actor})" if entry.actor else ""
            text = f"{rollout.model} {rollout.candidate}: {entry.event}{who}: {entry.reason}"
            yield Notify(generation=entry.generation, text=text, is_page=entry.is_page)
    if old := _prunable(tick):
        yield PruneVersions(versions=old)


def _alias_actions(tick: _Tick) -> Iterator[Action]:
    shadow = _wanted_shadow(tick)
    if tick.seen.shadow != shadow:
        share = tick.release.plan.shadow_share if shadow else 0.0
        stable = tick.rollout.stable if shadow else ""
        yield SetShadow(version=shadow, share=share, stable=stable)
    wanted = _wanted_alias(tick)
    alias = tick.seen.alias
    if wanted is None or alias is None or (alias.version, dict(alias.weights)) == wanted:
        return
    version, weights = wanted
    if {version, *weights} <= set(tick.seen.published):
        yield SetShare(version=version, weights=weights, revision_id=alias.revision_id)


def _wanted_alias(tick: _Tick) -> tuple[str, dict[str, float]] | None:
    """Return the alias that the phase wants; None to leave it alone."""
    rollout = tick.rollout
    if rollout.phase is Phase.IDLE or rollout.hold is Hold.STRANDED:
        return None
    if rollout.phase is Phase.PROMOTED:
        return rollout.candidate, {}
    if rollout.phase in {Phase.VERIFYING, Phase.ROLLED_BACK}:
        return rollout.stable, {}
    if rollout.phase is not Phase.SHIFTING:
        return _alias_at(rollout, rollout.share)
    target = tick.release.plan.shares[rollout.step]
    if target > _seen_share(tick) and _blocked_by(tick):
        return None
    return _alias_at(rollout, target)


def _alias_at(rollout: Rollout, share: float) -> tuple[str, dict[str, float]]:
    if share >= 1.0:
        return rollout.candidate, {}
    return rollout.stable, {rollout.candidate: share} if share > 0.0 else {}


def _wanted_shadow(tick: _Tick) -> str:
    is_shadow = tick.release.plan.kind is PlanKind.SHADOW
    phases = {Phase.SHIFTING, *_BAKES}
    return tick.rollout.candidate if is_shadow and tick.rollout.phase in phases else ""


def _is_in_place(tick: _Tick) -> bool:
    alias = tick.seen.alias
    wanted = _alias_at(tick.rollout, tick.target_share)
    return (
        alias is not None
        and (alias.version, dict(alias.weights)) == wanted
        and tick.seen.shadow == _wanted_shadow(tick)
    )


def _blocked_by(tick: _Tick) -> str:
    """Return why the share may not grow now; empty when it may."""
    release, asked = tick.release, tick.seen.verification
    is_verifying = tick.rollout.phase is Phase.VERIFYING
    if is_verifying and asked and asked.version == release.version and asked.reason:
        return asked.reason
    if release.risk == "high" and not tick.seen.approver:
        return "a model of high risk needs an approver"
    if release.min_warm and release.version not in tick.seen.ready:
        return f"provisioned concurrency of version {release.version} is not ready"
    # Before the first share there is nothing to measure, so missing telemetry is no reason to wait.
    is_first = tick.rollout.share == 0.0 and tick.rollout.phase is Phase.SHIFTING
    if is_first and not tick.seen.verdict:
        return replace(tick.seen, verdict=_NOTHING_YET).freeze_reason
    return tick.seen.freeze_reason


_NOTHING_YET: Final = Verdict(
    outcome=Outcome.INCONCLUSIVE,
    reasons=("no request yet",),
    cause="",
    log_evidence=0.0,
    candidate_requests=0,
)


def _warmth_actions(tick: _Tick) -> Iterator[Action]:
    """Warm the candidate before its share grows; cool whatever no rollback can need."""
    rollout, release = tick.rollout, tick.release
    is_wanted = (rollout.is_live and rollout.phase is not Phase.VERIFYING) or (
        rollout.phase is Phase.PROMOTED
    )
    if release.min_warm and is_wanted and release.version not in tick.seen.ready:
        yield RequestProvisionedConcurrency(version=release.version, count=release.min_warm)
    if rollout.phase is Phase.IDLE:
        return
    needed = {rollout.serving, rollout.candidate if rollout.is_live else ""}
    if rollout.phase is Phase.PROMOTED and _is_window_open(tick):
        needed.add(rollout.stable)
    for version in tick.seen.provisioned:
        if version not in needed:
            yield ReleaseProvisionedConcurrency(version=version)


def _prunable(tick: _Tick) -> tuple[str, ...]:
    """Return versions older than everything in use or within reach of a rollback."""
    rollout, alias, desired = tick.rollout, tick.seen.alias, tick.seen.desired
    if rollout.is_live or rollout.phase is Phase.IDLE or _is_window_open(tick) or alias is None:
        return ()
    used = {rollout.candidate, rollout.stable, alias.version, *alias.weights}
    used |= {desired.version} if desired else set()
    oldest = min(int(version) for version in used if version)
    old = sorted((v for v in tick.seen.published if v.isdigit() and int(v) < oldest), key=int)
    return tuple(old[:-_KEPT_VERSIONS])


# -------------------------------------------------------------------------------- facts
def _serving(tick: _Tick) -> str:
    """Return the version that serves apart from any candidate: by status, else by the alias."""
    alias = tick.seen.alias
    by_status = tick.rollout.serving
    return by_status if by_status in tick.seen.published else (alias.version if alias else "")


def _seen_share(tick: _Tick) -> float:
    alias = tick.seen.alias
    if alias is None:
        return tick.rollout.share
    if alias.version == tick.rollout.candidate:
        return 1.0
    return alias.weights.get(tick.rollout.candidate, 0.0)


def _compared(tick: _Tick, share: float) -> float:
    """Return the candidate's part of what is compared, at a share of the alias."""
    return tick.release.plan.compared_share or share


def _is_window_open(tick: _Tick) -> bool:
    since = tick.rollout.since
    window = timedelta(seconds=tick.release.plan.rollback_window_s)
    return since is not None and tick.now - since < window


def _freeze_reason(tick: _Tick) -> str:
    verdict = tick.seen.verdict
    is_invalid = verdict is not None and verdict.outcome is Outcome.INVALID
    return tick.seen.freeze_reason or ("the split is not as declared" if is_invalid else "")


def _key(alarm: AlarmState) -> str:
    return f"{alarm.name}@{alarm.since.isoformat()}"


def _closed(segments: tuple[Segment, ...], now: datetime) -> tuple[Segment, ...]:
    if not segments or segments[-1].until is not None:
        return segments
    return (*segments[:-1], replace(segments[-1], until=now))


def _opened(segments: tuple[Segment, ...], share: float, now: datetime) -> tuple[Segment, ...]:
    if segments and segments[-1].until is None and segments[-1].share == share:
        return segments
    return (*_closed(segments, now), Segment(share=share, since=now))
