"""The intake: takes requests that wait, and gives their results to whoever asked for them.

A request is kept before its message is sent, so every message finds what it speaks of. One with an
idempotency key has the id that the key stands for: it is kept once, whoever repeats it and when.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any, Final

import boto3

from falaj.aws.asynchronous_queue import AsynchronousQueue
from falaj.aws.asynchronous_store import AsynchronousStore
from falaj.aws.pseudonym_key import derive_key
from falaj.capture.recording import Recording
from falaj.capture.records import AUDIT
from falaj.config.asynchronous import IntakeSettings
from falaj.contract import (
    ASYNCHRONOUS_PURPOSE,
    CONTEXT_CHECKED,
    CONTEXT_SUBJECT,
    CONTEXT_TENANT,
    HEADER_BINARY_LENGTH,
    HEADER_IDEMPOTENCY,
    HEADER_REQUEST_ID,
    HEADER_RESULT,
)
from falaj.domain.access import asked_for
from falaj.domain.asynchronous import ID, IDEMPOTENCY_KEY, Job, Names
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.routes import INFER_ASYNC, RESULT
from falaj.entrypoints.asynchronous_events import request_in, waiting_event
from falaj.entrypoints.guarded import Handler, guarded
from falaj.errors import (
    FalajError,
    MalformedRequestError,
    MethodNotAllowedError,
    RepeatedKeyError,
    RequestError,
    UnknownModelError,
    UnknownResultError,
    UnknownRouteError,
)
from falaj.http.failures import failure_body, failure_headers, status_of
from falaj.http.messages import Request

QUEUED: Final = "queued"
LOOK_AGAIN_S: Final = 1
_JSON: Final = "application/json"
_DEPENDS_ON: Final = ("content-type", "content-encoding", HEADER_BINARY_LENGTH)
"""Headers that make another request of the same body."""


class Intake:
    """Handles an API's events.

    Args:
        store: Requests and results.
        queue: Says which are to be done.
        names: Gives tenants their folders.
        days: For how many days results are kept, by model.
        clock: The time.
        new_id: Makes an id that nobody can guess.
        write: Takes each log line; by default standard output.
        recording: Names callers for auditors; None where nobody records.
        release: The version that runs.
    """

    def __init__(
        self,
        store: AsynchronousStore,
        queue: AsynchronousQueue,
        names: Names,
        days: Mapping[str, int],
        *,
        clock: Clock | None = None,
        new_id: Callable[[], str] = lambda: token_hex(16),
        write: Callable[[str], object] | None = None,
        recording: Recording | None = None,
        release: str = "local",
    ) -> None:
        self._store, self._queue, self._names, self._days = store, queue, names, days
        self._clock, self._new_id = clock or SystemClock(), new_id
        self._write, self._recording = write or sys.stdout.write, recording
        self._release = release

    def __call__(self, event: Any, context: object = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's
        """Answer one event; nothing is ever raised."""
        del context
        request, model = Request("", ""), ""
        operation = ""
        try:
            request = request_in(event)
            operation, model = self._asked(request)
            if operation == INFER_ASYNC:
                result = self._taken(event, request, model)
            else:
                result = self._given(event, request, model)
            outcome = result["headers"].get(HEADER_RESULT, QUEUED)
        except FalajError as error:
            result, outcome = _refused(error, request), error.code
        self._tell(
            event,
            request,
            {"model_name": model or None, "message": operation or "refused"},
            {"status": result["statusCode"], "outcome": outcome},
        )
        return result

    def _asked(self, request: Request) -> tuple[str, str]:
        asked = asked_for(request.method, request.path)
        if asked is None or request.method == "HEAD":
            for allowed in ("POST", "GET"):
                other = asked_for(allowed, request.path)
                if other is not None and other.route.operation in {INFER_ASYNC, RESULT}:
                    raise MethodNotAllowedError(request.method, allowed)
        if asked is None or asked.route.operation not in {INFER_ASYNC, RESULT}:
            raise UnknownRouteError(request.path)
        if asked.model not in self._days:
            raise UnknownModelError(asked.model)
        return asked.route.operation, asked.model

    def _taken(self, event: Mapping[str, Any], request: Request, model: str) -> dict[str, Any]:
        if not request.body:
            raise MalformedRequestError("the body is empty; send what you would send to infer")
        tenant, _ = _caller(event)
        key = request.headers.get(HEADER_IDEMPOTENCY)
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise MalformedRequestError(
                f"{HEADER_IDEMPOTENCY} takes 1 to 255 printable ASCII characters without spaces"
            )
        id_ = (
            self._new_id()
            if key is None
            else self._names.repeated_id(tenant=tenant, model=model, key=key)
        )
        job = Job(model=model, tenant=self._names.folder(tenant), id=id_)
        depends = [request.headers.get(name, "").encode() for name in _DEPENDS_ON]
        digest = self._names.digest(*depends, request.body)
        content = waiting_event(event, since=self._clock.now())
        is_new = self._store.put_request(job, content, digest=digest)
        if not is_new:
            kept = self._store.request(job)
            if kept is not None and kept.digest != digest:
                raise RepeatedKeyError
        if is_new or not self._store.is_sent(job):
            self._queue.send(job)
            if key is not None:
                self._store.mark_sent(job)
        return self._queued(event, request, job)

    def _given(self, event: Mapping[str, Any], request: Request, model: str) -> dict[str, Any]:
        tenant, _ = _caller(event)
        id_ = request.path.rstrip("/").rpartition("/")[2]
        days = self._days[model]
        if not ID.fullmatch(id_):
            raise UnknownResultError(model=model, days=days)
        job = Job(model=model, tenant=self._names.folder(tenant), id=id_)
        kept = self._store.result(job)
        if kept is None:
            waiting = self._store.request(job)
            if waiting is not None and waiting.content:
                return self._queued(event, request, job)
            # Answered just now: a request is emptied once its result is there.
            kept = self._store.result(job) if waiting is not None else None
        if kept is None or self._clock.now() - kept.at >= timedelta(days=days):
            raise UnknownResultError(model=model, days=days)
        found: dict[str, Any] = json.loads(kept.content)
        return found

    def _queued(self, event: Mapping[str, Any], request: Request, job: Job) -> dict[str, Any]:
        body = json.dumps({"id": job.id, "status": QUEUED})
        return {
            "statusCode": 202,
            "headers": {
                "content-type": _JSON,
                "location": f"{_before(event)}/v2/models/{job.model}/results/{job.id}",
                "retry-after": str(LOOK_AGAIN_S),
                HEADER_REQUEST_ID: request.headers.get(HEADER_REQUEST_ID, "unknown"),
                HEADER_RESULT: QUEUED,
            },
            "body": body,
            "isBase64Encoded": False,
        }

    def _tell(
        self,
        event: Any,  # noqa: ANN401 - whatever Lambda was given
        request: Request,
        *said: Mapping[str, Any],
    ) -> None:
        now = self._clock.now()
        line: dict[str, Any] = {
            "level": "INFO",
            "timestamp": now.isoformat(),
            "release": self._release,
            "request_id": request.headers.get(HEADER_REQUEST_ID),
        }
        for part in said:
            line |= part
        if self._recording is not None:
            tenant, subject = _caller(event)
            line[AUDIT] = self._recording.of(tenant, subject, request.body, now)
        self._write(json.dumps(line, separators=(",", ":")) + "\n")


def _caller(event: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever Lambda was given
    """Return tenant and subject as the check before has found them; nobody where none is made."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    checked = context.get(CONTEXT_CHECKED) if isinstance(context, dict) else None
    known = checked if isinstance(checked, dict) else {}
    return str(known.get(CONTEXT_TENANT, "")), str(known.get(CONTEXT_SUBJECT, ""))


def _before(event: Mapping[str, Any]) -> str:
    """Return what stands before `/v2` in the address as the caller wrote it: a stage, a base path.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/
        http-api-develop-integrations-lambda.html and set-up-lambda-proxy-integrations.html
        (`requestContext.path` has the stage, `path` has not).
    """
    context = event.get("requestContext")
    whole = context.get("path") if isinstance(context, dict) else None
    return str(whole or event.get("rawPath") or "").partition("/v2/")[0]


def _refused(error: FalajError, request: Request) -> dict[str, Any]:
    request_id = request.headers.get(HEADER_REQUEST_ID, "unknown")
    # What AWS says of a failure is for the log, not for callers.
    message = str(error) if isinstance(error, RequestError) else "try again shortly"
    body = failure_body(message=message, code=error.code, request_id=request_id)
    headers = {"content-type": _JSON, HEADER_REQUEST_ID: request_id, **failure_headers(error)}
    return {
        "statusCode": status_of(error),
        "headers": headers,
        "body": body.decode(),
        "isBase64Encoded": False,
    }


handler: Handler


def __getattr__(name: str) -> Handler:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = IntakeSettings.from_env()
    clock, recording = SystemClock(), None
    if settings.capture:
        from falaj.entrypoints.capture_world import keys_at  # noqa: PLC0415 - where somebody records

        recording = Recording(keys_at(settings.capture, clock))
    key = derive_key(boto3.client("kms"), settings.key, ASYNCHRONOUS_PURPOSE)
    intake = Intake(
        AsynchronousStore(boto3.client("s3"), settings.bucket),
        AsynchronousQueue(boto3.client("sqs"), settings.queue),
        Names(key),
        settings.days,
        clock=clock,
        recording=recording,
        release=settings.release,
    )
    made = globals()["handler"] = guarded(intake)
    return made
