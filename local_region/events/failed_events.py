"""Where asynchronous invocations go that no attempt could process.

Source:
    docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (the record of an
    on-failure destination; a dead-letter queue gets the event alone, with the attributes
    RequestID, ErrorCode and ErrorMessage), read 2026-11-22.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from local_region.background import begin
from local_region.events.delivery import Delivery, UndeliverableError
from local_region.lambda_service import EventFailure

_LONGEST_MESSAGE: Final = 1024
_QUALIFIED_PARTS: Final = 8


class FailedEvents:
    """Knows each function's dead-letter queue and on-failure destination, and delivers to them.

    Args:
        on_loss: Told, in a sentence, of an event that nothing keeps.
    """

    def __init__(self, on_loss: Callable[[str, str], None]) -> None:
        self._on_loss = on_loss
        self._queues: dict[str, str] = {}
        self._destinations: dict[tuple[str, str | None], str] = {}
        self._delivery: Delivery | None = None
        self._running: set[asyncio.Task[None]] = set()

    def deliver_through(self, delivery: Delivery) -> None:
        """Take the way to queues, topics and functions."""
        self._delivery = delivery

    def set_queue(self, function: str, arn: str | None) -> None:
        """Set, or with None drop, a function's dead-letter queue or topic."""
        _set(self._queues, function, arn)

    def set_destination(self, function: str, qualifier: str | None, arn: str | None) -> None:
        """Set, or with None drop, where failed events of a function's qualifier are recorded."""
        _set(self._destinations, (function, qualifier), arn)

    def take(self, failure: EventFailure) -> None:
        """Deliver a failed event to whatever is set for it."""
        task = begin(self._take(failure))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Return when every failed event taken so far is delivered or lost."""
        await asyncio.gather(*self._running)

    async def _take(self, failure: EventFailure) -> None:
        function, qualifier = _parts(failure.function_arn)
        queue = self._queues.get(function)
        destination = self._destinations.get((function, qualifier))
        if queue is None and destination is None:
            self._on_loss(
                failure.function_arn,
                f"an event is lost after {failure.attempts} attempts ({failure.condition}): "
                "it has neither dead-letter queue nor on-failure destination",
            )
        try:
            if queue is not None:
                await self._to_queue(queue, failure)
            if destination is not None and self._delivery is not None:
                await self._delivery.to_arn(destination, json.dumps(_record(failure)).encode())
        except (UndeliverableError, ClientError) as error:
            self._on_loss(failure.function_arn, f"a failed event could not be kept: {error}")

    async def _to_queue(self, arn: str, failure: EventFailure) -> None:
        if self._delivery is None:
            return
        if arn.split(":")[2] != "sqs":
            await self._delivery.to_arn(arn, failure.payload)
            return
        self._delivery.send(
            arn,
            failure.payload.decode(),
            {
                "RequestID": ("String", failure.request_id),
                "ErrorCode": ("Number", str(failure.last.status_code if failure.last else 429)),
                "ErrorMessage": ("String", _message(failure)[:_LONGEST_MESSAGE] or "throttled"),
            },
        )


def _set(known: dict[Any, str], key: object, arn: str | None) -> None:
    if arn is None:
        known.pop(key, None)
    else:
        known[key] = arn


def _parts(function_arn: str) -> tuple[str, str | None]:
    parts = function_arn.split(":")
    return parts[6], parts[7] if len(parts) >= _QUALIFIED_PARTS else None


def _message(failure: EventFailure) -> str:
    if failure.last is None:
        return ""
    try:
        return str(json.loads(failure.last.payload).get("errorMessage", ""))
    except (ValueError, AttributeError):
        return ""


def _record(failure: EventFailure) -> dict[str, Any]:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{failure.at:%Y-%m-%dT%H:%M:%S}.{failure.at.microsecond // 1000:03}Z",
        "requestContext": {
            "requestId": failure.request_id,
            "functionArn": failure.function_arn,
            "condition": failure.condition,
            "approximateInvokeCount": failure.attempts,
        },
        "requestPayload": json.loads(failure.payload),
    }
    if failure.last is not None:
        record["responseContext"] = {
            "statusCode": failure.last.status_code,
            "executedVersion": failure.last.executed_version,
            "functionError": failure.last.function_error,
        }
        record["responsePayload"] = json.loads(failure.last.payload or b"null")
    return record
