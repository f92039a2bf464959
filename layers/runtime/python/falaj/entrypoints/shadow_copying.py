"""Stable's side of a shadow: which answered requests are copied, and the copies sent."""

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from falaj.domain.clock import Clock
from falaj.domain.shadow import ShadowOrder
from falaj.entrypoints.lambda_events import request_of
from falaj.entrypoints.shadow_copy import Copy, answer_of
from falaj.errors import DependencyError, RequestError
from falaj.telemetry.shadow import skipped_line

LOOK_EVERY: Final = timedelta(seconds=30)
"""How old an order may be; the guard sets aside twice as much after each change."""
FORGET_AFTER: Final = timedelta(minutes=5)
"""How long an order holds that cannot be read again: copies must end even if the way to say so is
dark."""
PAUSE_S: Final = 0.005
"""Until the runtime, the same process and the same interpreter's lock, has sent the answer."""
_TURNED_AWAY: Final = frozenset({401, 403, 429})
"""Answers that no model gave and no metric counts: whoever asked was not let in."""
_TRACE: Final = "_X_AMZN_TRACE_ID"


class Calls(Protocol):
    """What copying asks of AWS."""

    def order(self) -> ShadowOrder | None:
        """Read what the rollout controller wants."""
        ...

    def send(self, version: str, event: bytes, *, trace: str) -> None:
        """Queue a copy for a version."""
        ...


class Copying:
    """Copies a sample of the requests that this environment has answered.

    Args:
        calls: AWS.
        model: The function's model.
        release: This Lambda version.
        clock: The time.
        write: Takes each log line.
        pause: Waits some seconds.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        model: str,
        release: str,
        clock: Clock,
        write: Callable[[str], object],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._calls, self._model, self._release = calls, model, release
        self._clock, self._write, self._pause = clock, write, pause
        self._order: ShadowOrder | None = None
        self._looked: datetime | None = None
        self._known: datetime | None = None

    def consider(
        self, event: Mapping[str, Any], result: Mapping[str, Any], *, request_id: str
    ) -> None:
        """Copy an answered request if it is one of the sample; nothing is raised.

        An order that has grown old is read again first, so that an environment that answers one
        request in its life copies as large a share as any other.

        Args:
            event: What the handler was given.
            result: What it answered.
            request_id: Lambda's own, which no caller chooses.
        """
        trace = os.environ.get(_TRACE, "")  # noqa: TID251 - Lambda sets it for each request
        now = self._clock.now()
        if self._is_old(now):
            self._pause(PAUSE_S)
            self._look(now)
        order = self._order
        if order is None or order.stable != self._release or not order.samples(request_id):
            return
        if result["statusCode"] in _TURNED_AWAY:
            return
        self._pause(PAUSE_S)
        reason = self._copied(event, result, order.candidate, trace)
        if reason:
            line = skipped_line(
                model=self._model,
                release=order.candidate,
                at=now,
                reason=reason,
                keys={"function_request_id": request_id},
            )
            self._write(line + "\n")

    def _copied(
        self, event: Mapping[str, Any], result: Mapping[str, Any], version: str, trace: str
    ) -> str:
        """Send the copy; return why it was not sent."""
        try:
            copy = Copy(request_of(event), answer_of(result))
        except RequestError:
            return "unreadable"
        content = copy.fitted()
        if content is None:
            return "too large"
        try:
            self._calls.send(version, content, trace=trace)
        except DependencyError as error:
            return str(error)
        return ""

    def _is_old(self, now: datetime) -> bool:
        return self._looked is None or abs(now - self._looked) >= LOOK_EVERY

    def _look(self, now: datetime) -> None:
        self._looked = now
        try:
            self._order = self._calls.order()
        except DependencyError:
            if self._known is None or now - self._known >= FORGET_AFTER:
                self._order = None
        else:
            self._known = now
