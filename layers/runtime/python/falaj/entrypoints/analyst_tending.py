"""One experiment is looked at: what is owed is done, what is known decides, reports are written."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from falaj.aws.experiment_log import Span
from falaj.domain.clock import Clock
from falaj.entrypoints.analyst_doing import (
    ACTOR,
    check_start,
    do,
    ended_at,
    ended_elsewhere,
    tell_split,
)
from falaj.entrypoints.analyst_growing import bandit_shares, check_ranges, grow_bandit
from falaj.entrypoints.analyst_reading import LogReading
from falaj.entrypoints.analyst_world import AnalystWorld, Look
from falaj.errors import (
    ConfigurationError,
    ExperimentRefusedError,
    FalajError,
    LostRaceError,
    UnknownExperimentError,
)
from falaj.experiments.lifecycle import (
    FINAL,
    Command,
    Entry,
    Evidence,
    ExperimentState,
    Phase,
    advance,
)
from falaj.experiments.orders import Order
from falaj.experiments.spec import ExperimentSpec, Unit

_ATTEMPTS: Final = 4
_RUNS: Final = frozenset({Phase.RUNNING, Phase.HELD})

Log = Callable[..., None]


@dataclass(slots=True)
class Tender:
    """Looks after experiments, one at a time.

    Attributes:
        world: What is read and written.
        clock: The time.
        log: Takes level, message and keys.
    """

    world: AnalystWorld
    clock: Clock
    log: Log

    def find(self, model: str, name: str) -> ExperimentState:
        """Return a state.

        Raises:
            UnknownExperimentError: There is none.
            DependencyError: DynamoDB does not answer.
        """
        state = self.world.store.get(model, name)
        if state is None:
            raise UnknownExperimentError(model, name)
        return state

    def look(self, state: ExperimentState) -> Look:
        """Analyse an experiment as it stands now; one that is over, with what came late.

        Raises:
            DependencyError: S3 or SSM does not answer.
        """
        spec, now = state.spec, self.clock.now()
        until = ended_at(state) if state.phase in FINAL else None
        return self.world.analysis.look(
            spec,
            LogReading(
                log=self.world.log,
                checkpoints=self.world.checkpoints,
                model=spec.model,
                experiment=spec.name,
                span=Span(since=state.started_at or now, until=until),
                warn=lambda sentence: self.log("WARNING", sentence, **_named(spec)),
            ),
            now=now,
            shares=bandit_shares(self.world, spec),
        )

    def round(self, state: ExperimentState) -> ExperimentState:
        """Look after one experiment, whoever asks and however often.

        Raises:
            FalajError: Something could not be done; the next round tries again.
        """
        state = self._settle(state)
        if state.phase not in _RUNS:
            return state
        if reason := ended_elsewhere(self.world, state):
            evidence = Evidence(command=Command.STOP, reason=reason, actor=ACTOR)
            return self._decide(state, evidence, None)
        found, now = self.look(state), self.clock.now()
        after = self._decide(state, found.evidence, found)
        if after.phase is Phase.RUNNING and (grown := grow_bandit(self.world, after, found, now)):
            self.log("INFO", "shares grew", **_named(after.spec), shares=grown)
        return after

    def obey(self, order: Order) -> ExperimentState:
        """Do as a person says.

        Raises:
            ExperimentRefusedError: As things stand, it cannot be done.
            FalajError: Something could not be done; the next round tries again.
        """
        if order.command is Command.START:
            return self._started(order)
        state = self._settle(self.find(order.model, order.experiment))
        evidence = Evidence(
            command=order.command,
            reason=order.reason,
            actor=order.actor,
            arm=self._arm(state, order),
            coverage=order.coverage,
        )
        if order.command is Command.GROW:
            return self._grown(state, evidence)
        if order.command is Command.PROMOTE and (reason := self._ended(state)):
            raise ExperimentRefusedError([f"nothing can be promoted: {reason}"])
        found = self._look_if_it_can(state) if state.phase in _RUNS else None
        return self._decide(state, evidence, found)

    def _grown(self, state: ExperimentState, evidence: Evidence) -> ExperimentState:
        if state.phase is Phase.RUNNING:
            try:
                after, _ = advance(state, evidence, self.clock.now())
            except ConfigurationError as error:
                raise ExperimentRefusedError(error.faults) from error
            check_ranges(self.world, after.running_spec)
        return self._decide(state, evidence, None)

    def _ended(self, state: ExperimentState) -> str:
        return ended_elsewhere(self.world, state) if state.phase in _RUNS else ""

    def publish(self, state: ExperimentState, found: Look) -> None:
        """Write the latest report.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        document, page = rendered(found, state.log)
        self.world.reports.write(state.spec.model, state.spec.name, document=document, page=page)

    # ----------------------------------------------------------------- private
    def _started(self, order: Order) -> ExperimentState:
        spec = order.spec
        if spec is None:
            raise AssertionError("a start carries its declaration")
        known = self.world.store.get(spec.model, spec.name)
        if known is not None:
            self._refuse_second_start(known, spec)
            return self._settle(known)
        check_start(self.world, spec)
        evidence = Evidence(command=Command.START, reason=order.reason, actor=order.actor)
        state, _ = advance(ExperimentState(spec=spec), evidence, self.clock.now())
        self.world.store.put(state, expected_generation=None)
        self._tell(state)
        return self._settle(state)

    @staticmethod
    def _refuse_second_start(known: ExperimentState, spec: ExperimentSpec) -> None:
        if known.spec == spec and known.phase is Phase.RUNNING and known.owed:
            return  # the first start was interrupted
        stands = f"experiment {spec.name!r} is {known.phase.value}"
        why = "a name is used once, since it decides who gets which arm"
        raise ExperimentRefusedError([f"{stands}: {why}; start another"])

    def _decide(
        self, state: ExperimentState, evidence: Evidence, found: Look | None
    ) -> ExperimentState:
        """Take one step, keep it, do what it asks for, and report."""
        for _ in range(_ATTEMPTS):
            try:
                after, _ = advance(state, evidence, self.clock.now())
            except ConfigurationError as error:
                raise ExperimentRefusedError(error.faults) from error
            if after is state:
                break
            try:
                self.world.store.put(after, expected_generation=state.generation)
            except LostRaceError:
                state = self.find(state.spec.model, state.spec.name)
                continue
            self._tell(after)
            self._keep_report(after, found)
            after = self._settle(after)
            break
        else:
            raise LostRaceError(what=f"experiment {state.spec.name} of {state.spec.model}")
        if found is not None:
            self.publish(after, found)
        return after

    def _settle(self, state: ExperimentState) -> ExperimentState:
        """Do what is owed, sign what was decided, and say that it is done."""
        if not state.owed:
            return state
        if state.spec.unit is Unit.REQUEST and state.phase is Phase.HELD:
            tell_split(self.world, state)
        for action in state.owed:
            do(self.world, self.clock, state, action)
        for entry in state.log:
            self.world.records.write(
                record_name(state.spec), entry.generation, record(state, entry)
            )
        settled = replace(state, owed=())
        self.world.store.put(settled, expected_generation=state.generation)
        return settled

    def _look_if_it_can(self, state: ExperimentState) -> Look | None:
        """Look before a person's decision; one that cannot be looked at can still be ended."""
        try:
            return self.look(state)
        except FalajError as error:
            self.log("WARNING", f"decided without a look: {error}", **_named(state.spec))
            return None

    def _keep_report(self, state: ExperimentState, found: Look | None) -> None:
        if found is None:
            return
        document, page = rendered(found, state.log)
        spec = state.spec
        self.world.reports.write_decided(
            spec.model, spec.name, state.generation, document=document, page=page
        )

    @staticmethod
    def _arm(state: ExperimentState, order: Order) -> str | None:
        if order.command is not Command.PROMOTE:
            return None
        others = [arm.name for arm in state.spec.arms[1:]]
        if order.arm and order.arm not in others:
            raise ExperimentRefusedError(
                [f"promote which arm? {order.arm!r} is none of {', '.join(others)}"]
            )
        only = others[0] if len(others) == 1 else None
        return order.arm or state.arm or only

    def _tell(self, state: ExperimentState) -> None:
        entry = state.log[-1]
        self.log(
            "INFO",
            f"{entry.event.value}: {entry.reason}",
            **_named(state.spec),
            phase=state.phase.value,
            generation=state.generation,
            actor=entry.actor,
        )


def record(state: ExperimentState, entry: Entry) -> bytes:
    """Write the record of one decision: the same bytes whenever it is written."""
    document = {
        "experiment": state.spec.to_dict(),
        "started_at": state.started_at and state.started_at.isoformat(),
        "decision": entry.to_dict(),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def record_name(spec: ExperimentSpec) -> str:
    """Name the folder of an experiment's decision records."""
    return f"{spec.model}/{spec.name}"


def rendered(found: Look, log: tuple[Entry, ...]) -> tuple[str, str]:
    """Write a report as a JSON document and as a page."""
    document = json.dumps(found.document(log), ensure_ascii=False, separators=(",", ":"))
    return document, found.page(log)


def status(state: ExperimentState, now: datetime) -> dict[str, Any]:
    """Say where an experiment stands, as JSON values."""
    spec = state.spec
    ends_at = state.started_at + spec.max_duration if state.started_at else None
    is_live = state.phase not in FINAL
    return {
        "model": spec.model,
        "experiment": spec.name,
        "phase": state.phase.value,
        "verdict": state.verdict and state.verdict.value,
        "reason": state.reason,
        "arm": state.arm,
        "unit": spec.unit.value,
        "arms": {arm.name: arm.share for arm in spec.arms},
        "coverage": state.coverage,
        "started_at": state.started_at and state.started_at.isoformat(),
        "decided_at": state.decided_at and state.decided_at.isoformat(),
        "ends_at": ends_at.isoformat() if ends_at and is_live else None,
        "age_s": (now - state.started_at).total_seconds() if state.started_at else None,
        "generation": state.generation,
        "owed": [action.value for action in state.owed],
        "log": [entry.to_dict() for entry in state.log],
        "declaration": spec.to_dict(),
    }


def _named(spec: ExperimentSpec) -> dict[str, str]:
    return {"model_name": spec.model, "experiment_id": spec.name}
