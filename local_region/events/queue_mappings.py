"""Event source mappings: queues whose messages Lambda fetches and hands to functions in batches.

Source:
    docs.aws.amazon.com/lambda/latest/dg/with-sqs.html (the event; messages of a batch that
    succeeded are deleted, others come again when their visibility timeout is over),
    services-sqs-scaling.html (five batches at a time to begin with, `MaximumConcurrency`),
    services-sqs-errorhandling.html (throttled batches are tried again until their visibility
    timeout is over), read 2026-11-22.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from local_region.background import begin, begin_repeating
from local_region.events.batch_answer import failed_messages
from local_region.lambda_service import InvokeResult, LambdaApiError
from local_region.lambda_service.refusals import TooManyRequestsError

BATCHES: Final = 5
"""Batches at a time where no maximum is set. AWS begins with as many and adds to them."""
LOOKED_AT_EVERY_S: Final = 0.1
THROTTLE_DELAY_S: Final = 1.0
MOST_PER_CALL: Final = 10
"""Messages that one call to SQS returns."""

_Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMapping:
    """One queue and one function.

    Attributes:
        queue_arn: The queue.
        function_arn: The function, version or alias.
        region: Where they are.
        batch_size: Most messages of an event.
        maximum_concurrency: Most batches at a time; None for what Lambda chooses.
        reports_failures: Whether the function says which messages failed.
    """

    queue_arn: str
    function_arn: str
    region: str
    batch_size: int = 10
    maximum_concurrency: int | None = None
    reports_failures: bool = False

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self.queue_arn.rpartition(":")[2]

    def event(self, messages: Sequence[_Message]) -> dict[str, Any]:
        """Write the event that a function gets."""
        return {"Records": [self._record(message) for message in messages]}

    def _record(self, message: _Message) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {
                name: _attribute(value)
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.region,
        }


class Queues(Protocol):
    """What mappings ask of SQS."""

    def has_waiting(self, queue: str) -> bool:
        """Whether a consumer would get a message now."""
        ...

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the boto3 client of a service."""
        ...


class Functions(Protocol):
    """What mappings ask of Lambda."""

    async def invoke(self, function: str, qualifier: str | None, payload: bytes) -> InvokeResult:
        """Invoke a function and wait for its answer."""
        ...


class QueueMappings:
    """Every event source mapping of a region.

    Args:
        queues: SQS.
        on_lost: Told, in a sentence, of a batch that no function could be asked about.
        pause: Waits some seconds before a throttled batch is tried again.
    """

    def __init__(
        self,
        queues: Queues,
        on_lost: Callable[[str, str], None],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._queues, self._on_lost, self._pause = queues, on_lost, pause
        self._functions: Functions | None = None
        self._mappings: dict[str, QueueMapping] = {}
        self._running: dict[asyncio.Task[None], str] = {}
        self._looking: asyncio.Task[None] | None = None

    def invoke_through(self, functions: Functions) -> None:
        """Take the way to functions."""
        self._functions = functions

    def put(self, uuid: str, mapping: QueueMapping | None) -> None:
        """Set, or with None drop, a mapping; what is under way is finished."""
        if mapping is None:
            self._mappings.pop(uuid, None)
        else:
            self._mappings[uuid] = mapping

    def start(self) -> None:
        """Look for messages now and then until `close`."""
        self._looking = begin_repeating(self._look, every_s=LOOKED_AT_EVERY_S)

    async def close(self) -> None:
        """Stop; messages of batches under way come again."""
        tasks = [*self._running, *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look(self) -> None:
        """Begin as many batches as there are messages and room for."""
        for uuid, mapping in tuple(self._mappings.items()):
            while self._under_way(uuid) < (mapping.maximum_concurrency or BATCHES):
                if not self._queues.has_waiting(mapping.queue):
                    break
                self._begin(uuid, mapping)

    async def drain(self) -> None:
        """Return when no batch is under way and no message waits."""
        self.look()
        while self._running:
            await asyncio.wait(self._running)
            self.look()

    async def _look(self) -> None:
        self.look()

    def _under_way(self, uuid: str) -> int:
        return sum(each == uuid for each in self._running.values())

    def _begin(self, uuid: str, mapping: QueueMapping) -> None:
        client = self._queues.client("sqs")
        url = client.get_queue_url(QueueName=mapping.queue)["QueueUrl"]
        received = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(mapping.batch_size, MOST_PER_CALL),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        # What has come too often went to the dead-letter queue instead.
        if messages := received.get("Messages"):
            task = begin(self._batch(mapping, messages, url))
            self._running[task] = uuid
            task.add_done_callback(lambda done: self._running.pop(done, None))

    async def _batch(self, mapping: QueueMapping, messages: Sequence[_Message], url: str) -> None:
        result = await self._answer(mapping, messages, url)
        if result is None or result.function_error is not None:
            return
        ids = {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        failed = failed_messages(result.payload, ids) if mapping.reports_failures else frozenset()
        client = self._queues.client("sqs")
        for message_id, receipt in ids.items():
            if message_id not in failed:
                client.delete_message(QueueUrl=url, ReceiptHandle=receipt)

    async def _answer(
        self, mapping: QueueMapping, messages: Sequence[_Message], url: str
    ) -> InvokeResult | None:
        """Return what the function answers; None if there is no use in asking any more."""
        payload = json.dumps(mapping.event(messages)).encode()
        time, deadline = asyncio.get_running_loop().time, None
        while self._functions is not None:
            try:
                return await self._functions.invoke(mapping.function_arn, None, payload)
            except TooManyRequestsError:
                deadline = time() + self._visibility_s(url) if deadline is None else deadline
                if time() >= deadline:
                    return None
                await self._pause(THROTTLE_DELAY_S)
            except LambdaApiError as error:
                self._on_lost(mapping.function_arn, error.message)
                return None
        return None

    def _visibility_s(self, url: str) -> float:
        wanted = ["VisibilityTimeout"]
        client = self._queues.client("sqs")
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        return float(attributes["VisibilityTimeout"])


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    names = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    written = {mine: value[theirs] for theirs, mine in names.items() if theirs in value}
    if isinstance(binary := written.get("binaryValue"), bytes):
        written["binaryValue"] = b64encode(binary).decode()
    return {**written, "stringListValues": [], "binaryListValues": []}
