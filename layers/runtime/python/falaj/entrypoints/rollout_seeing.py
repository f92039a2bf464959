"""One look at a model: everything a decision depends on, read again each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from falaj.aws.desired import Wish
from falaj.aws.evidence_reader import Compared
from falaj.aws.rollout_store import Status
from falaj.domain.observation import (
    AlarmState,
    Command,
    Observation,
    Verification,
    VerificationState,
)
from falaj.domain.rollout import Phase, Rollout
from falaj.domain.verdict import Counts, Verdict
from falaj.entrypoints.rollout_world import World
from falaj.errors import DependencyError
from falaj.guard import Guard, tally

_SIGNED_NEXT: Final = frozenset({Phase.SHIFTING, Phase.BAKING, Phase.EXTENDED})
"""Phases that a growing share or a promotion may end."""
Alarms = Mapping[str, tuple[AlarmState, ...]]
"""By model; under the empty name those that concern every model. None is darkness, not calm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of a model before its function is looked at.

    Attributes:
        status: What is stored.
        function: The model's function.
        wish: What the stack wants; None while it has not said, or SSM is dark.
        alarms: All alarms; None while CloudWatch is dark.
        dark: Dependencies that do not answer.
        command: The operator's command to answer next.
    """

    status: Status
    function: str
    wish: Wish | None
    alarms: Alarms | None
    dark: frozenset[str]
    command: Command | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    counts: tuple[Counts, ...] = ()
    verdict: Verdict | None = None


def observe(world: World, known: Circumstances, now: datetime) -> Observation:
    """Read everything else.

    Raises:
        DependencyError: Lambda does not answer; without it nothing can be done.
    """
    status, function = known.status, known.function
    rollout = status.rollout
    alias = world.alias.read(function)
    published = world.versions.published(function) if alias else ()
    warm = world.warmth.read(function) if alias else None
    dark = set(known.dark)
    if known.alarms is None:
        dark.add("cloudwatch")
    measured = _measured(world, rollout, function, now, dark)
    thresholds = _thresholds(world, rollout, now, dark)
    if rollout.phase in _SIGNED_NEXT:
        _probe_key(world, dark)
    candidate = rollout.candidate if rollout.is_live else ""
    version = candidate or (known.wish.release.version if known.wish else "")
    alarms = known.alarms or {}
    return Observation(
        alias=alias,
        desired=known.wish.release if known.wish else None,
        published=published,
        alarms=(*alarms.get(rollout.model, ()), *alarms.get("", ())),
        command=known.command,
        verification=_verification(status, dark),
        counts=measured.counts,
        verdict=measured.verdict,
        dark=tuple(sorted(dark)),
        ready=warm.ready if warm else (),
        provisioned=warm.provisioned if warm else (),
        experiment=status.experiment.get(candidate),
        shadow=status.shadow,
        slow_thresholds_ms=thresholds,
        approver=status.approvals.get(version, ""),
        notified_generation=min(status.announced, status.delivered),
    )


def _measured(
    world: World, rollout: Rollout, function: str, now: datetime, dark: set[str]
) -> _Measured:
    """Count and judge; without CloudWatch there is no verdict, which is not a calm one."""
    if not rollout.is_live or rollout.release is None:
        return _Measured()
    compared = Compared.of(rollout, function)
    try:
        buckets = tuple(world.evidence.buckets(compared, rollout, now=now))
    except DependencyError as error:
        dark.add(error.service)
        return _Measured()
    counts = tally(buckets, rollout.segments)
    guard = Guard.from_plan(rollout.release.plan)
    return _Measured(counts=counts, verdict=guard.verdict(counts))


def _thresholds(
    world: World, rollout: Rollout, now: datetime, dark: set[str]
) -> Mapping[str, float]:
    """Read stable's percentiles while the candidate is verified: before it can have a share."""
    if rollout.phase is not Phase.VERIFYING or not rollout.stable:
        return {}
    try:
        return world.evidence.slow_thresholds_ms(rollout.model, rollout.stable, now=now)
    except DependencyError as error:
        dark.add(error.service)
        return {}


def _verification(status: Status, dark: set[str]) -> Verification | None:
    """Hold a pass back while CloudWatch is dark: stable's percentiles are frozen with it."""
    result = status.verification
    is_pass = result is not None and result.state is VerificationState.PASSED
    return None if is_pass and "cloudwatch" in dark else result


def _probe_key(world: World, dark: set[str]) -> None:
    """What is promoted must be signed: the key may have gone dark since the last decision."""
    try:
        world.records.check_key()
    except DependencyError as error:
        dark.add(error.service)
