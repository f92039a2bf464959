"""An operator's command, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.exits import Exit
from falaj.domain.codec import encode
from falaj.domain.rollout import Event, LogEntry, Rollout
from falaj.domain.waking import APPROVE


class Answered(StrEnum):
    """What the controller did with a command."""

    OBEYED = "obeyed"
    REFUSED = "refused"
    WAITING = "waiting"

    @property
    def exit(self) -> Exit:
        """The exit status; a command that waits has not been obeyed, and may yet be."""
        ends = {"obeyed": Exit.PASSED, "refused": Exit.REFUSED, "waiting": Exit.INCONCLUSIVE}
        return ends[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an operator wants.

    Attributes:
        model: Of which model.
        verb: One of `Verb`, or `APPROVE`, which moves nothing and is no decision.
        version: The candidate the operator was looking at; a command for another is refused.
        reason: Why; recorded.
        actor: Who; recorded.
        skip_guard: With `promote`: do not wait for the guard.
    """

    model: str
    verb: str
    version: str
    reason: str
    actor: str
    skip_guard: bool = False

    def payload(self) -> dict[str, Any]:
        """Write it as the controller reads it."""
        return {
            "model": self.model,
            "verb": self.verb,
            "version": self.version,
            "reason": self.reason,
            "actor": self.actor,
            "skip_guard": self.skip_guard,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of an order.

    Attributes:
        order: The order.
        answered: What the controller did with it.
        entry: Its decision; None while there is none.
        rollout: The status afterwards.
    """

    order: Order
    answered: Answered
    entry: LogEntry | None
    rollout: Rollout

    @classmethod
    def find(cls, order: Order, *, before: Rollout, after: Rollout) -> "Reply":
        """Find an order's own decision among those made since it was given."""
        entry = next(
            (
                entry
                for entry in after.log
                if entry.generation > before.generation
                and entry.cause == order.verb
                and entry.actor == order.actor
            ),
            None,
        )
        if order.verb == APPROVE:
            answered = Answered.OBEYED
        elif entry is None:
            answered = Answered.WAITING
        else:
            answered = Answered.REFUSED if entry.event is Event.REFUSED else Answered.OBEYED
        return cls(order=order, answered=answered, entry=entry, rollout=after)

    def document(self) -> dict[str, Any]:
        """Write it as what `--json` prints."""
        return {
            "answered": self.answered.value,
            "command": self.order.payload(),
            "decision": encode(self.entry),
            "status": encode(self.rollout),
        }

    def sentence(self) -> str:
        """Say what happened."""
        if self.order.verb == APPROVE:
            return f"{self.order.actor} answers for version {self.order.version}"
        if self.entry is None:
            return f"{self.order.verb} is noted and waits: {self.rollout.phase.value}"
        if self.answered is Answered.REFUSED:
            return self.entry.reason
        return f"{self.entry.event.value}: {self.order.model} is {self.entry.phase.value} now"
