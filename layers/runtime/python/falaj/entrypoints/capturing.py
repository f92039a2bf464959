"""What a function adds to a request's line for auditors: who asked, and for what, both keyed.

Keys are fetched while the environment starts and again, in a thread that nobody waits for, when
they are some minutes old. A request whose tenant has no key is answered all the same; its record
says so instead of naming anybody.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from falaj.capture.keyring import KeyRing
from falaj.domain.access import AccessMode
from falaj.entrypoints.lambda_callers import caller_in
from falaj.errors import AccessError, ServiceError

FRESH: Final = timedelta(minutes=5)
"""After so long a destroyed key is forgotten by environments that live on."""


class Keys:
    """The ring as it was read last.

    Args:
        read: Reads every key; tried at once.
        now: The time.
        start: Runs a piece of work in the background.
    """

    def __init__(
        self,
        read: Callable[[], KeyRing],
        now: datetime,
        *,
        start: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._read, self._start = read, start or _in_a_thread
        self._ring, self._at, self._is_reading = KeyRing(), now, False
        self._again()
        if not self._ring.keys:
            self._at = now - FRESH

    def ring(self, now: datetime) -> KeyRing:
        """Return the ring, and have it read anew if it is old."""
        if now - self._at >= FRESH and not self._is_reading:
            self._is_reading = True
            self._at = now
            self._start(self._again)
        return self._ring

    def _again(self) -> None:
        try:
            self._ring = self._read()
        except ServiceError:
            return  # what was known stays; the next look is five minutes away
        finally:
            self._is_reading = False


class Capture:
    """Describes requests for the audit trail.

    Args:
        keys: Tenants' keys.
        mode: How callers are known.
        tenant_claim: Which claim of a token names the tenant.
    """

    def __init__(self, keys: Keys, *, mode: AccessMode, tenant_claim: str) -> None:
        self._keys, self._mode, self._claim = keys, mode, tenant_claim
        self._stream, self._number = "", 0

    def seen(self, event: object, body: bytes, now: datetime) -> dict[str, Any]:
        """Return what only the function knows of a request; it never fails.

        Records of one environment are numbered, so that one that was lost on its way is missed.
        """
        # Not made while starting: environments restored from one snapshot would share it.
        self._stream = self._stream or token_hex(8)
        self._number += 1
        found: dict[str, Any] = {"stream": self._stream, "number": self._number}
        context = event.get("requestContext") if isinstance(event, dict) else None
        if self._mode is AccessMode.OPEN or not isinstance(context, Mapping):
            return found | {"fault": "nobody was asked who they are"}
        try:
            caller = caller_in(context, self._mode, self._claim)
        except AccessError as error:
            return found | {"fault": error.code}
        key = self._keys.ring(now).current(caller.tenant)
        if key is None:
            return found | {"fault": "the tenant has no key"}
        return found | {"who": key.who(caller.subject), "input": key.input(body)}


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="falaj-capture-keys", daemon=True).start()
