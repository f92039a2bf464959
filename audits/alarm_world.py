"""A world in miniature: traffic of two versions, harm planted on purpose, alarms that look on.

What is published goes through the very code that publishes it: the runtime's log line and the
region's reading of it, Lambda's own metrics by AWS's documented dimensions. An alarm that sees
nothing here would see nothing on AWS.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from falaj.contract import (
    ALL_MODELS,
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    DIMENSION_SCOPE,
    LIVE_ALIAS,
    METRIC_HEARTBEAT,
    METRIC_LOG_EVIDENCE,
    METRIC_NAMESPACE,
    METRIC_SHED,
)
from falaj.domain.plan import Plan, PlanKind
from falaj.domain.release import DesiredRelease
from falaj.errors import UntrustedArtefactError
from falaj.telemetry.drift import drift_line
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.refusal import refusal_line
from falaj.telemetry.unplanned import unplanned_line
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.board import AlarmBoard, StateChange
from local_region.cloudwatch.emf import published
from local_region.cloudwatch.function_metrics import Invocation, record
from local_region.cloudwatch.metrics import MetricId, MetricStore

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP_S: Final = 10
REQUESTS_PER_STEP: Final = 100
"""10 requests a second: harm is proven to be seen at this rate, which the report states."""
THROTTLED_PER_STEP: Final = 10
SOUND_MS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model with a candidate beside stable.

    Attributes:
        desired: What the stack wants.
        stable: The version that serves what the candidate does not.
    """

    desired: DesiredRelease
    stable: str

    @property
    def plan(self) -> Plan:
        """How the share grows."""
        return Plan.from_dict(self.desired.plan)

    @property
    def share(self) -> float:
        """The candidate's first share; that of its copies for a shadow."""
        plan = self.plan
        return plan.shadow_share if plan.kind is PlanKind.SHADOW else plan.shares[0]

    @property
    def bake_s(self) -> int:
        """Seconds at that share."""
        return int(self.plan.bake_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What publishes metrics.

    Attributes:
        served: The model; None where the controller alone is looked at.
        queues: Names of the queues.
        watched: Models whose requests are compared with a reference.
    """

    served: Served | None
    queues: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Something that goes wrong.

    Attributes:
        says: What, in words.
        answers: How requests to the harmed version end.
        crashes: Whether its process dies before it can say anything.
        times_out: Whether it hangs until Lambda ends it.
        evidence: What the controller publishes of the candidate.
        throttles: Whether requests are refused for want of concurrency.
        is_silent: Whether the controller is dead.
        dead_letters: Whether messages lie in the queues.
        refuses: Whether an environment finds that its model is not what was published.
        shares: Whether a tenant calls that no usage plan is for.
        waits: Whether tenants of the last priorities wait.
        drifts: Whether what models are asked has shifted.
    """

    says: str
    answers: Ending = Ending.OK
    crashes: bool = False
    times_out: bool = False
    evidence: float = -1.0
    throttles: bool = False
    is_silent: bool = False
    dead_letters: bool = False
    refuses: bool = False
    shares: bool = False
    waits: bool = False
    drifts: bool = False


NONE: Final = Harm(says="nothing")
VERSION_HARMS: Final = (
    Harm(says="every answer is a 5xx", answers=Ending.ERROR),
    Harm(says="every output is NaN", answers=Ending.INVALID_OUTPUT),
    Harm(says="its process crashes", crashes=True),
    Harm(says="its requests time out", crashes=True, times_out=True),
)
"""Harm that one version may do; planted on the candidate, and on stable as the control."""
OTHER_HARMS: Final = (
    Harm(says="the guard has its evidence", evidence=0.5),
    Harm(says="requests are throttled", throttles=True),
    Harm(says="the controller is silent", is_silent=True),
    Harm(says="an event failed three times", dead_letters=True),
    Harm(says="a function refuses its model", refuses=True),
    Harm(says="a tenant calls that no usage plan is for", shares=True),
    Harm(says="a model is short of room, and some wait", waits=True),
    Harm(says="a model is asked what it was not registered with: drift", drifts=True),
)


class _Repeated(MetricStore):
    """Records a call as often as it was made."""

    def __init__(self, store: MetricStore, times: int) -> None:
        super().__init__()
        self._store, self._times = store, times

    def put(self, metric: MetricId, values: Iterable[float], *, at: datetime) -> None:
        """Hand the values on, each many times."""
        self._store.put(metric, [*values] * self._times, at=at)

    def put_all(
        self, measured: Iterable[tuple[MetricId, Iterable[float]]], *, at: datetime
    ) -> None:
        """Record values of several metrics as often as there were requests."""
        for metric, values in measured:
            self.put(metric, values, at=at)


class World:
    """Plants traffic and harm, and notes when each alarm turns red.

    Args:
        alarms: Who looks on.
        surroundings: Who publishes.
        share: The candidate's, in [0, 1].
    """

    def __init__(
        self, alarms: Iterable[Alarm], surroundings: Surroundings, *, share: float = 0.0
    ) -> None:
        self.store = MetricStore()
        self.red: dict[str, datetime] = {}
        self._around, self._share = surroundings, share
        self._board = AlarmBoard(self.store, self._note)
        for alarm in alarms:
            self._board.put(alarm, START)
        self.now = START

    def passes(
        self, seconds: int, *, candidate: Harm = NONE, stable: Harm = NONE, around: Harm = NONE
    ) -> None:
        """Let time pass under some harm."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self._step(candidate, stable, around)
            self.now += timedelta(seconds=STEP_S)
            self._board.evaluate(self.now)

    def shifts(self, share: float) -> None:
        """Give the candidate another share from now on."""
        self._share = share

    def settles(self, seconds: int) -> None:
        """Let healthy time pass, and count as red only what still is at its end."""
        self.passes(seconds)
        self.red = {
            alarm.name: self.now
            for alarm in self._board
            if self._board.state(alarm.name) is AlarmState.ALARM
        }

    def _note(self, change: StateChange) -> None:
        if change.after is AlarmState.ALARM:
            self.red.setdefault(change.alarm.name, change.at)

    def _step(self, candidate: Harm, stable: Harm, around: Harm) -> None:
        served = self._around.served
        if served is not None:
            mine = max(1, round(REQUESTS_PER_STEP * self._share)) if self._share else 0
            self._serve(served, served.desired.release, mine, candidate)
            self._serve(served, served.stable, REQUESTS_PER_STEP - mine, stable)
            if around.throttles:
                self._invoke(served, None, THROTTLED_PER_STEP, is_throttled=True)
        if around.refuses:
            self._refuse_start()
        if around.shares:
            self._publish(unplanned_line("somebody", at=self.now))
        if (self.now - START).seconds % 60 == 0:
            self._controller_ticks(around)

    def _serve(self, served: Served, version: str, requests: int, harm: Harm) -> None:
        if not requests:
            return
        if not harm.crashes:
            self._emit(served, version, requests, harm.answers)
        duration_ms = served.desired.timeout_s * 1000.0 if harm.times_out else SOUND_MS
        self._invoke(served, version, requests, is_error=harm.crashes, duration_ms=duration_ms)

    def _emit(self, served: Served, version: str, requests: int, ending: Ending) -> None:
        """Publish as the runtime does, by its own line."""
        model = served.desired.model
        line = OutcomeLog(model=model, release=version, level="ERROR").line(
            Outcome(ending=ending, operation="infer", model=model),
            at=self.now,
            latency_ns=int(SOUND_MS * 1e6),
            is_cold=False,
            keys={},
        )
        for item in published(line):
            self.store.put(item.metric, item.values * requests, at=self.now)

    def _refuse_start(self) -> None:
        """Publish as a function that does not start, by its own line."""
        error = UntrustedArtefactError(artefact="manifest.json", reason="it is not signed")
        self._publish(refusal_line(error, model="any", release="2", at=self.now))

    def _publish(self, line: str) -> None:
        for item in published(line):
            self.store.put(item.metric, item.values, at=self.now)

    def _invoke(
        self,
        served: Served,
        version: str | None,
        requests: int,
        *,
        is_error: bool = False,
        is_throttled: bool = False,
        duration_ms: float = 0.0,
    ) -> None:
        """Publish as Lambda does, for calls by the alias."""
        call = Invocation(
            function=served.desired.function,
            qualifier=LIVE_ALIAS,
            is_alias=True,
            executed_version=version,
            at=self.now,
            duration_ms=duration_ms,
            is_error=is_error,
            is_throttled=is_throttled,
        )
        record(_Repeated(self.store, requests), call)

    def _controller_ticks(self, harm: Harm) -> None:
        """Publish as the controller does each minute, and SQS of its queues."""
        if not harm.is_silent:
            self._put(METRIC_NAMESPACE, METRIC_HEARTBEAT, {}, 1.0)
            if self._around.served is not None:
                desired = self._around.served.desired
                dimensions = {DIMENSION_MODEL: desired.model, DIMENSION_RELEASE: desired.release}
                self._put(METRIC_NAMESPACE, METRIC_LOG_EVIDENCE, dimensions, harm.evidence)
        if harm.waits:
            self._put(METRIC_NAMESPACE, METRIC_SHED, {DIMENSION_SCOPE: ALL_MODELS}, 1.0)
        for model in self._around.watched:
            drifted = int(harm.drifts)
            self._publish(drift_line(model, drifted=drifted, psi=drifted / 2, at=self.now))
        for queue in self._around.queues:
            waiting = 1.0 if harm.dead_letters else 0.0
            name = "ApproximateNumberOfMessagesVisible"
            self._put("AWS/SQS", name, {"QueueName": queue}, waiting)

    def _put(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        self.store.put(MetricId.of(namespace, name, dimensions), [value], at=self.now)
