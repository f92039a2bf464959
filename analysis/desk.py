"""The statistics as the analyst's function is handed them: records in, evidence and reports out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from analysis.choosing import Belief, beliefs_of
from analysis.joining import Joining
from analysis.page import as_page
from analysis.report import Decision, Report, conclude_from
from falaj.experiments.lifecycle import Entry, Event, Evidence, Phase
from falaj.experiments.records import Reading
from falaj.experiments.spec import ExperimentSpec

_DONE: Final = {
    Event.START: "Started",
    Event.WON_HOLD: "Held, because it won",
    Event.LOST_HOLD: "Held, because it lost",
    Event.NO_DIFFERENCE: "Back to the control, because nothing differs",
    Event.INVALID: "Back to the control, because nothing can be read from it",
    Event.LOST_REVERT: "Back to the control, because it lost",
    Event.EXPIRED: "Back to the control, because its time was over",
    Event.REVERT: "Back to the control",
    Event.STOP: "Stopped",
}


def decision_of(entry: Entry) -> Decision:
    """Write a log entry as a reader would say it."""
    arm = entry.arm or "an arm"
    what = _DONE.get(entry.event, entry.event.value)
    if entry.coverage is not None:
        what = f"Grew to {100 * entry.coverage:.4g} % of all subjects"
    if entry.phase is Phase.PROMOTED:
        what = f"Promoted {arm}"
    if entry.actor:
        what = f"{what}, by {entry.actor}"
    return Decision(at=entry.at, what=what, why=entry.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found.

    Attributes:
        report: All of it.
    """

    report: Report

    @property
    def evidence(self) -> Evidence:
        """What `falaj.experiments.lifecycle.advance` needs to know."""
        return self.report.evidence

    @property
    def beliefs(self) -> Sequence[Belief]:
        """What is believed of each arm's success metric, control first."""
        return beliefs_of(self.report.spec, self.report.findings.moments)

    def document(self, decisions: Sequence[Entry]) -> Mapping[str, Any]:
        """Write the report as JSON values, with what was decided."""
        return self._with(decisions).to_dict()

    def page(self, decisions: Sequence[Entry]) -> str:
        """Write the report as one HTML page, with what was decided."""
        return as_page(self._with(decisions))

    def _with(self, decisions: Sequence[Entry]) -> Report:
        return replace(self.report, decisions=tuple(map(decision_of, decisions)))


class Desk:
    """Joins, looks and concludes; in bounded memory, however many records there are."""

    def look(
        self,
        spec: ExperimentSpec,
        reading: Reading,
        *,
        now: datetime,
        shares: Mapping[str, float] | None = None,
    ) -> Found:
        """Join, look and conclude.

        Args:
            spec: The declaration.
            reading: Who was shown what, what came of it, and what was kept of that before.
            now: The present.
            shares: A bandit's shares of all subjects now, by arm.
        """
        with Joining(spec, take_up=reading.load) as joining:
            known = joining.known
            joining.add_files(reading.exposures(known), reading.outcomes(known))
            joining.keep(reading.save)
            return Found(report=conclude_from(joining, now=now, shares=shares))
