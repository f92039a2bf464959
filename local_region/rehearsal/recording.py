"""What a rehearsal remembers of its region, second by second."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from falaj.domain.rollout import Rollout
from local_region.cloudwatch.board import StateChange
from local_region.rehearsal.scenario import Level, Moment, Span

SPAN_S: Final = 10.0


class Recording:
    """Collects what the page draws and the JSON tells."""

    def __init__(self) -> None:
        self.zero: datetime | None = None
        self.timeline: list[Moment] = []
        self.levels: list[Level] = []
        self.unanswered = 0
        self.cold_starts = 0
        self._spans: dict[int, Span] = {}
        self._generation = 0
        self._share = 0.0

    def release(self, at: datetime, text: str) -> None:
        """Begin to count: the candidate is wanted from now on."""
        self.zero = at
        self.note(at, "release", text)

    def note(self, at: datetime, kind: str, text: str, *, share: float | None = None) -> None:
        """Remember something that happened."""
        self.timeline.append(Moment(at_s=self.seconds(at), kind=kind, text=text, share=share))

    def seconds(self, at: datetime) -> float:
        """Return virtual seconds since the release."""
        return 0.0 if self.zero is None else round((at - self.zero).total_seconds(), 3)

    def answered(self, at: datetime, *, is_candidate: bool, is_bad: bool) -> None:
        """Count a request since the release."""
        if self.zero is None:
            return
        index = int(self.seconds(at) // SPAN_S)
        span = self._spans.setdefault(index, Span(at_s=index * SPAN_S))
        if is_candidate:
            span.candidate += 1
            span.candidate_bad += is_bad
        else:
            span.stable += 1
            span.stable_bad += is_bad

    def alarm(self, change: StateChange) -> None:
        """Remember an alarm that went red, or stopped being so."""
        if self.zero is not None and "ALARM" in {change.before.value, change.after.value}:
            text = f"{change.alarm.name} {change.before.value} → {change.after.value}"
            self.note(change.at, "alarm", text)

    def decided(self, rollout: Rollout, evidence: Callable[[int], float | None]) -> None:
        """Remember each decision once, and the evidence it was made on.

        Args:
            rollout: What the controller says.
            evidence: Tells log₁₀(α·E) of the look that a generation was decided on. The status no
                longer knows it once the rollout is over.
        """
        for entry in rollout.log:
            if entry.generation <= self._generation:
                continue
            cause = f" [{entry.cause}]" if entry.cause not in entry.reason else ""
            self.note(entry.at, "decision", f"{entry.event.value}: {entry.reason}{cause}")
            self._generation = entry.generation
            if (weighed := evidence(entry.generation)) is not None:
                level = Level(
                    at_s=self.seconds(entry.at),
                    share=self._share,
                    log_evidence=round(weighed, 6),
                    phase=entry.phase.value,
                    decision=entry.event.value,
                )
                self.levels.append(level)

    def looked(self, at: datetime, rollout: Rollout) -> None:
        """Remember what the controller says now."""
        verdict = rollout.verdict
        self.levels.append(
            Level(
                at_s=self.seconds(at),
                share=self._share,
                log_evidence=None if verdict is None else round(verdict.log_evidence, 6),
                phase=rollout.phase.value,
            )
        )

    def shared(self, at: datetime, share: float) -> bool:
        """Remember a new share of the candidate; return whether it is its first."""
        if share == self._share:
            return False
        is_first = self._share == 0.0 and not any(m.kind == "share" for m in self.timeline)
        self._share = share
        self.note(at, "share", f"the candidate gets {share:.0%} of requests", share=share)
        return is_first

    def skip_decisions(self, rollout: Rollout) -> None:
        """Leave out what was decided before the release."""
        self._generation = rollout.generation

    @property
    def spans(self) -> tuple[Span, ...]:
        """Requests over time, in order."""
        return tuple(self._spans[index] for index in sorted(self._spans))
