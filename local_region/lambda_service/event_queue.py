"""Asynchronous invocations: queued, retried on the clock, handed over when every attempt failed.

Source: docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html, read 2026-11-22:
a function error is tried twice more, after one and then two minutes; throttling for up to six
hours, from one second apart to five minutes.
"""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from falaj.domain.clock import Clock
from local_region.background import begin, begin_repeating
from local_region.lambda_service.control_plane import ControlPlane
from local_region.lambda_service.invocation import Call, Invoker
from local_region.lambda_service.refusals import LambdaApiError, TooManyRequestsError
from local_region.lambda_service.values import EventFailure, EventInvokeConfig, InvokeResult

RETRY_DELAYS_S: Final = (60, 120)
THROTTLE_DELAY_S: Final = 1
LONGEST_THROTTLE_DELAY_S: Final = 300
_POLL_INTERVAL_S: Final = 0.1


@dataclass(slots=True, kw_only=True)
class _Event:
    call: Call
    since: datetime
    attempts: int = 0
    throttles: int = 0
    last: InvokeResult | None = None


class EventQueue:
    """The queue in front of asynchronous invocations.

    Args:
        plane: Says how often a function's events are retried.
        invoker: Runs them.
        clock: Says when a retry is due.
        on_failure: Gets events that no attempt processed.
    """

    def __init__(
        self,
        plane: ControlPlane,
        invoker: Invoker,
        *,
        clock: Clock,
        on_failure: Callable[[EventFailure], None] | None,
    ) -> None:
        self._plane, self._invoker, self._clock = plane, invoker, clock
        self._on_failure = on_failure or (lambda _: None)
        self._waiting: list[tuple[datetime, int, _Event]] = []
        self._order = itertools.count()
        self._running: set[asyncio.Task[None]] = set()
        self._poll: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for due events now and then; `release_due` does it at once."""
        self._poll = begin_repeating(self._look, every_s=_POLL_INTERVAL_S)

    async def close(self) -> None:
        """Drop what waits; what runs is cancelled."""
        tasks = [*self._running, *([self._poll] if self._poll else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()

    def put(self, call: Call) -> None:
        """Queue an event; its first attempt is due at once."""
        self._push(_Event(call=call, since=self._clock.now()), timedelta(0))
        self.release_due()

    def release_due(self) -> None:
        """Start every attempt that is due by the clock."""
        now = self._clock.now()
        while self._waiting and self._waiting[0][0] <= now:
            event = heapq.heappop(self._waiting)[2]
            task = begin(self._attempt(event))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Return when nothing runs and nothing is due."""
        self.release_due()
        while self._running:
            await asyncio.wait(self._running)
            self.release_due()

    @property
    def is_drained(self) -> bool:
        """Whether nothing runs and nothing is due."""
        is_due = bool(self._waiting) and self._waiting[0][0] <= self._clock.now()
        return not (self._running or is_due)

    def next_due(self) -> datetime | None:
        """Tell when the next attempt is due; None when nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def waiting(self) -> int:
        """Count events that wait for a retry."""
        return len(self._waiting)

    async def _attempt(self, event: _Event) -> None:
        config = self._config(event)
        if self._clock.now() - event.since > timedelta(seconds=config.maximum_event_age_s):
            self._give_up(event, "EventAgeExceeded")
            return
        try:
            event.last = await self._invoker.run(event.call)
        except TooManyRequestsError:
            delay = min(THROTTLE_DELAY_S * 2**event.throttles, LONGEST_THROTTLE_DELAY_S)
            event.throttles += 1
            self._push(event, timedelta(seconds=delay))
            return
        except LambdaApiError:  # deleted while it waited
            self._give_up(event, "RetriesExhausted")
            return
        event.attempts += 1
        if event.last.function_error is None:
            return
        if event.attempts > config.maximum_retry_attempts:
            self._give_up(event, "RetriesExhausted")
        else:
            self._push(event, timedelta(seconds=RETRY_DELAYS_S[event.attempts - 1]))

    def _config(self, event: _Event) -> EventInvokeConfig:
        with contextlib.suppress(LambdaApiError):
            found = self._plane.event_config(event.call.function, event.call.qualifier)
            if found is not None:
                return found
        return EventInvokeConfig()

    def _push(self, event: _Event, delay: timedelta) -> None:
        heapq.heappush(self._waiting, (self._clock.now() + delay, next(self._order), event))

    def _give_up(
        self, event: _Event, condition: Literal["RetriesExhausted", "EventAgeExceeded"]
    ) -> None:
        self._on_failure(
            EventFailure(
                function_arn=event.call.arn,
                request_id=event.call.request_id,
                payload=event.call.payload,
                condition=condition,
                attempts=event.attempts,
                last=event.last,
                at=self._clock.now(),
            )
        )

    async def _look(self) -> None:
        self.release_due()
