"""What comes next in a rollout, when, and what it waits for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cli.rollout.strokes import percent
from falaj.domain.plan import PlanKind, Release
from falaj.domain.rollout import Hold, Phase, Rollout

_HELD: Final = {
    Hold.OPERATOR: "until somebody resumes, promotes or aborts",
    Hold.THROTTLES: "until the throttles end",
    Hold.INCONCLUSIVE: "inconclusive: resume for more evidence, or promote or abort",
    Hold.INVALID: "the split is not as declared: find out why, then resume or abort",
    Hold.SHADOWED: "the shadow has shown what it can: promote or abort",
    Hold.EXPERIMENT: "the experiment is decided: promote or abort",
    Hold.OUTAGE: "stable fails its golden cases too: resume when it is over, or abort",
    Hold.STRANDED: "the way back is gone: release a version that works",
}
_UNITS: Final = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def next_step(rollout: Rollout, now: datetime) -> str:
    """Say what comes next, when, and what it waits for."""
    release, since = rollout.release, rollout.since
    if release is None or since is None:
        return "nothing is released yet"
    return _FOLLOWING[rollout.phase](rollout, release, now - since)


def duration(left: timedelta) -> str:
    """Write a duration as a person says it, in two units at most.

    Example:
        >>> duration(timedelta(seconds=131)), duration(timedelta(hours=50))
        ('2 min 11 s', '2 d 2 h')
        >>> duration(timedelta(minutes=10))
        '10 min'
    """
    seconds = max(0, round(left.total_seconds()))
    for unit_s, unit, rest_s, rest in _UNITS:
        if seconds >= unit_s:
            more = seconds % unit_s // rest_s
            return f"{seconds // unit_s} {unit}" + (f" {more} {rest}" if more else "")
    return f"{seconds} s"


def _idle(rollout: Rollout, release: Release, age: timedelta) -> str:
    del rollout, age
    return f"version {release.version} begins"


def _verifying(rollout: Rollout, release: Release, age: timedelta) -> str:
    del release, age
    return _unless_blocked(rollout, "the golden cases, before any share")


def _shifting(rollout: Rollout, release: Release, age: timedelta) -> str:
    del age
    share = percent(release.plan.shares[rollout.step])
    return _unless_blocked(rollout, f"the alias shifts to {share}")


def _baking(rollout: Rollout, release: Release, age: timedelta) -> str:
    plan = release.plan
    is_last = rollout.step + 1 >= len(plan.shares)
    if plan.kind is PlanKind.SPLIT and is_last:
        left = duration(timedelta(seconds=plan.max_duration_s) - age)
        return _unless_blocked(rollout, f"the experiment decides, in {left} at the latest")
    what = "promotion" if is_last else percent(plan.shares[rollout.step + 1])
    left_s = timedelta(seconds=plan.bake_s) - age
    when = f"in {duration(left_s)}" if left_s > timedelta() else "is due"
    return _unless_blocked(rollout, f"{what} {when}, if the guard calls it safe")


def _paused(rollout: Rollout, release: Release, age: timedelta) -> str:
    del release, age
    return _HELD[rollout.hold or Hold.OPERATOR]


def _promoted(rollout: Rollout, release: Release, age: timedelta) -> str:
    left = timedelta(seconds=release.plan.rollback_window_s) - age
    if not rollout.stable or left <= timedelta():
        return "the next release"
    return f"`undo` goes back to version {rollout.stable} for another {duration(left)}"


def _rolled_back(rollout: Rollout, release: Release, age: timedelta) -> str:
    del rollout, age
    return f"the next release; version {release.version} is not tried again"


def _unless_blocked(rollout: Rollout, what: str) -> str:
    return f"{what}; blocked: {rollout.blocked_by}" if rollout.blocked_by else what


_FOLLOWING: Final[dict[Phase, Callable[[Rollout, Release, timedelta], str]]] = {
    Phase.IDLE: _idle,
    Phase.VERIFYING: _verifying,
    Phase.SHIFTING: _shifting,
    Phase.BAKING: _baking,
    Phase.EXTENDED: _baking,
    Phase.PAUSED: _paused,
    Phase.PROMOTED: _promoted,
    Phase.ROLLED_BACK: _rolled_back,
}
