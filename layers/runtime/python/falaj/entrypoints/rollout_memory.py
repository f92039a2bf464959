"""The status a controller works on: from the table, caught up with the records, or remembered.

A decision record is written before the status. So it is also a log to recover from: a record one
generation ahead of the table is a decision that was made, whose writer died before saving it, or
could not save it because DynamoDB was dark. It is taken as it is, never made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from falaj.aws.rollout_store import Status
from falaj.domain.decision import DecisionRecord
from falaj.domain.rollout import Rollout
from falaj.entrypoints.rollout_world import World
from falaj.errors import DependencyError

DYNAMODB: Final = "dynamodb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A status, and which dependencies turned out not to answer while it was read."""

    status: Status
    dark: frozenset[str] = frozenset()


class Memory:
    """Statuses of models, kept so that a rollback needs neither DynamoDB nor SSM.

    Args:
        world: Where they are stored.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Status] = {}
        self._unsaved: dict[str, DecisionRecord] = {}

    @property
    def known(self) -> Mapping[str, Status]:
        """Statuses as they were last seen."""
        return self._known

    def recall(self, model: str) -> Recalled:
        """Return the status to decide on.

        Raises:
            DependencyError: DynamoDB is dark, and neither this process nor S3 knows the model.
            LostRaceError: Another controller is catching up as well.
        """
        try:
            status = self._world.store.load(model)
        except DependencyError as error:
            return Recalled(status=self._remembered(model, error), dark=frozenset({error.service}))
        dark: frozenset[str] = frozenset()
        try:
            status = self._caught_up(status)
            status = self._paid(status)
        except DependencyError as error:
            dark = frozenset({error.service})
        self._known[model] = status
        return Recalled(status=status, dark=dark)

    def remember(self, status: Status, *, unsaved: DecisionRecord | None = None) -> None:
        """Keep what was decided; a decision that could not be saved is saved later."""
        self._known[status.rollout.model] = status
        if unsaved is not None:
            self._unsaved[status.rollout.model] = unsaved

    def _remembered(self, model: str, darkness: DependencyError) -> Status:
        """Return what this process saw last, or what the newest record says."""
        if model in self._known:
            return self._known[model]
        record = self._world.records.read_newest(model)
        if record is None:
            raise darkness
        return Status(rollout=DecisionRecord.from_json(record.decode()).after, is_stored=True)

    def _caught_up(self, status: Status) -> Status:
        if not status.is_stored:
            return self._begun_anew(status)
        status = self._saved_now(status)
        model = status.rollout.model
        while ahead := self._world.records.read(model, status.rollout.generation + 1):
            record = DecisionRecord.from_json(ahead.decode())
            status = self._take(status, record)
        return status

    def _begun_anew(self, status: Status) -> Status:
        """Without a stored status, begin at rest, but with a generation nobody has used."""
        newest = self._world.records.read_newest(status.rollout.model)
        if newest is None:
            return status
        last = DecisionRecord.from_json(newest.decode()).after.generation
        return replace(status, rollout=replace(status.rollout, generation=last))

    def _saved_now(self, status: Status) -> Status:
        """Save the decision of a time when DynamoDB was dark, unless the table has moved on."""
        record = self._unsaved.pop(status.rollout.model, None)
        if record is None or record.before.generation != status.rollout.generation:
            return status
        return self._take(status, record, owed=record.to_json().encode())

    def _take(self, status: Status, record: DecisionRecord, *, owed: bytes | None = None) -> Status:
        self._world.store.save(
            record.after,
            expected_generation=status.stored_generation,
            function=status.function,
            owed=owed,
        )
        return self._world.store.load(record.after.model)

    def _paid(self, status: Status) -> Status:
        """Write the records that are owed, oldest first."""
        model = status.rollout.model
        for generation, record in sorted(status.owed.items()):
            self._world.records.write_late(model, generation, record)
            self._world.store.settle_debt(model, generation)
        return replace(status, owed={})


def fresh(rollout: Rollout) -> Rollout:
    """Return a rollout of a function that has taken another's place: nothing of it holds any more.

    Versions of the new function count from 1 again, as do the serials of a parameter that was
    deleted and made again; only the generation goes on, so that no record is written twice.
    """
    return Rollout(
        model=rollout.model,
        generation=rollout.generation,
        command_serial=rollout.command_serial,
    )
