"""Each tenant's bucket and its requests under way, in one DynamoDB table, without a read.

A request costs one conditional write where a rate is bounded, and two more where concurrency is.
No write asks for a value that another request has just changed, so a busy tenant's requests never
wait for each other: the bucket's writes say "add, unless it is full" and "begin anew, if it is
empty", and one of the two holds.

What is under way is counted by the minute in which it began. No request lasts longer than a minute,
so two counters hold everything, and what a crashed environment never gave back is forgotten with
its minute.

Source:
    docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html (ConditionExpression,
    ReturnValuesOnConditionCheckFailure) and …/developerguide/WorkingWithItems.html#
    WorkingWithItems.AtomicCounters, read 2026-11-22.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from falaj.contract import EXPIRY_ATTRIBUTE, TABLE_KEY
from falaj.domain.clock import Clock
from falaj.domain.quota import MICROSECOND, Limits
from falaj.errors import DependencyError, QuotaExceededError

_TARGET: Final = "DynamoDB_20120810."
_TYPE: Final = "application/x-amz-json-1.0"
_REFUSED: Final = "ConditionalCheckFailedException"
_OK: Final = 200
_ATTEMPTS: Final = 3
MINUTE_S: Final = 60
_FORGOTTEN_AFTER_S: Final = 600
REMEMBERED: Final = 10_000


class Answered(Protocol):
    """What a service said."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """JSON."""
        ...


class Post(Protocol):
    """Sends one signed call."""

    def __call__(
        self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Send it."""
        ...


class QuotaTable:
    """Counts requests by tenant for all environments of all functions.

    Args:
        post: Sends a signed call to DynamoDB.
        table: Returns the table's name.
        clock: Tells the time.
    """

    def __init__(self, post: Post, table: Callable[[], str], clock: Clock) -> None:
        self._post, self._table, self._clock = post, table, clock
        self._refused_until_us: dict[str, int] = {}

    def take(self, tenant: str, limits: Limits) -> None:
        """Take one request's place in a tenant's bucket.

        Raises:
            QuotaExceededError: The tenant is over its rate; it says when to come back.
            DependencyError: DynamoDB does not answer.
        """
        now_us = self._now_us()
        if self._refused_until_us.get(tenant, 0) > now_us:
            # Nobody asks the table again for an answer it has just given.
            raise self._over(tenant, self._refused_until_us[tenant] - now_us)
        for attempt in range(_ATTEMPTS):
            due_us = self._add(tenant, limits, now_us) if attempt % 2 == 0 else None
            if due_us is True or (due_us is None and self._begin(tenant, limits, now_us)):
                return
            if isinstance(due_us, int) and due_us > now_us + limits.tolerance_us:
                wait_us = due_us - limits.tolerance_us - now_us
                self._remember(tenant, now_us + wait_us)
                raise self._over(tenant, wait_us)
        raise self._over(tenant, limits.cost_us)

    def hold(self, tenant: str, limits: Limits) -> str:
        """Count one more request under way; return what `release` takes.

        Raises:
            QuotaExceededError: As many are under way as may be.
            DependencyError: DynamoDB does not answer.
        """
        minute = self._now_us() // MICROSECOND // MINUTE_S
        most = (limits.concurrency or 0) - self._held(_held_key(tenant, minute - 1))
        key = _held_key(tenant, minute)
        answer = self._update(
            key,
            "SET #gone = :gone ADD held :one",
            {
                ":one": _number(1),
                ":most": _number(most),
                ":gone": _number((minute + 1) * MINUTE_S + _FORGOTTEN_AFTER_S),
            },
            condition="(attribute_not_exists(held) AND :most >= :one) OR held < :most",
            names={"#gone": EXPIRY_ATTRIBUTE},
        )
        if answer is not True:
            raise QuotaExceededError(tenant=tenant, limit="concurrency", retry_after_s=1)
        return key

    def release(self, key: str) -> None:
        """Count one request less.

        Raises:
            DependencyError: DynamoDB does not answer; the minute forgets it.
        """
        self._update(key, "ADD held :less", {":less": _number(-1)})

    def _add(self, tenant: str, limits: Limits, now_us: int) -> int | bool | None:
        """Add to a bucket that is not empty; its state if it is full, None if it is empty."""
        answer = self._update(
            _bucket_key(tenant),
            "SET due = due + :cost",
            {
                ":cost": _number(limits.cost_us),
                ":now": _number(now_us),
                ":latest": _number(now_us + limits.tolerance_us),
            },
            condition="due BETWEEN :now AND :latest",
        )
        if answer is True:
            return True
        due_us = int(answer.get("due", {}).get("N", 0))
        return due_us if due_us >= now_us else None

    def _begin(self, tenant: str, limits: Limits, now_us: int) -> bool:
        """Fill an empty bucket anew; False if somebody else just has."""
        answer = self._update(
            _bucket_key(tenant),
            "SET due = :due",
            {":due": _number(now_us + limits.cost_us), ":now": _number(now_us)},
            condition="attribute_not_exists(due) OR due < :now",
        )
        return answer is True

    def _held(self, key: str) -> int:
        answer = self._call("GetItem", {"Key": {TABLE_KEY: {"S": key}}})
        return max(0, int(answer.get("Item", {}).get("held", {}).get("N", 0)))

    def _update(
        self,
        key: str,
        expression: str,
        values: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - True, or the item that a condition did not fit
        body: dict[str, Any] = {
            "Key": {TABLE_KEY: {"S": key}},
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
        }
        if condition:
            body |= {
                "ConditionExpression": condition,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        if names:
            body["ExpressionAttributeNames"] = names
        answer = self._call("UpdateItem", body)
        return answer.get("Item", {}) if _REFUSED in answer.get("__type", "") else True

    def _call(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._post(
            "/",
            json.dumps({"TableName": self._table(), **body}).encode(),
            headers={"content-type": _TYPE, "x-amz-target": f"{_TARGET}{operation}"},
        )
        said: dict[str, Any] = json.loads(answer.body or b"{}")
        if answer.status != _OK and _REFUSED not in said.get("__type", ""):
            reason = f"{answer.status} {said.get('__type', '')}"
            raise DependencyError(service="dynamodb", doing="count a request", reason=reason)
        return said

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * MICROSECOND)

    def _remember(self, tenant: str, until_us: int) -> None:
        if len(self._refused_until_us) >= REMEMBERED:
            self._refused_until_us.clear()
        self._refused_until_us[tenant] = until_us

    @staticmethod
    def _over(tenant: str, wait_us: int) -> QuotaExceededError:
        seconds = max(1, math.ceil(wait_us / MICROSECOND))
        return QuotaExceededError(tenant=tenant, limit="rate", retry_after_s=seconds)


def _bucket_key(tenant: str) -> str:
    return f"TENANT#{tenant}"


def _held_key(tenant: str, minute: int) -> str:
    return f"TENANT#{tenant}#HELD#{minute}"


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
