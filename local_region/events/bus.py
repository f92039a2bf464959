"""The default event bus: at least once, in no promised order, late or twice when asked to be."""

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from local_region.events.rules import Event, Rule, Target

Deliver = Callable[[Target, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishaps:
    """What EventBridge may do to an event without breaking its promise.

    Attributes:
        duplicate_share: Share of deliveries that are made twice, in [0, 1].
        delayed_share: Share of deliveries that come late, in [0, 1].
        longest_delay: How late at most.

    Source:
        docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html: AWS services deliver
        events "durable" (at least once); "events may be delivered more than once" or out of order.
    """

    duplicate_share: float = 0.0
    delayed_share: float = 0.0
    longest_delay: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if not (0 <= self.duplicate_share <= 1 and 0 <= self.delayed_share <= 1):
            raise ValueError("shares of duplicated and delayed deliveries lie in [0, 1]")

    def moments(self, now: datetime, rng: random.Random) -> list[datetime]:
        """Choose when an event is delivered: once or twice, now or later."""
        times = 2 if rng.random() < self.duplicate_share else 1
        return [self._moment(now, rng) for _ in range(times)]

    def _moment(self, now: datetime, rng: random.Random) -> datetime:
        if rng.random() >= self.delayed_share:
            return now
        return now + self.longest_delay * rng.random()


@dataclass(order=True, slots=True)
class _Delivery:
    at: datetime
    number: int
    target: Target = field(compare=False)
    payload: bytes = field(compare=False)


class EventBus:
    """Holds rules, matches events and delivers to targets as time goes on.

    Args:
        deliver: Hands a payload to a target; what it raises is the target's affair and must be kept
            by it (a dead-letter queue), never lost here.
        rng: Source of event ids and mishaps.
        mishaps: Duplicates and delays; none by default.
    """

    def __init__(
        self,
        deliver: Deliver,
        rng: random.Random,
        *,
        account: str,
        region: str,
        mishaps: Mishaps | None = None,
    ) -> None:
        self._deliver, self._rng = deliver, rng
        self._account, self._region = account, region
        self._mishaps = mishaps or Mishaps()
        self._rules: dict[str, Rule] = {}
        self._last_fired: dict[str, datetime] = {}
        self._waiting: list[_Delivery] = []
        self._numbers = itertools.count()

    def put_rule(self, rule: Rule, now: datetime) -> None:
        """Create or replace a rule; a schedule first fires one interval from now."""
        self._rules[rule.name] = rule
        self._last_fired.setdefault(rule.name, now)

    def remove_rule(self, name: str) -> None:
        """Forget a rule; one that is not there is no error."""
        self._rules.pop(name, None)
        self._last_fired.pop(name, None)

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules.values()))

    def publish(
        self,
        *,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        now: datetime,
        resources: tuple[str, ...] = (),
    ) -> Event:
        """Accept an event and plan its deliveries; `tick` carries them out."""
        event = self._event(source, detail_type, detail, now, resources)
        for rule in self._rules.values():
            if rule.matches(event):
                self._plan(rule, event, now)
        return event

    async def tick(self, now: datetime) -> int:
        """Fire the schedules that are due and make every delivery whose moment has come.

        Returns:
            How many deliveries were made.
        """
        for rule in list(self._rules.values()):
            self._fire_if_due(rule, now)
        made = 0
        while self._waiting and self._waiting[0].at <= now:
            delivery = heapq.heappop(self._waiting)
            await self._deliver(delivery.target, delivery.payload)
            made += 1
        return made

    def next_due(self) -> datetime | None:
        """Tell when the next delivery or schedule comes; None when nothing is planned."""
        moments = [self._waiting[0].at] if self._waiting else []
        moments += [
            self._last_fired[rule.name] + rule.every
            for rule in self._rules.values()
            if rule.every is not None and rule.is_enabled
        ]
        return min(moments, default=None)

    def _fire_if_due(self, rule: Rule, now: datetime) -> None:
        if rule.every is None or not rule.is_enabled:
            return
        last = self._last_fired[rule.name]
        if now - last < rule.every:
            return
        missed = (now - last) // rule.every
        self._last_fired[rule.name] = last + missed * rule.every
        event = self._event("aws.events", "Scheduled Event", {}, now, (rule.arn,))
        self._plan(rule, event, now)

    def _plan(self, rule: Rule, event: Event, now: datetime) -> None:
        for target in rule.targets:
            payload = target.payload(event)
            for moment in self._mishaps.moments(now, self._rng):
                delivery = _Delivery(moment, next(self._numbers), target, payload)
                heapq.heappush(self._waiting, delivery)

    def _event(
        self,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        now: datetime,
        resources: tuple[str, ...],
    ) -> Event:
        return {
            "version": "0",
            "id": str(UUID(int=self._rng.getrandbits(128), version=4)),
            "detail-type": detail_type,
            "source": source,
            "account": self._account,
            "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": list(resources),
            "detail": detail,
        }
