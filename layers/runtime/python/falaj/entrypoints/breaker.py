"""The function before a GPU service: it forwards, and answers for the service where it cannot.

The service is asked first. While it does not answer, its CPU version does where there is one, and
says so in a header and in the answer; where there is none the caller is told when to come back.
A service without replicas is woken by the first who asks.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from falaj.config.breaker import BreakerSettings
from falaj.contract import (
    CONTEXT_CHECKED,
    CONTEXT_SUBJECT,
    CONTEXT_TENANT,
    DIMENSION_MODEL,
    ENV_ACCESS,
    HEADER_RELEASE,
    HEADER_VARIANT,
    METRIC_ASKED,
    METRIC_FALLBACKS,
    METRIC_NAMESPACE,
)
from falaj.domain.circuit import Circuit, heard, may_ask
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.breaker_events import (
    Answered,
    Forwarded,
    forwarded,
    marked,
    refusal,
    request_id_of,
    result_of,
    without_compression,
)
from falaj.errors import DependencyError, FalajError, MalformedRequestError, ServiceUnreachableError
from falaj.telemetry.outcome import Ending
from falaj.telemetry.trace import traces

if TYPE_CHECKING:
    from falaj.capture.refusals import Refusals

CALLERS: Final = 400
OURS: Final = 500
UNHEALTHY: Final = frozenset({502, 503, 504})
"""What a load balancer without healthy targets answers, and a replica that is full or leaving."""
TOO_MANY: Final = 429
RESERVE_S: Final = 0.2
"""Kept back of the function's own time, to answer with what was found."""
FALLBACK_SHARE: Final = 0.5
"""Of the time that is left, for the service where another can still answer after it."""
WAKE_EVERY: Final = timedelta(seconds=30)
WAKING_S: Final = 60
UNAVAILABLE_S: Final = 5
DEFAULT_S: Final = 10.0

Handler = Callable[[Any, Any], dict[str, Any]]
Ask = Callable[..., Answered]
Call = Callable[[Mapping[str, Any]], dict[str, Any]]
Wake = Callable[[], bool]


class Breaker:
    """Handles an API's events.

    Args:
        settings: What stands behind.
        ask: Asks the service: `ask(forwarded, within_s=…)`.
        fall_back: Calls the CPU version; None for none.
        wake: Asks for a replica where none is wanted; None where replicas are kept.
        clock: The time.
        write: Takes each log line.
        is_checked: Whether callers and their tenants are checked before it.
        refusals: Makes what leaves auditors a record of what it answers itself, when it is first
            needed; None where nobody records.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        *,
        ask: Ask,
        fall_back: Call | None = None,
        wake: Wake | None = None,
        clock: Clock | None = None,
        write: Callable[[str], object] | None = None,
        is_checked: bool = False,
        refusals: "Callable[[], Refusals] | None" = None,
    ) -> None:
        self._make_refusals = refusals
        self._refusals: Refusals | None = None
        self._model, self._is_checked = settings.model, is_checked
        self._ask, self._fall_back, self._wake = ask, fall_back, wake
        self._clock = clock or SystemClock()
        self._write = write or sys.stdout.write
        self._circuit = Circuit()
        self._woke_at: datetime | None = None
        self._traces: dict[str, Any] = {}

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer one event; never raises."""
        request_id = request_id_of(event)
        if self._refusals is not None and self._refusals.is_counting:
            self._refusals.settle(self._clock.now())
        try:
            asked = forwarded(event, self._model, is_checked=self._is_checked)
        except MalformedRequestError as error:
            self._record(event, 400, error.code)
            return refusal(400, error=str(error), code=error.code, request_id=request_id)
        self._traces = traces(asked.headers)
        left_s = _left_s(context)
        reason, result = self._from_service(asked, left_s)
        if reason:
            is_waking = reason != "shed" and self._wake_if_absent()
            result = self._instead(event, result, reason, is_waking=is_waking)
        self._count(reason if self._fall_back else "", request_id, result)
        return result

    def _from_service(self, asked: Forwarded, left_s: float) -> tuple[str, dict[str, Any]]:
        """Return what the service answers, or why it is not the one to answer."""
        self._circuit, is_asked = may_ask(self._circuit, now=self._clock.now())
        if not is_asked:
            return "open", {}
        within_s = left_s * (FALLBACK_SHARE if self._fall_back else 1.0) - RESERVE_S
        try:
            answered = self._ask(asked, within_s=max(within_s, RESERVE_S))
        except ServiceUnreachableError as error:
            self._hear(is_answered=False)
            self._log("WARNING", "the service cannot be reached", error=str(error))
            return "unreachable", {}
        is_healthy = answered.status not in UNHEALTHY
        self._hear(is_answered=is_healthy)
        if self._fall_back and _is_shed(answered):
            return "shed", result_of(answered)
        return "" if is_healthy else "unhealthy", result_of(answered)

    def _hear(self, *, is_answered: bool) -> None:
        before = self._circuit.phase
        self._circuit = heard(self._circuit, is_answered=is_answered, now=self._clock.now())
        if self._circuit.phase is not before:
            self._log("WARNING", f"the circuit is {self._circuit.phase.value}")

    def _instead(
        self, event: Mapping[str, Any], result: dict[str, Any], reason: str, *, is_waking: bool
    ) -> dict[str, Any]:
        request_id = request_id_of(event)
        if self._fall_back is not None:
            try:
                return marked(self._fall_back(without_compression(event)), reason)
            except DependencyError as error:
                self._log("ERROR", "the fallback failed as well", error=str(error))
        if is_waking:
            sentence = (
                f"model '{self._model}' had no replica and one is being started; "
                f"try again in {WAKING_S} s"
            )
            self._record(event, 503, "waking")
            return refusal(
                503,
                error=sentence,
                code="waking",
                request_id=request_id,
                retry_after_s=WAKING_S,
            )
        if _is_ours(result):
            return _with_retry(result)
        sentence = f"the service of model '{self._model}' does not answer; try again shortly"
        self._record(event, 503, "unavailable")
        return refusal(
            503,
            error=sentence,
            code="unavailable",
            request_id=request_id,
            retry_after_s=UNAVAILABLE_S,
        )

    def _record(self, event: Mapping[str, Any], status: int, code: str) -> None:
        """Leave auditors a record of what neither the service nor the fallback has answered."""
        if self._make_refusals is None:
            return
        from falaj.capture.refusals import Refusal  # noqa: PLC0415 - where there is something to say

        self._refusals = self._refusals or self._make_refusals()
        known = (event.get("requestContext") or {}).get(CONTEXT_CHECKED) or {}
        tenant, subject = known.get(CONTEXT_TENANT, ""), known.get(CONTEXT_SUBJECT, "")
        self._refusals.note(
            Refusal(code, status, tenant=tenant, subject=subject), self._clock.now()
        )

    def _wake_if_absent(self) -> bool:
        """Wake the service at most every half minute; say whether one is being started."""
        if self._wake is None:
            return False
        now = self._clock.now()
        if self._woke_at is not None and now - self._woke_at < WAKE_EVERY:
            return True
        try:
            self._woke_at = now if self._wake() else None
        except FalajError as error:
            self._log("ERROR", "the service cannot be woken", error=str(error))
        return self._woke_at is not None

    def _count(self, reason: str, request_id: str, result: Mapping[str, Any]) -> None:
        names = (METRIC_ASKED, METRIC_FALLBACKS)
        now, status = self._clock.now(), int(result["statusCode"])
        headers = result.get("headers") or {}
        self._write_line(
            {
                "_aws": {
                    "Timestamp": int(now.timestamp() * 1000),
                    "CloudWatchMetrics": [
                        {
                            "Namespace": METRIC_NAMESPACE,
                            "Dimensions": [[DIMENSION_MODEL]],
                            "Metrics": [{"Name": name, "Unit": "Count"} for name in names],
                        }
                    ],
                },
                DIMENSION_MODEL: self._model,
                METRIC_ASKED: 1,
                METRIC_FALLBACKS: 1 if reason else 0,
                **self._named(now, "ERROR" if status >= OURS else "INFO", "forwarded"),
                "release": headers.get(HEADER_RELEASE),
                "variant": headers.get(HEADER_VARIANT),
                "outcome": _ending(status).value,
                "status": status,
                "request_id": request_id,
                **self._traces,
                **({"fallback": reason} if reason else {}),
            }
        )

    def _log(self, level: str, message: str, **values: str) -> None:
        named = self._named(self._clock.now(), level, message)
        self._write_line({**named, **values, **self._traces})

    def _named(self, now: datetime, level: str, message: str) -> dict[str, str]:
        return {
            "level": level,
            "message": message,
            "timestamp": now.isoformat(),
            "service": "breaker",
            "model_name": self._model,
        }

    def _write_line(self, values: Mapping[str, Any]) -> None:
        self._write(json.dumps(values, separators=(",", ":")) + "\n")


def _ending(status: int) -> Ending:
    if status >= OURS:
        return Ending.ERROR
    return Ending.CLIENT_ERROR if status >= CALLERS else Ending.OK


def _is_shed(answered: Answered) -> bool:
    """Whether a healthy replica had no room for this priority; a quota that is used up stays so."""
    return answered.status == TOO_MANY and b'"code":"shed"' in answered.body


def _is_ours(result: Mapping[str, Any]) -> bool:
    """Whether a replica itself refused; a load balancer's own page is no error body of ours."""
    return str(result.get("headers", {}).get("content-type", "")).startswith("application/json")


def _with_retry(result: dict[str, Any]) -> dict[str, Any]:
    headers = dict(result["headers"])
    headers.setdefault("retry-after", str(UNAVAILABLE_S))
    return {**result, "headers": headers}


def _left_s(context: Any) -> float:  # noqa: ANN401 - Lambda's context has no public type
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return float(remaining()) / 1000 if remaining else DEFAULT_S


def __getattr__(name: str) -> Handler:
    """Make the handler when Lambda asks for it, which it does while it initialises."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = _started(BreakerSettings.from_env())
    return made


def _started(settings: BreakerSettings) -> Handler:
    import boto3  # noqa: PLC0415 - not for whoever makes a breaker of their own

    from falaj.aws.container_services import ContainerServices  # noqa: PLC0415
    from falaj.aws.function_calls import FunctionCalls  # noqa: PLC0415
    from falaj.entrypoints.breaker_upstream import Upstream  # noqa: PLC0415

    services = (
        ContainerServices(boto3.client("ecs"), cluster=settings.cluster, service=settings.service)
        if settings.service
        else None
    )
    from falaj.entrypoints.guarded import guarded, recorded_refusals  # noqa: PLC0415

    is_checked = bool(os.environ.get(ENV_ACCESS))  # noqa: TID251 - read whole where it is set
    make = recorded_refusals()
    refusals = cache(make) if make is not None else None
    breaker = Breaker(
        settings,
        ask=Upstream(settings.endpoint, server_name=settings.server_name),
        fall_back=FunctionCalls(boto3.client("lambda"), arn=settings.fallback)
        if settings.fallback
        else None,
        wake=services.wake if services else None,
        is_checked=is_checked,
        refusals=refusals,
    )
    return guarded(breaker, refusals=refusals) if is_checked else breaker
