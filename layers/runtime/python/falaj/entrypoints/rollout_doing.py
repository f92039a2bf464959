"""What was decided, done; each action may be done twice without harm."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from falaj.aws.rollout_store import Status
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
from falaj.domain.plan import Release
from falaj.domain.proof import DECIDED, Proof, Shown, is_due, judge
from falaj.domain.rollout import Rollout
from falaj.domain.shadow import ShadowOrder
from falaj.entrypoints.rollout_world import World
from falaj.errors import DependencyError

GIVE_UP_AFTER: Final = timedelta(hours=1)
"""How long a webhook that takes nothing is tried: a receiver that is gone is not told for ever."""

Log = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a tick's actions.

    Attributes:
        has_moved: Whether something changed that is worth another look at once.
        failures: What could not be done; it is asked for again on the next tick.
    """

    has_moved: bool = False
    failures: tuple[DependencyError, ...] = ()


class Doer:
    """Does actions in order; one that fails does not stop the next.

    Args:
        world: What is acted upon.
        log: Takes keyword arguments and leaves a line.
    """

    def __init__(self, world: World, log: Log) -> None:
        self._world, self._log = world, log

    def do(
        self,
        actions: tuple[Action, ...],
        *,
        status: Status,
        rollout: Rollout,
        function: str,
        now: datetime,
    ) -> Done:
        """Do everything that was asked for.

        Args:
            actions: From `decide`, in order.
            status: What is stored, with what people were told so far.
            rollout: The rollout after the decision.
            function: The model's function.
            now: The controller's clock.

        Raises:
            LostRaceError: The alias was moved by somebody else; look again.
        """
        has_moved, failures = False, []
        for action in actions:
            try:
                has_moved |= self._one(action, status, rollout, function, now)
            except DependencyError as error:
                failures.append(error)
        notices = [action for action in actions if isinstance(action, Notify)]
        if notices:
            failures += self._tell(notices, status, rollout, now)
        return Done(has_moved=has_moved, failures=tuple(failures))

    def _one(  # noqa: C901 - one case for each action
        self, action: Action, status: Status, rollout: Rollout, function: str, now: datetime
    ) -> bool:
        world = self._world
        match action:
            case SetShare():
                world.alias.set(function, action)
                return True
            case Verify():
                return self._verify(status, rollout, function, now)
            case SetShadow():
                self._shadow(rollout.model, action)
                return True
            case RequestProvisionedConcurrency(version=version, count=count):
                self._warm(function, version, count)
            case ReleaseProvisionedConcurrency(version=version):
                world.warmth.release(function, version)
            case PruneVersions(versions=versions):
                world.versions.delete(function, versions)
            case PublishEvidence(log_evidence=value):
                world.metrics.publish_evidence(
                    model=rollout.model, release=rollout.candidate, log_evidence=value, now=now
                )
            case Notify() | RecordDecision():
                pass
        return False

    def _shadow(self, model: str, wanted: SetShadow) -> None:
        """Tell stable's environments first: what is remembered must not run ahead of them."""
        order = None
        if wanted.version:
            order = ShadowOrder(stable=wanted.stable, candidate=wanted.version, share=wanted.share)
        self._world.shadows.write(model, order)
        self._world.store.put_shadow(model, wanted.version, wanted.share)

    def _verify(self, status: Status, rollout: Rollout, function: str, now: datetime) -> bool:
        """Run the golden cases if it is time, and keep what they show; say whether that decides."""
        known, release = status.verification, rollout.release
        before = known if known and known.version == rollout.candidate else None
        if release is None or not is_due(before, now):
            return False
        proof = self._world.golden.ask(function, release)
        if proof is None:
            return False
        control = self._control(rollout, release, function) if proof.is_comparable else None
        result = judge(proof, control, before, now)
        self._world.store.put_verification(rollout.model, result)
        if result.state in DECIDED:
            return True
        self._log(
            "WARNING",
            "golden cases are asked again",
            model=rollout.model,
            release=rollout.candidate,
            state=result.state.value,
            attempts=result.attempts,
            error=proof.fault,
            stable=control.fault if control else "",
        )
        return False

    def _control(self, rollout: Rollout, release: Release, function: str) -> Proof | None:
        """Ask stable its own golden cases; None where there is no stable."""
        if not rollout.stable:
            return None
        stable = replace(release, version=rollout.stable, digest="")
        return self._world.golden.ask(function, stable) or Proof(
            version=rollout.stable, shown=Shown.SILENT, fault="Lambda cannot run it just now"
        )

    def _warm(self, function: str, version: str, count: int) -> None:
        if version not in self._world.warmth.read(function).pending:
            self._world.warmth.request(function, version, count)

    def _tell(
        self, notices: list[Notify], status: Status, rollout: Rollout, now: datetime
    ) -> list[DependencyError]:
        """Tell topic and webhook, each from where it was left."""
        failures: list[DependencyError] = []
        ages = {entry.generation: now - entry.at for entry in rollout.log}

        def announce(notice: Notify) -> None:
            self._world.notices.send(rollout.model, notice)

        def deliver(notice: Notify) -> None:
            if not self._world.webhook.is_set:
                return
            try:
                self._world.webhook.send(_document(rollout, notice), now=now)
            except DependencyError as error:
                if ages.get(notice.generation, timedelta()) < GIVE_UP_AFTER:
                    raise
                self._log(
                    "WARNING", "webhook given up", generation=notice.generation, error=str(error)
                )

        announced = _told(notices, status.announced, announce, failures)
        undelivered: list[DependencyError] = []
        delivered = _told(notices, status.delivered, deliver, undelivered)
        for error in undelivered:  # the receiver's affair: tried again each minute, no failure here
            self._log("WARNING", "webhook", model=rollout.model, error=str(error))
        try:
            self._world.store.mark_notified(rollout.model, announced=announced, delivered=delivered)
        except DependencyError as error:
            failures.append(error)
        return failures


def _told(
    notices: list[Notify],
    since: int,
    tell: Callable[[Notify], None],
    failures: list[DependencyError],
) -> int:
    """Tell in order until one fails; return the last generation that was told."""
    last = since
    for notice in notices:
        if notice.generation <= since:
            continue
        try:
            tell(notice)
        except DependencyError as error:
            failures.append(error)
            break
        last = notice.generation
    return last


def _document(rollout: Rollout, notice: Notify) -> dict[str, Any]:
    return {
        "model": rollout.model,
        "release": rollout.candidate,
        "phase": rollout.phase.value,
        "share": rollout.share,
        "generation": notice.generation,
        "page": notice.is_page,
        "text": notice.text,
    }
