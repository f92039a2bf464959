"""What the controller sees on one tick; everything is read again each time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from falaj.domain.plan import Release
from falaj.domain.verdict import Counts, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasState:
    """Where the alias points.

    Attributes:
        version: The version that serves what the weights leave.
        weights: Share of each additional version; Lambda allows one.
        revision_id: What a compare-and-swap must name.
    """

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)
    revision_id: str = ""


class AlarmEffect(StrEnum):
    """What a red alarm means."""

    ROLL_BACK = "roll_back"
    PAUSE = "pause"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmState:
    """One alarm, as it is now and not as an event said it was.

    Attributes:
        name: Alarm name.
        effect: What red means.
        version: The version it watches; empty for an alarm on all of them (throttles, heartbeat).
        is_red: Whether it is in ALARM.
        since: When it took this state.
    """

    name: str
    effect: AlarmEffect
    version: str
    is_red: bool
    since: datetime


class Verb(StrEnum):
    """What an operator may ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An operator's wish.

    Attributes:
        serial: Grows with every command, so that one is obeyed once.
        verb: What is asked for.
        version: The candidate the operator was looking at; a command for another is refused.
        reason: Why, in the operator's words; recorded.
        actor: Who.
        skip_guard: With `promote`: do not wait for the guard (the hotfix hatch).
    """

    serial: int
    verb: Verb
    version: str
    reason: str
    actor: str
    skip_guard: bool = False


class VerificationState(StrEnum):
    """How far the golden cases are."""

    PENDING = "pending"  # failed, and asked again
    PASSED = "passed"
    FAILED = "failed"
    OUTAGE = "outage"  # stable fails its own as well, and it is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The golden cases' result on one version, invoked directly before it has any share.

    Attributes:
        version: The version.
        state: What is known of it.
        reason: What is wrong; empty if nothing is.
        attempts: How often in a row it failed alone.
        at: When it was asked last.
    """

    version: str
    state: VerificationState
    reason: str = ""
    attempts: int = 1
    at: datetime | None = None


class ExperimentOutcome(StrEnum):
    """What an experiment on a split has decided."""

    WINNER = "winner"
    LOSER = "loser"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything a decision depends on, besides the rollout's own status and the time.

    Attributes:
        alias: The alias; None while the stack has not made it.
        desired: What the stack wants; None while it has not said.
        published: Version numbers that exist.
        alarms: Every alarm of the model.
        command: The newest operator command.
        verification: The newest result of the golden cases.
        counts: What the guard reckoned with, so that a record can be replayed.
        verdict: The guard's answer to `counts`; None while telemetry is missing or stale.
        dark: Dependencies that do not answer (`dynamodb`, `s3`, `kms`, …).
        ready: Versions whose provisioned concurrency is ready.
        provisioned: Versions that have any provisioned concurrency, ready or not.
        experiment: The experiment's decision on a split.
        shadow: The version that copies are sent to; empty for none.
        slow_thresholds_ms: Stable's percentiles, read before the candidate gets a share.
        approver: Who approved the desired release; empty for nobody.
        notified_generation: The last generation whose notices went out.
    """

    alias: AliasState | None = None
    desired: Release | None = None
    published: tuple[str, ...] = ()
    alarms: tuple[AlarmState, ...] = ()
    command: Command | None = None
    verification: Verification | None = None
    counts: tuple[Counts, ...] = ()
    verdict: Verdict | None = None
    dark: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    provisioned: tuple[str, ...] = ()
    experiment: ExperimentOutcome | None = None
    shadow: str = ""
    slow_thresholds_ms: Mapping[str, float] = field(default_factory=dict)
    approver: str = ""
    notified_generation: int = 0

    @property
    def freeze_reason(self) -> str:
        """Why no share may grow now; empty when it may."""
        if self.dark:
            return f"{', '.join(self.dark)} does not answer"
        for alarm in self.alarms:
            if alarm.is_red and alarm.effect is AlarmEffect.FREEZE:
                return f"alarm {alarm.name} is red"
        return "" if self.verdict else "telemetry is missing or stale"
