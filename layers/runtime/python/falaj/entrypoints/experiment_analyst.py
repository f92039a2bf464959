"""The experiment analyst's Lambda handler: rounds on a schedule, and what people ask in between.

The statistics are handed in by `functions/experiment_analyst/handler.py`: this package does not
import them, so no request can.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from falaj.config.analyst import AnalystSettings
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.analyst_tending import Tender, rendered, status
from falaj.entrypoints.analyst_world import Analysis, AnalystWorld, open_world
from falaj.entrypoints.lambda_time import time_left
from falaj.errors import AnalystError, FalajError
from falaj.experiments.lifecycle import FINAL, ExperimentState, Phase
from falaj.experiments.orders import Form, Order, Query, ReportQuery, read_asked
from falaj.telemetry.service_log import ServiceLog

ROUND_S: Final = 300
"""Between two rounds."""
RESERVE_MS: Final = 60_000
"""Time kept back before Lambda's timeout: no experiment is begun that could not be finished."""


class ExperimentAnalyst:
    """Handles the events of the analyst's function.

    Args:
        world: What is read and written.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        world: AnalystWorld,
        *,
        clock: Clock | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._world = world
        self._clock = clock or SystemClock()
        self._log = ServiceLog("experiment-analyst", self._clock, write or sys.stdout.write)
        self._tender = Tender(world, self._clock, self._log)

    def __call__(self, event: object, context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer one event.

        Returns:
            `{"status": …}` for an order or a query of one experiment, `{"experiments": […]}` for a
            query of several, `{"report": …}` for a report, and otherwise the phase of each
            experiment that was looked after.

        Raises:
            RequestError: An order or question that cannot be obeyed as it stands.
            AnalystError: Something could not be looked after; Lambda tries again.
        """
        match read_asked(event):
            case Order() as order:
                return {"status": self._status(self._tender.obey(order))}
            case Query() as query:
                return self._told(query)
            case ReportQuery() as query:
                return self._reported(query)
            case _:
                return {"experiments": self._round(time_left(context, reserve_ms=RESERVE_MS))}

    def _told(self, query: Query) -> dict[str, Any]:
        if query.experiment:
            state = self._tender.find(query.model, query.experiment)
            return {"status": self._status(state)}
        states = self._world.store.list(query.model or None)
        return {"experiments": [self._status(state) for state in states]}

    def _reported(self, query: ReportQuery) -> dict[str, Any]:
        """Give the last report; make one when there is none, or when a fresh one is wanted."""
        state = self._tender.find(query.model, query.experiment)
        kept = None
        if not query.is_fresh or state.phase is Phase.DRAFT:
            kept = self._world.reports.read(query.model, query.experiment, query.form.value)
        if kept is None:
            found = self._tender.look(state)
            self._tender.publish(state, found)
            document, page = rendered(found, state.log)
            kept = page if query.form is Form.HTML else document
        return {"report": kept if query.form is Form.HTML else json.loads(kept)}

    def _round(self, has_time: Callable[[], bool]) -> dict[str, str]:
        """Look after everything that runs or still owes something; one failure stops no other."""
        phases, failures = dict[str, str](), dict[str, str]()
        for state in self._in_turn(self._world.store.list()):
            name = f"{state.spec.model}/{state.spec.name}"
            if state.phase in FINAL and not state.owed:
                continue
            if not has_time():
                failures[name] = "no time was left for it"
                continue
            try:
                phases[name] = self._tender.round(state).phase.value
            except FalajError as error:
                failures[name] = str(error)
                self._log("ERROR", f"{name}: {error}", code=error.code)
        if failures:
            raise AnalystError(failures)
        return phases

    def _in_turn(self, states: Sequence[ExperimentState]) -> Sequence[ExperimentState]:
        """Begin each round with another experiment: where time runs out, all get their turn."""
        if not states:
            return states
        first = int(self._clock.now().timestamp() // ROUND_S) % len(states)
        return (*states[first:], *states[:first])

    def _status(self, state: ExperimentState) -> dict[str, Any]:
        return status(state, self._clock.now())


def make_handler(
    analysis: Analysis, environment: Mapping[str, str] | None = None
) -> ExperimentAnalyst:
    """Make the function's handler, while Lambda initialises the environment.

    Args:
        analysis: The statistics.
        environment: What to read instead of the process's own.

    Raises:
        ConfigurationError: The environment lacks something; with every fault.
    """
    settings = AnalystSettings.from_env(environment)
    return ExperimentAnalyst(open_world(settings, analysis))
