"""Records of requests that were refused: one for each caller, reason and minute, with a count.

Whoever is refused may ask again at once and as often as he likes, so a record of each would let
anybody fill a trail that nobody may delete. The first refusal of its kind is recorded as it
happens, so is the tenth, the hundredth, …, and what is left when the minute is over: each record
says how many it stands for, and together they are all of them. What a process has counted and not
yet recorded when it is killed is lost; the first of each minute never is.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from falaj.capture.recording import Recording
from falaj.capture.records import AUDIT

CALLERS: Final = 64
"""Kinds told apart in one minute; of those beyond, nobody is named."""
MINUTE: Final = "%Y-%m-%dT%H:%M"


class Refusal(NamedTuple):
    """What a refused request had in common with others.

    Attributes:
        code: Why: the error's code.
        status: What it was answered with: HTTP's number, or gRPC's word.
        operation: What was asked for; empty where no route was looked for.
        model: Of which model; empty for the process's own.
        tenant: Whose token it was; empty where none was believed.
        subject: To whom it was issued; empty as above.
    """

    code: str
    status: int | str
    operation: str = ""
    model: str = ""
    tenant: str = ""
    subject: str = ""


class Refusals:
    """Counts refusals and writes their records.

    Args:
        recording: Names callers by tenants' keys.
        write: Takes each line.
        release: What refuses.
        model: Whose requests it answers.
    """

    def __init__(
        self,
        recording: Recording,
        write: Callable[[str], object],
        *,
        release: str = "",
        model: str = "",
    ) -> None:
        self._recording, self._write = recording, write
        self._release, self._model = release, model
        self._minute = ""
        self._counted: dict[Refusal, _Count] = {}

    @property
    def is_counting(self) -> bool:
        """Whether anything was counted in the minute that was looked at last."""
        return bool(self._counted)

    def note(self, refusal: Refusal, now: datetime) -> None:
        """Count a refusal, and record it if it is the first, tenth, hundredth, … of its kind."""
        self.settle(now)
        count = self._counted.get(refusal)
        if count is None:
            if len(self._counted) >= CALLERS:
                refusal = Refusal(refusal.code, refusal.status)
            count = self._counted.setdefault(refusal, _Count())
        count.all += 1
        if count.all == count.next:
            count.next *= 10
            self._record(refusal, count, now)

    def settle(self, now: datetime, *, is_last: bool = False) -> None:
        """Record what is left of a minute that is over.

        Args:
            now: The time.
            is_last: Whether nothing will be counted any more.
        """
        minute = now.strftime(MINUTE)
        if minute == self._minute and not is_last:
            return
        for refusal, count in self._counted.items():
            if count.all > count.recorded:
                self._record(refusal, count, now)
        self._minute, self._counted = minute, {}

    def _record(self, refusal: Refusal, count: "_Count", now: datetime) -> None:
        new, count.recorded = count.all - count.recorded, count.all
        known: dict[str, Any] = self._recording.named(refusal.tenant, refusal.subject, now)
        line = {
            "level": "WARNING",
            "timestamp": now.isoformat(),
            "message": refusal.operation or "refused",
            "model_name": refusal.model or self._model,
            "release": self._release,
            "status": refusal.status,
            "outcome": refusal.code,
            AUDIT: known | {"count": new},
        }
        self._write(json.dumps(line, separators=(",", ":")) + "\n")


class _Count:
    """How many there were, how many are recorded, and at how many the next record is due."""

    __slots__ = ("all", "next", "recorded")

    def __init__(self) -> None:
        self.all = self.recorded = 0
        self.next = 1
