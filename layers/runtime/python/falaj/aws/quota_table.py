"""Each tenant's bucket and its requests under way, counted for all environments of all functions.

A request costs one conditional write where a rate is bounded, and two more where concurrency is.
No write asks for a value that another request has just changed, so a busy tenant's requests never
wait for each other: a bucket's writes say "add, unless it is full" and "begin anew, if it is
empty". Either says what stands there if it fails, so what an environment knows of a bucket decides
which comes first, and a full bucket is refused from memory until it has room. Where a call was
needed to see that it is full, others fill it: the environment then leaves it alone until it could
be empty. However many environments a flood is spread over, each asks in vain once in that time, and
the tenant loses nothing of its rate, for the bucket is not empty before.

What is under way is counted by the half minute in which it began. No request lasts longer, so two
counters hold everything, and what a crashed environment never gave back is forgotten with its half
minute.
"""

import math
from collections.abc import Callable
from typing import Final

from falaj.aws.count_table import CountTable, Post
from falaj.contract import EXPIRY_ATTRIBUTE
from falaj.domain.clock import Clock
from falaj.domain.quota import MICROSECOND, Limits, take
from falaj.errors import QuotaExceededError

_ATTEMPTS: Final = 3
WINDOW_S: Final = 30
"""As long as a request may last behind either kind of API.

Source: infra's TIMEOUT_MS: 29 seconds before a REST API, 30 before an HTTP API.
"""
_SKEW_S: Final = 2
"""How far the clocks of two environments may be apart: so long after a half minute's end somebody
might still count in it."""
_FORGOTTEN_AFTER_S: Final = 600
LULL_US: Final = MICROSECOND
"""How long a bucket that others fill is left alone at most: whoever is refused is told to come back
after a second."""
REMEMBERED: Final = 10_000


class QuotaTable:
    """Counts requests by tenant.

    Args:
        post: Sends a signed call to DynamoDB.
        table: Returns the table's name.
        clock: Tells the time.
    """

    def __init__(self, post: Post, table: Callable[[], str], clock: Clock) -> None:
        self._table, self._clock = CountTable(post, table), clock
        self._due_us: dict[str, int] = {}
        """When each tenant's bucket is empty at the earliest: it is never emptied sooner."""
        self._lulls: dict[str, tuple[Limits, int]] = {}
        """Until when a tenant is refused without asking, as long as its limits are these."""
        self._done: dict[str, int] = {}
        """By tenant, the last window of which is known that all its requests are answered."""

    def take(self, tenant: str, limits: Limits, count: int = 1) -> None:
        """Take the place of a request, or of some that come together, in a tenant's bucket.

        Raises:
            QuotaExceededError: There is no room for so many; it says when to come back.
            DependencyError: DynamoDB does not answer.
        """
        if lull_us := self._lull_us(tenant, limits):
            raise _over(tenant, lull_us)
        for attempt in range(_ATTEMPTS):
            # By the clock of each attempt: a slow call must not make a bucket look full.
            now_us = self._now_us()
            wait_us = self._wait_us(tenant, limits, now_us, count)
            if wait_us:
                if attempt and count == 1:
                    wait_us += min(limits.tolerance_us, LULL_US)
                    self._lulls[tenant] = (limits, now_us + wait_us)
                raise _over(tenant, wait_us)
            if self._is_written(tenant, limits, now_us, count):
                return
        # It has changed under every call, and is not full: that is no fault of the tenant's.
        self.take_alone(tenant, limits, count)

    def refusal(self, tenant: str, limits: Limits) -> QuotaExceededError | None:
        """Say why a request is refused, where memory is enough to say it; nobody is asked."""
        wait_us = self._lull_us(tenant, limits) or self._wait_us(tenant, limits, self._now_us(), 1)
        return _over(tenant, wait_us) if wait_us else None

    def take_alone(self, tenant: str, limits: Limits, count: int = 1) -> None:
        """Take places by what this environment has seen, without asking anybody.

        Raises:
            QuotaExceededError: The tenant is over its rate in this environment alone.
        """
        now_us = self._now_us()
        if wait_us := self._wait_us(tenant, limits, now_us, count):
            raise _over(tenant, wait_us)
        self._know(tenant, take(limits, self._due_us.get(tenant, 0), now_us, count).due_us)

    def hold(self, tenant: str, limits: Limits, count: int = 1) -> str:
        """Count requests under way; return what `release` takes, once for each.

        Raises:
            QuotaExceededError: So many more may not be under way.
            DependencyError: DynamoDB does not answer.
        """
        now_s = self._now_us() // MICROSECOND
        window = now_s // WINDOW_S
        most = (limits.concurrency or 0) - self._still_held(tenant, window - 1, now_s)
        if count > most:
            raise _too_many(tenant)
        key = _held_key(tenant, window)
        written = self._table.write(
            key,
            "SET #gone = :gone ADD held :count",
            {
                ":count": count,
                ":room": most - count,
                ":gone": (window + 1) * WINDOW_S + _FORGOTTEN_AFTER_S,
            },
            condition="attribute_not_exists(held) OR held <= :room",
            names={"#gone": EXPIRY_ATTRIBUTE},
        )
        if not written.held:
            raise _too_many(tenant)
        return key

    def release(self, key: str, count: int = 1) -> None:
        """Count requests less.

        Raises:
            DependencyError: DynamoDB does not answer; the half minute forgets it.
        """
        self._table.write(key, "ADD held :less", {":less": -count})

    def _is_written(self, tenant: str, limits: Limits, now_us: int, count: int) -> bool:
        """Add to the bucket, or begin it anew if it was empty when it was last seen."""
        is_empty = self._due_us.get(tenant, 0) < now_us
        cost_us = count * limits.cost_us
        written = self._table.write(
            _bucket_key(tenant),
            "SET due = :due" if is_empty else "SET due = due + :cost",
            {":now": now_us}
            | (
                {":due": now_us + cost_us}
                if is_empty
                else {
                    ":cost": cost_us,
                    ":latest": now_us + limits.tolerance_us - cost_us + limits.cost_us,
                }
            ),
            condition="attribute_not_exists(due) OR due < :now"
            if is_empty
            else "due BETWEEN :now AND :latest",
        )
        self._know(tenant, written.item.get("due", 0))
        return written.held

    def _wait_us(self, tenant: str, limits: Limits, now_us: int, count: int) -> int:
        return take(limits, self._due_us.get(tenant, 0), now_us, count).wait_us

    def _lull_us(self, tenant: str, limits: Limits) -> int:
        lull = self._lulls.get(tenant)
        if lull is None:
            return 0
        wait_us = lull[1] - self._now_us()
        if lull[0] == limits and wait_us > 0:
            return wait_us
        self._lulls.pop(tenant, None)
        return 0

    def _know(self, tenant: str, due_us: int) -> None:
        if len(self._due_us) >= REMEMBERED:
            self._due_us.clear()
            self._lulls.clear()
        self._due_us[tenant] = due_us

    def _still_held(self, tenant: str, window: int, now_s: int) -> int:
        """Count what began in a window that is over; nothing is read again once all is answered."""
        if self._done.get(tenant) == window:
            return 0
        held = max(0, self._table.read(_held_key(tenant, window)).get("held", 0))
        if not held and now_s >= (window + 1) * WINDOW_S + _SKEW_S:
            if len(self._done) >= REMEMBERED:
                self._done.clear()
            self._done[tenant] = window
        return held

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * MICROSECOND)


def _over(tenant: str, wait_us: int) -> QuotaExceededError:
    seconds = max(1, math.ceil(wait_us / MICROSECOND))
    return QuotaExceededError(tenant=tenant, limit="rate", retry_after_s=seconds)


def _too_many(tenant: str) -> QuotaExceededError:
    return QuotaExceededError(tenant=tenant, limit="concurrency", retry_after_s=1)


def _bucket_key(tenant: str) -> str:
    return f"TENANT#{tenant}"


def _held_key(tenant: str, window: int) -> str:
    return f"TENANT#{tenant}#HELD#{window}"
