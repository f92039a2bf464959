"""The worker: asks models what waits, and keeps each answer once.

SQS delivers at least once, and now and then twice at the same time. A request whose result is there
is not asked again; of two answers the first stays. What a model has no room for comes again later,
and what came too often, or ended its worker each time, gets a result that says so.
"""

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import boto3
from botocore.config import Config

from falaj.aws.asynchronous_queue import AsynchronousQueue
from falaj.aws.asynchronous_store import AsynchronousStore, Kept
from falaj.aws.model_calls import ModelCalls
from falaj.config.asynchronous import WorkerSettings
from falaj.contract import HEADER_REQUEST_ID, HEADER_RESULT
from falaj.domain.asynchronous import ATTEMPTS, RETRIED, Job, delay_s
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import AbandonedError, FalajError, FunctionFailedError, ServiceError
from falaj.http.failures import failure_body, status_of

DONE: Final = "done"
FAILED: Final = "failed"
LATER: Final = "later"
KNOWN: Final = "known"
"""What became of a message: the last two leave no result, one to come and one that is there."""

CALLS: Final = Config(read_timeout=45, retries={"total_max_attempts": 1})
"""A model has 29 s and its environment's start; whoever asked again would ask twice."""
_OK: Final = range(200, 300)

Call = Callable[[str, bytes], dict[str, Any]]


class Worker:
    """Handles batches of messages.

    Args:
        store: Requests and results.
        queue: Where messages come from.
        call: Asks a model: `call(model, event)`.
        abandoned: ARN of the queue of messages that came too often.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        store: AsynchronousStore,
        queue: AsynchronousQueue,
        call: Call,
        *,
        abandoned: str,
        clock: Clock | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._store, self._queue, self._call = store, queue, call
        self._abandoned = abandoned
        self._clock, self._write = clock or SystemClock(), write or sys.stdout.write

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
        """Work on a batch, its messages side by side; name those that are to come again."""
        del context
        records = event["Records"]
        with ThreadPoolExecutor(max_workers=len(records)) as pool:
            outcomes = list(pool.map(self._worked, records))
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["messageId"]}
                for record, outcome in zip(records, outcomes, strict=True)
                if outcome == LATER
            ]
        }

    def _worked(self, record: Mapping[str, Any]) -> str:
        try:
            job = Job.from_message(record["body"])
        except ValueError as error:
            self._say("ERROR", "a message of something else is dropped", error=str(error))
            return KNOWN
        attempt = int(record["attributes"]["ApproximateReceiveCount"])
        try:
            if record["eventSourceARN"] == self._abandoned:
                outcome = self._given_up(job)
            else:
                outcome = self._answered(job, attempt)
        except ServiceError as error:
            self._say("WARNING", "not finished", job, attempt, error=str(error))
            outcome = LATER
        if outcome == LATER:
            with suppress(ServiceError):  # then it comes when its visibility timeout is over
                self._queue.postpone(record["receiptHandle"], delay_s(attempt))
        return outcome

    def _answered(self, job: Job, attempt: int) -> str:
        asked = self._waiting(job)
        if asked is None:
            return KNOWN
        try:
            answer = self._call(job.model, asked.content)
        except FunctionFailedError as error:
            answer = _failure(error, asked)
        if answer["statusCode"] in RETRIED and attempt < ATTEMPTS:
            self._say("INFO", "comes again", job, attempt, status=answer["statusCode"])
            return LATER
        return self._kept(job, asked, answer, attempt)

    def _given_up(self, job: Job) -> str:
        asked = self._waiting(job)
        if asked is None:
            return KNOWN
        error = AbandonedError(model=job.model, attempts=ATTEMPTS)
        return self._kept(job, asked, _failure(error, asked), ATTEMPTS)

    def _waiting(self, job: Job) -> Kept | None:
        """Return what is asked; None where that is answered already."""
        asked = self._store.request(job)
        if asked is None or not asked.content:
            return None
        if self._store.has_result(job):  # and whoever wrote it came to no more
            self._store.empty_request(job, digest=asked.digest)
            return None
        return asked

    def _kept(self, job: Job, asked: Kept, answer: dict[str, Any], attempt: int) -> str:
        status = answer["statusCode"]
        outcome = DONE if status in _OK else FAILED
        headers = {**(answer.get("headers") or {}), HEADER_RESULT: outcome}
        content = json.dumps({**answer, "headers": headers}, ensure_ascii=False)
        is_first = self._store.put_result(job, content.encode("utf-8", "surrogatepass"))
        self._store.empty_request(job, digest=asked.digest)
        said = outcome if is_first else "somebody else was first"
        self._say("INFO" if outcome == DONE else "WARNING", said, job, attempt, status=status)
        return outcome

    def _say(
        self,
        level: str,
        message: str,
        job: Job | None = None,
        attempt: int = 0,
        **values: Any,  # noqa: ANN401 - JSON values
    ) -> None:
        line: dict[str, Any] = {
            "level": level,
            "timestamp": self._clock.now().isoformat(),
            "message": message,
            **values,
        }
        if job is not None:
            line |= {"model_name": job.model, "result": job.id, "attempt": attempt}
        self._write(json.dumps(line, separators=(",", ":")) + "\n")


def _failure(error: FalajError, asked: Kept) -> dict[str, Any]:
    """Write an error as the API would have answered it."""
    event = json.loads(asked.content)
    said = event["headers"].get(HEADER_REQUEST_ID)
    request_id = str(said or (event.get("requestContext") or {}).get("requestId") or "unknown")
    body = failure_body(message=str(error), code=error.code, request_id=request_id)
    return {
        "statusCode": status_of(error),
        "headers": {"content-type": "application/json", HEADER_REQUEST_ID: request_id},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


handler: Worker


def __getattr__(name: str) -> Worker:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = WorkerSettings.from_env()
    made = globals()["handler"] = Worker(
        AsynchronousStore(boto3.client("s3"), settings.bucket),
        AsynchronousQueue(boto3.client("sqs"), settings.queue),
        ModelCalls(boto3.client("lambda", config=CALLS), boto3.client("ssm")),
        abandoned=settings.abandoned,
    )
    return made
