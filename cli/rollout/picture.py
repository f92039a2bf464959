"""What an operator looks at: a rollout's status and what was measured around it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.rollout.following import next_step
from falaj.domain.codec import encode
from falaj.domain.observation import AlarmEffect
from falaj.domain.rollout import Rollout
from falaj.guard import ALARMS_PART


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm of the model as CloudWatch shows it.

    Attributes:
        name: Its name.
        kind: Which of the alarms it is, such as `total-failure`.
        effect: What red means.
        version: The version it watches; empty for all of them.
        state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        says: What red says.
    """

    name: str
    kind: str
    effect: AlarmEffect
    version: str
    state: str
    says: str

    @property
    def is_red(self) -> bool:
        """Whether it is in ALARM."""
        return self.state == "ALARM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one version served since the rollout's first share.

    Attributes:
        version: Lambda version number.
        role: `stable`, `candidate` or `live`.
        requests: Requests served.
        bad: Bad ones among them.
    """

    version: str
    role: str
    requests: int
    bad: int

    @property
    def bad_share(self) -> float | None:
        """Share of bad requests; None when nothing was served."""
        return self.bad / self.requests if self.requests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What CloudWatch knows about a rollout.

    Attributes:
        evidence: log₁₀(α·E) over time, oldest first; at 0 the guard rolls back.
        traffic: By version, stable first.
        alarms: Those that concern this rollout.
    """

    evidence: tuple[float, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One look at a rollout.

    Attributes:
        rollout: Its status.
        measured: What was measured; None when CloudWatch did not answer.
        at: When it was taken.
        unmeasured_because: Why `measured` is None.
    """

    rollout: Rollout
    measured: Measured | None
    at: datetime
    unmeasured_because: str = ""


def watched_since(rollout: Rollout, now: datetime) -> datetime:
    """Return from when on traffic is counted: the first share, or else the last hour."""
    if rollout.segments and rollout.is_live:
        return rollout.segments[0].since
    return now - timedelta(hours=1)


def versions(rollout: Rollout) -> tuple[tuple[str, str], ...]:
    """Return the versions worth counting, each with its role."""
    roles = {"live": rollout.serving}
    if rollout.is_live:
        roles = {"stable": rollout.stable, "candidate": rollout.candidate}
    return tuple((version, role) for role, version in roles.items() if version)


def evidence_needed(rollout: Rollout) -> float:
    """Return how far log₁₀ E has to climb from nothing before the guard rolls back.

    The guard has what the alarms leave of α.
    """
    alpha = rollout.release.plan.guard.false_rollback if rollout.release else 0.01
    return -math.log10(alpha * (1 - ALARMS_PART))


def document(picture: Picture) -> dict[str, Any]:
    """Write a picture as what `--json` prints."""
    rollout = picture.rollout
    shown: dict[str, Any] = {
        "model": rollout.model,
        "outcome": rollout.outcome,
        "phase": rollout.phase.value,
        "share": rollout.share,
        "candidate": rollout.candidate,
        "stable": rollout.stable,
        "next": next_step(rollout, picture.at),
        "blocked_by": rollout.blocked_by,
        "at": picture.at.isoformat(),
        "status": encode(rollout),
    }
    measured = picture.measured
    if measured is None:
        return shown | {"measured": None, "unmeasured_because": picture.unmeasured_because}
    return shown | {"measured": _measured(measured)}


def _measured(measured: Measured) -> Mapping[str, Any]:
    return {
        "log_evidence": list(measured.evidence),
        "traffic": [
            {
                "version": part.version,
                "role": part.role,
                "requests": part.requests,
                "bad": part.bad,
                "bad_share": part.bad_share,
            }
            for part in measured.traffic
        ],
        "alarms": [
            {
                "name": alarm.name,
                "kind": alarm.kind,
                "effect": alarm.effect.value,
                "version": alarm.version,
                "state": alarm.state,
                "says": alarm.says,
            }
            for alarm in measured.alarms
        ],
    }
