"""Subscription filters: lines that match reach a function, in batches, at least once.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html (the event's shape),
    Subscriptions.html (at most two filters of a log group) and
    docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html (the function is invoked
    asynchronously: what it fails on, Lambda tries again), read 2026-11-22.
"""

import base64
import gzip
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from local_region.lambda_service import LambdaApiError, LogLine
from local_region.logs.filter_pattern import FilterPattern

PRINCIPAL: Final = "logs.amazonaws.com"
MOST_OF_A_GROUP: Final = 2
MOST_EVENTS: Final = 500
"""Events of one delivery. AWS promises no number; a batch is bounded by its size there."""

Invoke = Callable[[str, bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription filter of a log group.

    Attributes:
        name: Its name.
        log_group: Name of the log group.
        pattern: Which lines it wants.
        destination_arn: The function that gets them.
    """

    name: str
    log_group: str
    pattern: FilterPattern
    destination_arn: str


class TooManySubscriptionsError(Exception):
    """A log group has as many subscription filters as it may have."""


@dataclass(slots=True)
class _Waiting:
    """What of one log stream waits for one subscription."""

    subscription: Subscription
    stream: str
    events: list[dict[str, Any]] = field(default_factory=list)


class LogSubscriptions:
    """Every subscription filter of a region, and the lines on their way.

    Args:
        invoke: Hands a payload to a function, as an event.
        on_lost: Told, in a sentence, of a delivery that Lambda did not accept.
        rng: Source of event ids and of deliveries made twice.
        account: Twelve digits.
        duplicate_share: Share of deliveries that are made twice, in [0, 1].
    """

    def __init__(
        self,
        invoke: Invoke,
        *,
        on_lost: Callable[[str, str], None],
        rng: random.Random,
        account: str,
        duplicate_share: float = 0.0,
    ) -> None:
        self._invoke, self._on_lost = invoke, on_lost
        self._rng, self._account, self._duplicate_share = rng, account, duplicate_share
        self._groups: dict[str, str] = {}
        self._subscriptions: dict[str, dict[str, Subscription]] = {}
        self._waiting: dict[tuple[str, str, str], _Waiting] = {}

    def set_group(self, function: str, log_group: str | None) -> None:
        """Say into which log group a function writes; None forgets it."""
        if log_group is None:
            self._groups.pop(function, None)
        else:
            self._groups[function] = log_group

    def put(self, subscription: Subscription) -> None:
        """Create or replace a subscription.

        Raises:
            TooManySubscriptionsError: Its log group has two others.
        """
        own = self._subscriptions.setdefault(subscription.log_group, {})
        if subscription.name not in own and len(own) >= MOST_OF_A_GROUP:
            raise TooManySubscriptionsError(
                f"log group {subscription.log_group} has {len(own)} subscription filters, "
                f"and AWS takes {MOST_OF_A_GROUP}"
            )
        own[subscription.name] = subscription

    def remove(self, log_group: str, name: str) -> None:
        """Forget a subscription; one that is not there is no error."""
        self._subscriptions.get(log_group, {}).pop(name, None)

    def take(self, line: LogLine) -> None:
        """Let a line wait for everyone who has subscribed to such lines."""
        self.take_of_group(self._groups.get(line.function, ""), line)

    def take_of_group(self, log_group: str, line: LogLine) -> None:
        """Let a line of a log group wait likewise; that of a container names its log stream."""
        own = self._subscriptions.get(log_group)
        if not own:
            return
        for subscription in own.values():
            if subscription.pattern.matches(line.text):
                self._wait(subscription, line)

    async def tick(self) -> int:
        """Deliver what waits; return how many deliveries were made."""
        waiting, self._waiting = list(self._waiting.values()), {}
        made = 0
        for each in waiting:
            for start in range(0, len(each.events), MOST_EVENTS):
                payload = self._payload(each, each.events[start : start + MOST_EVENTS])
                times = 2 if self._rng.random() < self._duplicate_share else 1
                for _ in range(times):
                    await self._deliver(each.subscription, payload)
                    made += 1
        return made

    def next_due(self, now: datetime) -> datetime | None:
        """Tell when something is to be delivered: now, or nothing is waiting."""
        return now if self._waiting else None

    async def _deliver(self, subscription: Subscription, payload: bytes) -> None:
        try:
            await self._invoke(subscription.destination_arn, payload)
        except LambdaApiError as error:
            self._on_lost(subscription.destination_arn, error.message)

    def _wait(self, subscription: Subscription, line: LogLine) -> None:
        at = line.timestamp
        dated = f"{at:%Y/%m/%d}/[{line.version}]{line.environment}"
        stream = dated if line.version else line.environment
        key = (subscription.log_group, subscription.name, stream)
        waiting = self._waiting.setdefault(key, _Waiting(subscription, stream))
        waiting.events.append(
            {
                "id": f"{self._rng.getrandbits(180):056d}"[:56],
                "timestamp": int(at.timestamp() * 1000),
                "message": line.text,
            }
        )

    def _payload(self, waiting: _Waiting, events: list[dict[str, Any]]) -> bytes:
        value: Mapping[str, Any] = {
            "messageType": "DATA_MESSAGE",
            "owner": self._account,
            "logGroup": waiting.subscription.log_group,
            "logStream": waiting.stream,
            "subscriptionFilters": [waiting.subscription.name],
            "logEvents": events,
        }
        packed = gzip.compress(json.dumps(value).encode(), mtime=0)
        return json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}}).encode()
