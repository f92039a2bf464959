"""A GPU service in miniature: two releases in two fleets, harm planted on one of them.

What replicas publish goes through their own ledger, what stands before them through the breaker
itself; the balancer's metrics are put by AWS's documented dimensions.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/
    load-balancer-cloudwatch-metrics.html.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from falaj.config.breaker import BreakerSettings
from falaj.container.gpu_meter import utilisation_line
from falaj.container.ledger import Ledger
from falaj.entrypoints.breaker import Breaker
from falaj.entrypoints.breaker_events import Answered
from falaj.telemetry.outcome import Ending, Outcome
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.board import AlarmBoard, StateChange
from local_region.cloudwatch.emf import published
from local_region.cloudwatch.metrics import MetricId, MetricStore

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP_S: Final = 10
REQUESTS_PER_STEP: Final = 100
"""10 requests a second, as in the world of functions."""
SOUND_S: Final = 0.02
BUSY_PERCENT: Final = 50
BALANCER: Final = "AWS/ApplicationELB"
OTHER: Final = "the-release-before"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuServed:
    """A service whose new release has a share.

    Attributes:
        model: The model.
        release: What the new replicas call themselves.
        balancer: Full name of the load balancer.
        fleets: Full names of REST's target groups.
        share: Of the requests, in (0, 1].
        bake_s: How long that share is watched.
        timeout_s: After how long a request is given up.
    """

    model: str
    release: str
    balancer: str
    fleets: tuple[str, ...]
    share: float
    bake_s: int
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHarm:
    """Something that goes wrong in a replica, or around it.

    Attributes:
        says: What, in words.
        answers: How requests end.
        crashes: Whether connections are refused.
        hangs: Whether requests take the whole timeout.
        queue_ms: How long they wait before.
        nobody_asks: Whether there are no requests at all.
    """

    says: str
    answers: Ending = Ending.OK
    crashes: bool = False
    hangs: bool = False
    queue_ms: float = 0.1
    nobody_asks: bool = False


NONE: Final = GpuHarm(says="nothing")
RELEASE_HARMS: Final = (
    GpuHarm(says="every answer is a 5xx", answers=Ending.ERROR),
    GpuHarm(says="every output is NaN", answers=Ending.INVALID_OUTPUT),
    GpuHarm(says="its replicas crash", crashes=True),
    GpuHarm(says="its requests take the whole timeout", hangs=True),
    GpuHarm(says="its requests wait in the queue", queue_ms=60_000.0),
)
STABLE_HARMS: Final = RELEASE_HARMS[:2]
"""What the release before can tell of itself; slowness and silence AWS ascribes to no release."""
IDLE: Final = GpuHarm(says="nobody asks", nobody_asks=True)


class GpuWorld:
    """Plants requests and harm, and notes when each alarm turns red.

    Args:
        alarms: Who looks on.
        served: The service.
        new_fleet: Index of the fleet that holds the new release.
    """

    def __init__(self, alarms: Iterable[Alarm], served: GpuServed, *, new_fleet: int = 0) -> None:
        self.store, self.now = MetricStore(), START
        self.red: dict[str, datetime] = {}
        self._served, self._new = served, new_fleet
        self._board = AlarmBoard(self.store, self._note)
        for alarm in alarms:
            self._board.put(alarm, START)
        self._ledgers = {
            release: Ledger(release, self._publish, models=(served.model,))
            for release in (served.release, OTHER)
        }
        self._breaker = Breaker(
            BreakerSettings(model=served.model, endpoint="http://service"),
            ask=lambda _, *, within_s: Answered(200, {"x-waited": str(within_s)}, b""),
            clock=_Hands(self),
            write=self._publish,
        )

    def passes(self, seconds: int, *, new: GpuHarm = NONE, old: GpuHarm = NONE) -> None:
        """Let time pass under some harm."""
        end = self.now + timedelta(seconds=seconds)
        mine = round(REQUESTS_PER_STEP * self._served.share)
        while self.now < end:
            self._serve(self._served.release, self._fleet(is_new=True), mine, new)
            others = REQUESTS_PER_STEP - mine
            # Where one fleet is replaced in place, both releases are in it.
            self._serve(OTHER, self._fleet(is_new=False), others, old)
            if not new.nobody_asks:
                self._breaker(_EVENT | {"rawPath": f"/v2/models/{self._served.model}/infer"})
            self._publish(utilisation_line(self._served.model, BUSY_PERCENT, self.now))
            self.now += timedelta(seconds=STEP_S)
            self._board.evaluate(self.now)

    def _fleet(self, *, is_new: bool) -> str:
        fleets = self._served.fleets
        return fleets[(self._new + (0 if is_new else 1)) % len(fleets)]

    def _serve(self, release: str, fleet: str, requests: int, harm: GpuHarm) -> None:
        requests = 0 if harm.nobody_asks else requests
        ledger = self._ledgers[release]
        outcome = Outcome(ending=harm.answers, operation="infer", model=self._served.model)
        outcome.queue_ns = int(harm.queue_ms * 1e6)
        for _ in range(0 if harm.crashes else requests):
            if harm.answers is Ending.OK:
                ledger.answered(self._served.model, queue_ns=outcome.queue_ns)
            else:
                ledger.failed(outcome, request_id="r", status=500)
        ledger.flush(self.now)
        if not requests:
            return
        took = self._served.timeout_s if harm.hangs else SOUND_S
        self._balance(fleet, "RequestCount", [1.0] * requests)
        if harm.crashes:
            self._balance(fleet, "TargetConnectionErrorCount", [1.0] * requests)
            return
        self._balance(fleet, "TargetResponseTime", [took + harm.queue_ms / 1000] * requests)
        if harm.answers is not Ending.OK:
            self._balance(fleet, "HTTPCode_Target_5XX_Count", [1.0] * requests)

    def _balance(self, fleet: str, name: str, values: list[float]) -> None:
        dimensions = {"TargetGroup": fleet, "LoadBalancer": self._served.balancer}
        self.store.put(MetricId.of(BALANCER, name, dimensions), values, at=self.now)

    def _publish(self, line: str) -> None:
        for item in published(line):
            self.store.put(item.metric, item.values, at=self.now)

    def _note(self, change: StateChange) -> None:
        if change.after is AlarmState.ALARM:
            self.red.setdefault(change.alarm.name, change.at)


class _Hands:
    """A clock that shows the world's time.

    Args:
        world: Whose.
    """

    def __init__(self, world: GpuWorld) -> None:
        self._world = world

    def now(self) -> datetime:
        """Return the world's instant."""
        return self._world.now


_EVENT: Final = {
    "headers": {},
    "requestContext": {"http": {"method": "POST"}, "requestId": "r"},
    "body": "{}",
}
