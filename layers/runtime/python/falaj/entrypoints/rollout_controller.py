"""The rollout controller's Lambda handler: whatever wakes it, it looks at everything again."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from falaj.config.rollout import RolloutSettings
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.codec import encode
from falaj.domain.rollout import Rollout
from falaj.domain.waking import Kind, Waking, read_waking
from falaj.entrypoints.lambda_time import time_left
from falaj.entrypoints.rollout_rounds import Rounds
from falaj.entrypoints.rollout_settling import Settled, Settler
from falaj.entrypoints.rollout_world import World, open_world
from falaj.errors import ControllerError, UnknownModelError
from falaj.telemetry.service_log import ServiceLog

RESERVE_MS: Final = 15_000
"""Time kept back before Lambda's timeout: no model is begun that could not be finished."""


class RolloutController:
    """Handles the events of the controller function.

    Args:
        world: What is read and written.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Clock | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._world = world
        self._clock = clock or SystemClock()
        self._log = ServiceLog("rollout-controller", self._clock, write or sys.stdout.write)
        self._settler = Settler(world, self._clock, self._log)
        self._rounds = Rounds(world, self._settler, self._clock)

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer one event.

        Returns:
            For a command or query `{"status": …}`, the rollout as `falaj.domain.codec` encodes it;
            otherwise the phase of each model that was looked after.

        Raises:
            RequestError: A command or query that cannot be obeyed as it stands.
            ControllerError: Something could not be looked after; Lambda tries again.
        """
        waking = read_waking(event)
        if waking.kind is Kind.QUERY:
            return self._described(self._known(waking.model))
        if waking.kind is Kind.COMMAND:
            return self._commanded(waking)
        if waking.kind is Kind.APPROVAL:
            return self._approved(waking)
        if waking.kind is Kind.CHANGE and waking.model:
            settled = self._settle(waking.model)
            return {"models": {waking.model: settled.rollout.phase.value}}
        return {"models": self._rounds.go(has_time=time_left(context, reserve_ms=RESERVE_MS))}

    def _settle(self, model: str) -> Settled:
        settled = self._settler.settle(model, self._settler.surroundings(model))
        if settled.failures:
            raise ControllerError({model: "; ".join(map(str, settled.failures))})
        return settled

    def _commanded(self, waking: Waking) -> dict[str, Any]:
        """Keep the command first, then obey it: a crash in between loses nothing."""
        command = waking.command
        if command is None:
            raise UnknownModelError(waking.model)
        rollout = self._known(waking.model)
        named = replace(command, version=command.version or rollout.candidate or "0")
        self._world.store.append_command(waking.model, named)
        settled = self._settler.settle(waking.model, self._settler.surroundings(waking.model))
        return self._described(settled.rollout)

    def _approved(self, waking: Waking) -> dict[str, Any]:
        approval = waking.approval
        if approval is None:
            raise UnknownModelError(waking.model)
        version = approval.version or self._known(waking.model).candidate
        self._world.store.put_approval(
            waking.model, version, approval.actor, reason=approval.reason, at=self._clock.now()
        )
        settled = self._settler.settle(waking.model, self._settler.surroundings(waking.model))
        return self._described(settled.rollout)

    def _known(self, model: str) -> Rollout:
        """Return the status of a model that has one, or is about to.

        Raises:
            UnknownModelError: Neither stack nor table know it.
        """
        status = self._settler.recall(model).status
        if not status.is_stored and self._world.desired.read(model) is None:
            raise UnknownModelError(model)
        return status.rollout

    @staticmethod
    def _described(rollout: Rollout) -> dict[str, Any]:
        return {"status": encode(rollout), "outcome": rollout.outcome}


handler: RolloutController


def __getattr__(name: str) -> RolloutController:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = RolloutController(open_world(RolloutSettings.from_env()))
    return made
