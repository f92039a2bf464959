"""A strict world in which a controller runs, crashes and is run again; no AWS, no waiting.

`World` is what the rollout machine needs of one, so that the same interleavings can be played
against another world, such as the local region's Lambda control plane.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from falaj.domain.actions import (
    Action,
    Notify,
    PruneVersions,
    RecordDecision,
    ReleaseProvisionedConcurrency,
    RequestProvisionedConcurrency,
    SetShadow,
    SetShare,
    Verify,
)
from falaj.domain.codec import decode, encode
from falaj.domain.decision import DecisionRecord, decide
from falaj.domain.observation import (
    AlarmState,
    AliasState,
    Command,
    Observation,
    Verification,
    VerificationState,
)
from falaj.domain.plan import Release
from falaj.domain.rollout import Rollout
from falaj.domain.verdict import Counts, Outcome, Verdict

EPOCH = datetime(2026, 11, 22, tzinfo=UTC)


class RefusedError(Exception):
    """What AWS answers to a call it does not take."""


class Crash(Exception):  # noqa: N818 - it stands for a killed process, not an error
    """The controller dies here."""


class World(Protocol):
    """What the rollout machine needs: something to look at, and something that takes actions."""

    def observe(self) -> Observation:
        """Read everything again."""
        ...

    def apply(self, action: Action) -> None:
        """Do it, or raise `RefusedError` as AWS would."""
        ...

    def load(self) -> Rollout:
        """Read the status."""
        ...

    def save(self, rollout: Rollout, *, expected_generation: int) -> None:
        """Write the status if the stored generation is the expected one."""
        ...


@dataclass
class StrictAlias:
    """Lambda's alias, with the refusals of UpdateAlias.

    Source:
        Lambda API reference, UpdateAlias and AliasRoutingConfiguration (a weight lies in [0, 1], at
        most one additional version, neither may be $LATEST, both must exist, a stale RevisionId is
        a PreconditionFailedException); DeleteFunction (a version that an alias names is a
        ResourceConflictException).
    """

    state: AliasState
    published: set[str]
    history: list[AliasState] = field(default_factory=list)

    def update(self, version: str, weights: Mapping[str, float], revision_id: str) -> None:
        """Point the alias, as UpdateAlias does."""
        if revision_id != self.state.revision_id:
            raise RefusedError("PreconditionFailedException: the RevisionId is stale")
        if len(weights) > 1:
            raise RefusedError("InvalidParameterValueException: one additional version at most")
        if version in weights:
            raise RefusedError(
                "InvalidParameterValueException: the weight names the alias's version"
            )
        for name in (version, *weights):
            if name not in self.published:
                raise RefusedError(f"ResourceNotFoundException: version {name}")
        if any(not 0.0 <= weight <= 1.0 for weight in weights.values()):
            raise RefusedError("InvalidParameterValueException: a weight lies in [0, 1]")
        self.state = AliasState(
            version=version, weights=dict(weights), revision_id=str(int(revision_id) + 1)
        )
        self.history.append(self.state)

    def delete(self, version: str) -> None:
        """Delete a version, as DeleteFunction does."""
        if version == self.state.version or version in self.state.weights:
            raise RefusedError("ResourceConflictException: an alias names the version")
        self.published.discard(version)


class MemoryWorld:
    """All of it in memory, and strict."""

    def __init__(self, *, version: str = "1") -> None:
        self.alias = StrictAlias(
            state=AliasState(version=version, weights={}, revision_id="1"), published={version}
        )
        self.desired: Release | None = None
        self.alarms: dict[str, AlarmState] = {}
        self.command: Command | None = None
        self.verification: Verification | None = None
        self.broken: set[str] = set()
        self.is_out = False
        self.verified = {version}
        self.verdict: Verdict | None = verdict(Outcome.INCONCLUSIVE)
        self.counts: tuple[Counts, ...] = ()
        self.dark: tuple[str, ...] = ()
        self.provisioned: set[str] = set()
        self.shadow = ""
        self.notified = 0
        self.notices: list[Notify] = []
        self.records: dict[int, DecisionRecord] = {}
        self.stored = Rollout(model="m")
        self.generations: list[int] = []
        self.refusals: list[str] = []
        self.approver = "auditor"
        self.hidden = False

    def observe(self) -> Observation:
        """Read everything again."""
        return Observation(
            alias=self.alias.state,
            desired=self.desired,
            published=tuple(sorted(self.alias.published, key=int)),
            alarms=tuple(self.alarms.values()),
            command=self.command,
            verification=self.verification,
            counts=self.counts,
            verdict=self.verdict,
            dark=self.dark,
            ready=tuple(self.provisioned),
            provisioned=tuple(self.provisioned),
            shadow=self.shadow,
            approver=self.approver,
            notified_generation=self.notified,
        )

    def load(self) -> Rollout:
        """Read the status."""
        return self.stored

    def save(self, rollout: Rollout, *, expected_generation: int) -> None:
        """Write the status, as a conditional put does."""
        if self.load().generation != expected_generation:
            raise RefusedError("ConditionalCheckFailedException: somebody else decided")
        self.stored = decode(Rollout, encode(rollout))
        assert self.stored == rollout, "storage is not exact"
        self.generations.append(rollout.generation)

    def apply(self, action: Action) -> None:  # noqa: C901, PLR0912 - one case for each action
        """Do it."""
        match action:
            case SetShare(version=version, weights=weights, revision_id=revision_id):
                self.alias.update(version, weights, revision_id)
            case Verify(version=version):
                self._verify(version)
            case SetShadow(version=version):
                self.shadow = version
            case RequestProvisionedConcurrency(version=version):
                self.provisioned.add(version)
            case ReleaseProvisionedConcurrency(version=version):
                self.provisioned.discard(version)
            case PruneVersions(versions=versions):
                for version in versions:
                    self.alias.delete(version)
            case Notify():
                self.notices.append(action)
                self.notified = max(self.notified, action.generation)
            case _:
                pass

    def _verify(self, version: str) -> None:
        is_good = version not in self.broken
        state = VerificationState.PASSED if is_good else VerificationState.FAILED
        if self.is_out and self.stored.stable:
            state = VerificationState.OUTAGE
        elif is_good:
            self.verified.add(version)
        self.verification = Verification(version=version, state=state, reason="golden case 1")


def tick(world: MemoryWorld, now: datetime, *, crash_after: int | None = None) -> None:
    """Run the controller once; it dies after `crash_after` of its writes.

    Raises:
        Crash: It died.
    """
    writes = 0

    def write() -> None:
        nonlocal writes
        if crash_after is not None and writes >= crash_after:
            raise Crash
        writes += 1

    record = decide(world.load(), world.observe(), now)
    if record.after.generation != record.before.generation:
        write()
        world.records[record.after.generation] = record
    try:
        if record.after != record.before:
            write()
            world.save(record.after, expected_generation=record.before.generation)
        for action in record.actions:
            if not isinstance(action, RecordDecision):
                write()
                world.apply(action)
    except RefusedError as refusal:
        world.refusals.append(str(refusal))


def settle(world: MemoryWorld, now: datetime, *, ticks: int = 8) -> None:
    """Let the controller run until it changes nothing more."""
    for _ in range(ticks):
        before = _everything(world)
        tick(world, now)
        if before == _everything(world):
            return


def _everything(world: MemoryWorld) -> tuple[object, ...]:
    return (
        world.load(),
        world.alias.state,
        world.verification,
        world.shadow,
        frozenset(world.provisioned),
        world.notified,
    )


def verdict(outcome: Outcome, *, reason: str = "as told") -> Verdict:
    """Return a verdict of that outcome."""
    return Verdict(
        outcome=outcome,
        reasons=(reason,),
        cause="error" if outcome is Outcome.ROLL_BACK else "",
        log_evidence=0.5 if outcome is Outcome.ROLL_BACK else -1.0,
        candidate_requests=1000,
    )


def later(seconds: float) -> datetime:
    """Return the instant that many seconds after the beginning."""
    return EPOCH + timedelta(seconds=seconds)


def renamed(alarm: AlarmState, *, is_red: bool) -> AlarmState:
    """Return the alarm in another state."""
    return replace(alarm, is_red=is_red)
