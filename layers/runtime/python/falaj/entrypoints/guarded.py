"""A handler behind a second look: what the gateway has decided is decided again in the function.

The gateway may be misconfigured, and an authorizer's answer is kept for a while; the function sees
the same facts, knows the time, and believes no header that names a tenant.
"""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from falaj.capture.records import RANDOM_ID
from falaj.config.access import AccessSettings
from falaj.config.quotas import QuotaSettings
from falaj.contract import (
    CONTEXT_CHECKED,
    CONTEXT_SUBJECT,
    CONTEXT_TENANT,
    HEADER_REQUEST_ID,
    HEADER_TENANT,
)
from falaj.domain.access import AccessMode, Caller, asked_for, refuse_unless_allowed
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.lambda_callers import caller_in
from falaj.entrypoints.lambda_paths import without_stage
from falaj.errors import AccessError, ForbiddenError, UnauthenticatedError
from falaj.http.failures import failure_body, failure_headers, status_of

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
        clock: Tells when a token has expired.
        write: Takes a line for each refusal; by default standard output.
    """

    def __init__(
        self,
        handler: Handler,
        settings: AccessSettings,
        *,
        admit: Admission = lambda _: nullcontext(),
        clock: Clock = SYSTEM_CLOCK,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._handler, self._settings = handler, settings
        self._admit, self._clock, self._write = admit, clock, write

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's
        """Answer one event."""
        if not isinstance(event, dict) or _CONTEXT not in event:
            return self._handler(event, context)
        try:
            caller = self._known(event)
            with self._admit(caller.tenant):
                return self._handler(_said_for(event, caller), context)
        except AccessError as error:
            return self._refused(error, event)

    def _known(self, event: Mapping[str, Any]) -> Caller:
        context = event[_CONTEXT] if isinstance(event[_CONTEXT], dict) else {}
        settings = self._settings
        caller = caller_in(context, settings.mode, settings.tenant_claim)
        if caller.expires_at is not None and not self._is_valid(caller.expires_at):
            raise UnauthenticatedError("the token has expired")
        method, path = _asked(event, context)
        asked = asked_for(method, path)
        if asked is None:
            if caller.scopes is not None:
                raise ForbiddenError("no scope opens this path")
            return caller
        if asked.route.of_model and asked.model not in settings.models:
            # Its name is whatever the caller wrote, and this sentence goes into a log.
            raise ForbiddenError("nothing is known of access to a model of that name")
        refuse_unless_allowed(caller, asked.route, settings.models.get(asked.model))
        return caller

    def _is_valid(self, expires_at: float) -> bool:
        return expires_at + self._settings.skew_s > self._clock.now().timestamp()

    def _refused(self, error: AccessError, event: Mapping[str, Any]) -> dict[str, Any]:
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
        body = failure_body(message=str(error), code=error.code, request_id=request_id)
        headers = {"content-type": "application/json", HEADER_REQUEST_ID: request_id}
        return {
            "statusCode": status,
            "headers": headers | failure_headers(error),
            "body": body.decode(),
            "isBase64Encoded": False,
        }


def guarded(handler: Handler, *, settings: AccessSettings | None = None) -> Handler:
    """Put a handler behind the check that its environment asks for; itself where it asks none."""
    known = settings or AccessSettings.from_env()
    if known.mode is AccessMode.OPEN:
        return handler
    around = QuotaSettings.from_env()
    if around is None:
        return GuardedHandler(handler, known)
    from falaj.entrypoints.quotas import quotas_of  # noqa: PLC0415 - where tenants are bounded

    return GuardedHandler(handler, known, admit=quotas_of(around, SYSTEM_CLOCK).admit)


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
