"""Alarms, events and time: what makes a region act without being asked.

Metrics reach the store, alarms are evaluated when due, their changes become events and
notifications, rules hand events to functions. `tick` does one step of all that at whatever the
clock says, so a rehearsal's clock may leap.
"""

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from falaj.domain.clock import Clock
from local_region.backends.moto_backends import MotoBackends
from local_region.background import begin_repeating
from local_region.cloudwatch.board import StateChange
from local_region.cloudwatch.notices import (
    DETAIL_TYPE as ALARM_CHANGE,
    SOURCE as CLOUDWATCH,
    alarm_detail,
    alarm_message,
)
from local_region.cloudwatch.service import CloudWatchService
from local_region.collection import Collection, Duration, Rewrite, as_measured, as_published
from local_region.events.bus import EventBus, Mishaps
from local_region.events.delivery import Delivery, UndeliverableError
from local_region.events.failed_events import FailedEvents
from local_region.events.parameter_store import (
    DETAIL_TYPE as PARAMETER_CHANGE,
    SOURCE as SSM,
    ParameterChange,
    ParameterStore,
)
from local_region.events.put_events import PutEvent, PutEvents
from local_region.events.queue_mappings import QueueMappings
from local_region.events.rules import Target
from local_region.lambda_service import LambdaService, LogLine
from local_region.logs.subscriptions import LogSubscriptions
from local_region.progress import (
    AlarmChanged,
    Event,
    EventLost,
    MetricsMalformed,
    ParameterChanged,
)
from local_region.resources.permissions import Permissions

TICK_S: Final = 1.0
SHORTEST_TICK_S: Final = 0.05
KEPT: Final = timedelta(hours=3)
"""How long metric values are kept: the guard looks back an hour, an alarm at most as long."""


def passes(_: LogLine) -> bool:
    """Let a line pass."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How a region sees its functions; a rehearsal sees them in virtual time.

    Attributes:
        rewrite: What is recorded of a log line's metrics.
        duration: How long an invocation took, in milliseconds.
        mishaps: Duplicates and delays of events.
        is_sequential: Whether a delivery waits for what the one before it set going.
        heed: Told every log line first; one that it takes for itself goes no further.
    """

    rewrite: Rewrite = as_published
    duration: Duration = as_measured
    mishaps: Mishaps | None = None
    is_sequential: bool = False
    heed: Callable[[LogLine], bool] = passes


class ControlLoop:
    """CloudWatch, EventBridge and Parameter Store's events of one region.

    Make it before the functions, whose lines and invocations it collects, and `connect` it after.

    Args:
        clock: Tells the time.
        rng: Source of event ids and mishaps.
        account: Twelve digits.
        region: The region's name.
        aws: Topics and queues.
        progress: Told what happens.
        observation: How functions are seen.
        tick_s: Seconds of the machine between two ticks.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        account: str,
        region: str,
        aws: MotoBackends,
        progress: Callable[[Event], None],
        observation: Observation,
        tick_s: float = TICK_S,
    ) -> None:
        self._tick_s = tick_s
        self._clock, self._aws, self._progress = clock, aws, progress
        self._account, self._region = account, region
        self._is_sequential = observation.is_sequential
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._functions: LambdaService | None = None
        self._delivery: Delivery | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._step = asyncio.Lock()
        self._others: list[Callable[[], Awaitable[None]]] = []
        self.cloudwatch = CloudWatchService(
            region,
            account,
            clock=clock,
            on_change=lambda change: self._in_loop(self._alarm_changed, change),
        )
        self.parameters = ParameterStore(
            region, account, on_change=lambda change: self._in_loop(self._parameter_changed, change)
        )
        self.events = PutEvents(
            region, account, on_event=lambda event: self._in_loop(self._event_put, event)
        )
        self.bus = EventBus(
            self._deliver, rng, account=account, region=region, mishaps=observation.mishaps
        )
        self.failed = FailedEvents(self._lost)
        self.queues = QueueMappings(aws, self._lost)
        mishaps = observation.mishaps or Mishaps()
        self.subscriptions = LogSubscriptions(
            self._invoke,
            on_lost=self._lost,
            rng=random.Random(account),  # noqa: S311 - its own, so that no other choice depends on it
            account=account,
            duplicate_share=mishaps.duplicate_share,
        )
        self.collection = Collection(
            self.cloudwatch.store,
            on_malformed=lambda function, reason: progress(
                MetricsMalformed(function=function, reason=reason)
            ),
            rewrite=observation.rewrite,
            duration=observation.duration,
        )

    def connect(self, functions: LambdaService, permissions: Permissions) -> Self:
        """Take moto's place for alarms and parameters, and find the way to functions."""
        self._functions = functions
        self._delivery = Delivery(
            functions=functions, permissions=permissions, aws=self._aws, on_failure=self._lost
        )
        self.failed.deliver_through(self._delivery)
        self.queues.invoke_through(functions)
        for service in ("cloudwatch", "events", "ssm"):
            self._aws.keep(service)
        self.cloudwatch.install()
        self.parameters.install()
        self.events.install()
        return self

    def join(self, tick: Callable[[], Awaitable[None]]) -> None:
        """Let something else take part in every tick, after the alarms."""
        self._others.append(tick)

    def start(self) -> None:
        """Tick every so often until `close`."""
        self._ticking = begin_repeating(self.tick, every_s=self._tick_s)
        self.queues.start()

    async def close(self) -> None:
        """Stop ticking; what was being delivered is dropped."""
        await self.queues.close()
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking

    async def tick(self) -> int:
        """Do everything that is due by the clock; return how many events were delivered."""
        async with self._step:
            now = self._clock.now()
            if self._functions is not None:
                self._functions.tick()
            self.cloudwatch.evaluate_alarms()
            for tick in self._others:
                await tick()
            self.queues.look()
            delivered = await self.bus.tick(now) + await self.subscriptions.tick()
            self.cloudwatch.store.forget(before=now - KEPT)
            return delivered

    def next_due(self) -> datetime:
        """Tell when a tick can next do something, new requests apart."""
        now = self._clock.now()
        moments = [
            self.cloudwatch.board.next_due(now),
            self.bus.next_due(),
            self.subscriptions.next_due(now),
        ]
        if self._functions is not None:
            moments.append(self._functions.next_due())
        return max(now, min(moment for moment in moments if moment is not None))

    # ----------------------------------------------------------------- private
    async def _deliver(self, target: Target, payload: bytes) -> None:
        if self._delivery is None or self._functions is None:
            return
        await self._delivery.to_target(target, payload)
        if self._is_sequential:
            await self._functions.drain()
            await self.failed.drain()

    async def _invoke(self, function_arn: str, payload: bytes) -> None:
        if self._functions is None:
            return
        await self._functions.invoke(function_arn, None, payload, invocation_type="Event")
        if self._is_sequential:
            await self._functions.drain()
            await self.failed.drain()

    def _in_loop(self, act: Callable[[Any], None], change: object) -> None:
        """Act on the region's loop: boto3 calls arrive on threads of their own."""
        if threading.get_ident() == self._thread:
            act(change)
        else:
            self._loop.call_soon_threadsafe(act, change)

    def _alarm_changed(self, change: StateChange) -> None:
        self._progress(AlarmChanged(change=change))
        self.bus.publish(
            source=CLOUDWATCH,
            detail_type=ALARM_CHANGE,
            detail=alarm_detail(change),
            now=change.at,
            resources=(change.alarm.arn,),
        )
        message = json.dumps(alarm_message(change, account=self._account, region=self._region))
        for arn in change.alarm.actions.get(change.after, ()):
            self._notify(arn, message)

    def _event_put(self, event: PutEvent) -> None:
        self.bus.publish(
            source=event.source,
            detail_type=event.detail_type,
            detail=event.detail,
            now=self._clock.now(),
            resources=event.resources,
        )

    def _notify(self, arn: str, message: str) -> None:
        if self._delivery is None:
            return
        try:
            self._delivery.notify(arn, message)
        except UndeliverableError as error:
            self._lost(arn, error.reason)

    def _parameter_changed(self, change: ParameterChange) -> None:
        self._progress(ParameterChanged(name=change.name, operation=change.operation))
        self.bus.publish(
            source=SSM,
            detail_type=PARAMETER_CHANGE,
            detail=change.detail(),
            now=self._clock.now(),
            resources=(f"arn:aws:ssm:{self._region}:{self._account}:{change.resource()}",),
        )

    def _lost(self, arn: str, reason: str) -> None:
        self._progress(EventLost(target=arn, reason=reason))
