"""One model, looked at until nothing changes: read, decide, record, save, do, and again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from falaj.aws.desired import Wish
from falaj.aws.rollout_store import Status
from falaj.domain.actions import SetShadow, SetShare
from falaj.domain.clock import Clock
from falaj.domain.decision import DecisionRecord, decide
from falaj.domain.observation import Command, Observation
from falaj.domain.rollout import Phase, Rollout
from falaj.entrypoints.rollout_doing import Doer, Done, Log
from falaj.entrypoints.rollout_memory import DYNAMODB, Memory, Recalled, fresh
from falaj.entrypoints.rollout_seeing import Alarms, Circumstances, observe
from falaj.entrypoints.rollout_world import World
from falaj.errors import ConfigurationError, DependencyError, LostRaceError

PASSES: Final = 24
"""More than the longest chain of decisions that one waking can cause, races included."""
OWED_AT_MOST: Final = 20
"""Records kept in the status while S3 or KMS is dark; beyond it only a rollback is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is read once for a waking, for one model or all of them.

    Attributes:
        wish: What the stack wants.
        alarms: All alarms; None while CloudWatch is dark.
        dark: Dependencies that did not answer.
    """

    wish: Wish | None = None
    alarms: Alarms | None = None
    dark: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a model stands when nothing more is to do.

    Attributes:
        rollout: Its rollout.
        failures: What could not be done now.
    """

    rollout: Rollout
    failures: tuple[DependencyError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passed:
    rollout: Rollout
    has_changed: bool = False
    waiting: tuple[Command, ...] = ()
    failures: tuple[DependencyError, ...] = ()


class Settler:
    """Brings models to rest.

    Args:
        world: What is read and written.
        clock: The time.
        log: Takes keyword arguments and leaves a line.
    """

    def __init__(self, world: World, clock: Clock, log: Log) -> None:
        self._world, self._clock, self._log = world, clock, log
        self._memory = Memory(world)
        self._doer = Doer(world, log)

    def surroundings(self, model: str) -> Surroundings:
        """Read what is read once for a waking about one model; nothing is raised."""
        dark = set()
        wish = None
        try:
            wish = self._world.desired.read(model)
        except DependencyError as error:
            dark.add(error.service)
        except ConfigurationError as error:  # a rollback does not need the wish
            self._log("ERROR", "desired release not read", model=model, error=str(error))
        return Surroundings(wish=wish, alarms=self.alarms(), dark=frozenset(dark))

    def alarms(self) -> Alarms | None:
        """Read all alarms; None while CloudWatch is dark."""
        try:
            return self._world.alarms.read()
        except DependencyError as error:
            self._log("ERROR", "alarms not read", error=str(error))
            return None

    def settle(self, model: str, around: Surroundings) -> Settled:
        """Look, decide and act until nothing changes, a bounded number of times.

        Raises:
            DependencyError: What cannot be done without (Lambda, or any memory of the model) does
                not answer.
            LostRaceError: Others kept writing first.
        """
        passed, race = _Passed(rollout=Rollout(model=model)), None
        set_aside: set[int] = set()
        for _ in range(PASSES):
            try:
                passed = self._pass(model, around, set_aside)
            except LostRaceError as error:
                race = error
                continue
            race = None
            if passed.has_changed:
                continue
            if len(passed.waiting) < 2:  # noqa: PLR2004 - a command and one behind it
                break
            # It waits for something (a promotion for its golden cases); the next need not.
            set_aside.add(passed.waiting[0].serial)
        if race is not None:
            raise race
        return Settled(rollout=passed.rollout, failures=passed.failures)

    def remembered(self) -> Mapping[str, Status]:
        """Return what this process knows without asking anybody."""
        return self._memory.known

    def recall(self, model: str) -> Recalled:
        """Return the status without deciding anything."""
        return self._memory.recall(model)

    def _pass(self, model: str, around: Surroundings, set_aside: set[int]) -> _Passed:
        now = self._clock.now()
        recalled = self._memory.recall(model)
        status = recalled.status
        function = around.wish.function if around.wish else status.function
        if not function:
            return _Passed(rollout=status.rollout)
        if status.function and status.function != function:
            status = replace(status, rollout=fresh(status.rollout), verification=None, shadow="")
        waiting = tuple(
            command
            for command in status.commands
            if command.serial > status.rollout.command_serial and command.serial not in set_aside
        )
        seen = observe(
            self._world,
            Circumstances(
                status=status,
                function=function,
                wish=around.wish,
                alarms=around.alarms,
                dark=around.dark | recalled.dark,
                command=waiting[0] if waiting else None,
            ),
            now,
        )
        if DYNAMODB in recalled.dark:
            return self._retreat_only(replace(recalled, status=status), seen, function, now)
        record, owed = self._recorded(decide(status.rollout, seen, now), len(status.owed))
        if record is None:
            return _Passed(rollout=status.rollout)
        if record.after != record.before or function != status.function:
            answered = tuple(
                command.serial
                for command in status.commands
                if command.serial <= record.after.command_serial
            )
            self._world.store.save(
                record.after,
                expected_generation=recalled.status.stored_generation,
                function=function,
                owed=owed,
                answered=answered,
                left_behind=recalled.status if status is not recalled.status else None,
            )
        done = self._done(record, replace(recalled, status=status), function, now)
        still = tuple(c for c in waiting if c.serial > record.after.command_serial)
        return _Passed(
            rollout=record.after,
            has_changed=has_decided(record) or done.has_moved,
            waiting=still,
            failures=done.failures,
        )

    def _recorded(
        self, record: DecisionRecord, owed: int
    ) -> tuple[DecisionRecord | None, bytes | None]:
        """Write the record; what cannot be written is owed, and decided on as such."""
        if not has_decided(record):
            return record, None
        dark: set[str] = set(record.observation.dark)
        if not dark & {"s3", "kms"}:
            try:
                self._write(record)
            except DependencyError as error:
                dark.add(error.service)
                seen = replace(record.observation, dark=tuple(sorted(dark)))
                record = decide(record.before, seen, record.now)
                self._log("ERROR", "a decision could not be recorded yet", error=str(error))
            else:
                return record, None
        if not has_decided(record):
            return record, None
        if owed >= OWED_AT_MOST and not is_retreat(record):
            return None, None
        return record, record.to_json().encode()

    def _write(self, record: DecisionRecord) -> None:
        generation = record.after.generation
        self._world.records.write(record.after.model, generation, record.to_json().encode())

    def _retreat_only(
        self, recalled: Recalled, seen: Observation, function: str, now: datetime
    ) -> _Passed:
        """Without DynamoDB only a way back is taken: it is recorded in S3, and saved later."""
        status = recalled.status
        record = decide(status.rollout, seen, now)
        if not is_retreat(record):
            return _Passed(rollout=status.rollout)
        failures = []
        if has_decided(record):
            try:
                self._write(record)
            except DependencyError as error:
                failures.append(error)
            after = replace(status, rollout=record.after, function=function)
            self._memory.remember(after, unsaved=record)
        way_back = tuple(
            action for action in record.actions if isinstance(action, SetShare | SetShadow)
        )
        done = self._done(replace(record, actions=way_back), recalled, function, now)
        return _Passed(
            rollout=record.after,
            has_changed=done.has_moved,
            failures=(*failures, *done.failures),
        )

    def _done(
        self, record: DecisionRecord, recalled: Recalled, function: str, now: datetime
    ) -> Done:
        if has_decided(record):
            entry = record.after.log[-1]
            self._log(
                "INFO",
                f"{entry.event}: {entry.reason}",
                model=record.after.model,
                release=record.after.candidate,
                generation=record.after.generation,
                phase=record.after.phase.value,
                cause=entry.cause,
                actor=entry.actor,
            )
        return self._doer.do(
            record.actions,
            status=recalled.status,
            rollout=record.after,
            function=function,
            now=now,
        )


def has_decided(record: DecisionRecord) -> bool:
    """Whether the tick decided something, and not merely looked."""
    return record.after.generation != record.before.generation


def is_retreat(record: DecisionRecord) -> bool:
    """Whether all traffic is, or goes, back on stable."""
    return record.after.phase is Phase.ROLLED_BACK
