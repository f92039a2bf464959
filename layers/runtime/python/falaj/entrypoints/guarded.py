"""A handler behind a second look: what the gateway has decided is decided again in the function.

The gateway may be misconfigured, and an authorizer's answer is kept for a while; the function sees
the same facts, knows the time, and believes no header that names a tenant.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from falaj.capture.records import RANDOM_ID
from falaj.config.access import AccessSettings
from falaj.config.quotas import QuotaSettings
from falaj.contract import (
    CONTEXT_CHECKED,
    CONTEXT_QUEUED,
    CONTEXT_SUBJECT,
    CONTEXT_TENANT,
    ENV_CAPTURE,
    ENV_MODEL_NAME,
    HEADER_REQUEST_ID,
    HEADER_TENANT,
)
from falaj.domain.access import AccessMode, Caller, asked_for, refuse_unless_allowed
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.lambda_callers import caller_in
from falaj.entrypoints.lambda_paths import without_stage
from falaj.errors import AccessError, ForbiddenError, UnauthenticatedError
from falaj.http.failures import failure_body, failure_headers, status_of

if TYPE_CHECKING:
    from falaj.capture.refusals import Refusals

Handler = Callable[[Any, Any], dict[str, Any]]
Admission = Callable[[str], AbstractContextManager[None]]
"""A tenant → what holds its place while a request is answered; raises QuotaExceededError."""

SYSTEM_CLOCK: Final = SystemClock()
_CONTEXT: Final = "requestContext"


class GuardedHandler:
    """Answers who may ask; everyone else gets 401, 403 or 429.

    An event without `requestContext` was not sent by API Gateway but by somebody whom IAM lets
    invoke the function itself: it passes.

    Args:
        handler: Answers.
        settings: What is asked of a caller.
        admit: Counts requests by tenant; nothing is counted by default.
        admit_queued: Counts those that were taken in before; as `admit` by default.
        clock: Tells when a token has expired.
        write: Takes a line for each refusal; by default standard output.
        refusals: Makes what leaves auditors a record of refusals, when it is first needed; None
            where nobody records.
    """

    def __init__(
        self,
        handler: Handler,
        settings: AccessSettings,
        *,
        admit: Admission = lambda _: nullcontext(),
        admit_queued: Admission | None = None,
        clock: Clock = SYSTEM_CLOCK,
        write: Callable[[str], object] = sys.stdout.write,
        refusals: "Callable[[], Refusals] | None" = None,
    ) -> None:
        self._make_refusals = refusals
        self._refusals: Refusals | None = None
        self._handler, self._settings = handler, settings
        self._admit, self._clock, self._write = admit, clock, write
        self._admit_queued = admit_queued or admit

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's
        """Answer one event."""
        if not isinstance(event, dict) or _CONTEXT not in event:
            return self._handler(event, context)
        if self._refusals is not None and self._refusals.is_counting:
            self._refusals.settle(self._clock.now())
        caller = None
        try:
            around = event[_CONTEXT] if isinstance(event[_CONTEXT], dict) else {}
            caller = self._known(around)
            self._refuse_unless_allowed(caller, event, around)
            admit = self._admit_queued if CONTEXT_QUEUED in around else self._admit
            with admit(caller.tenant):
                return self._handler(_said_for(event, caller), context)
        except AccessError as error:
            return self._refused(error, event, caller)

    def _known(self, context: Mapping[str, Any]) -> Caller:
        settings = self._settings
        caller = caller_in(context, settings.mode, settings.tenant_claim)
        if CONTEXT_QUEUED in context:
            return caller  # the token was valid when the request was taken in
        if caller.expires_at is not None and not self._is_valid(caller.expires_at):
            raise UnauthenticatedError("the token has expired")
        return caller

    def _refuse_unless_allowed(
        self, caller: Caller, event: Mapping[str, Any], context: Mapping[str, Any]
    ) -> None:
        settings = self._settings
        method, path = _asked(event, context)
        asked = asked_for(method, path)
        if asked is None:
            if caller.scopes is not None:
                raise ForbiddenError("no scope opens this path")
            return
        if asked.route.of_model and asked.model not in settings.models:
            # Its name is whatever the caller wrote, and this sentence goes into a log.
            raise ForbiddenError("nothing is known of access to a model of that name")
        refuse_unless_allowed(caller, asked.route, settings.models.get(asked.model))

    def _is_valid(self, expires_at: float) -> bool:
        return expires_at + self._settings.skew_s > self._clock.now().timestamp()

    def _record(self, error: AccessError, caller: Caller | None, status: int) -> None:
        """Leave auditors a record, of which one may stand for many."""
        if self._make_refusals is None:
            return
        from falaj.capture.refusals import Refusal  # noqa: PLC0415 - for whoever is refused

        self._refusals = self._refusals or self._make_refusals()
        tenant, subject = (caller.tenant, caller.subject) if caller else ("", "")
        refusal = Refusal(error.code, status, tenant=tenant, subject=subject)
        self._refusals.note(refusal, self._clock.now())

    def _refused(
        self, error: AccessError, event: Mapping[str, Any], caller: Caller | None
    ) -> dict[str, Any]:
        request_id = str((event.get(_CONTEXT) or {}).get("requestId") or "unknown")
        status = status_of(error)
        line = {
            "level": "WARNING",
            "message": str(error),
            "outcome": error.code,
            "request_id": request_id,
            "status": status,
            "timestamp": self._clock.now().isoformat(),
        }
        self._write(json.dumps(line) + "\n")
        self._record(error, caller, status)
        body = failure_body(message=str(error), code=error.code, request_id=request_id)
        headers = {"content-type": "application/json", HEADER_REQUEST_ID: request_id}
        return {
            "statusCode": status,
            "headers": headers | failure_headers(error),
            "body": body.decode(),
            "isBase64Encoded": False,
        }


def guarded(
    handler: Handler,
    *,
    settings: AccessSettings | None = None,
    refusals: "Callable[[], Refusals] | None" = None,
) -> Handler:
    """Put a handler behind the check that its environment asks for; itself where it asks none.

    Args:
        handler: Answers.
        settings: What to ask instead of what the environment says.
        refusals: What records refusals; by default what the environment asks for.
    """
    known = settings or AccessSettings.from_env()
    if known.mode is AccessMode.OPEN:
        return handler
    recorded = refusals or recorded_refusals()
    around = QuotaSettings.from_env()
    if around is None:
        return GuardedHandler(handler, known, refusals=recorded)
    from falaj.entrypoints.quotas import quotas_of  # noqa: PLC0415 - where tenants are bounded

    quotas = quotas_of(around, SYSTEM_CLOCK)
    return GuardedHandler(
        handler, known, admit=quotas.admit, admit_queued=quotas.admit_queued, refusals=recorded
    )


def recorded_refusals() -> "Callable[[], Refusals] | None":
    """Return what makes the record of refusals; None where the environment asks for none."""
    env = os.environ  # noqa: TID251 - read by whoever is first refused
    root = env.get(ENV_CAPTURE, "")
    if not root:
        return None

    def make() -> "Refusals":
        from falaj.entrypoints.capture_world import refusals_at  # noqa: PLC0415 - brings boto3

        model = env.get(ENV_MODEL_NAME, "")
        return refusals_at(root, SYSTEM_CLOCK, sys.stdout.write, model=model)

    return make


def _asked(event: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str]:
    path = event.get("rawPath") or event.get("path") or ""
    http = context.get("http")
    method = http.get("method") if isinstance(http, dict) else event.get("httpMethod")
    return str(method or "").upper(), without_stage(str(path), context.get("stage"))


def _said_for(event: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return the event with the tenant of the token, whatever its headers claimed.

    An id that a caller has made up goes into logs and records: it is believed only where it cannot
    be about a person, and replaced by the gateway's otherwise.
    """
    tenant = caller.tenant
    checked = {CONTEXT_TENANT: tenant, CONTEXT_SUBJECT: caller.subject}
    said = {
        **event,
        "headers": {**_without(event.get("headers")), HEADER_TENANT: tenant},
        _CONTEXT: {
            **event[_CONTEXT],
            CONTEXT_CHECKED: checked,
        },
    }
    if isinstance(many := event.get("multiValueHeaders"), dict):
        said["multiValueHeaders"] = {**_without(many), HEADER_TENANT: [tenant]}
    return said


def _without(headers: object) -> dict[str, Any]:
    if not isinstance(headers, dict):
        return {}
    return {name: value for name, value in headers.items() if _is_kept(name.lower(), value)}


def _is_kept(name: str, value: object) -> bool:
    if name == HEADER_REQUEST_ID:
        return all(
            map(RANDOM_ID.fullmatch, map(str, value if isinstance(value, list) else [value]))
        )
    return name != HEADER_TENANT
