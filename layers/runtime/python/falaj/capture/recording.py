"""What a process adds to a request's line for auditors: who asked, and for what, both keyed.

Keys are fetched while the process starts and again, in a thread that nobody waits for, when they
are some minutes old. A request whose tenant has no key is answered all the same; its record says so
instead of naming anybody.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from falaj.capture.keyring import KeyRing
from falaj.errors import ServiceError

FRESH: Final = timedelta(minutes=5)
"""After so long a destroyed key is forgotten by processes that live on."""
SOON: Final = timedelta(seconds=10)
"""After so long whoever knows no key looks again, and after twice the time each time."""
NOBODY_ASKED: Final = "nobody was asked who they are"


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
        self._fresh = SOON
        self._again()
        if not self._ring.keys:
            self._at = now - FRESH

    def ring(self, now: datetime) -> KeyRing:
        """Return the ring, and have it read anew if it is old."""
        if now - self._at >= self._fresh and not self._is_reading:
            self._is_reading = True
            self._at = now
            self._fresh = FRESH if self._ring.keys else min(2 * self._fresh, FRESH)
            self._start(self._again)
        return self._ring

    def _again(self) -> None:
        try:
            self._ring = self._read()
        except ServiceError:
            return  # what was known stays
        finally:
            if self._ring.keys:
                self._fresh = FRESH
            self._is_reading = False


class Recording:
    """Describes requests for the audit trail, each with the next number of this process.

    Args:
        keys: Tenants' keys.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._stream, self._number = "", 0

    def of(self, tenant: str, subject: str, body: bytes, now: datetime) -> dict[str, Any]:
        """Return what is known of a request whose caller is known; it never fails."""
        key = self._keys.ring(now).current(tenant)
        if key is None:
            return self.unnamed("the tenant has no key")
        return self._next() | {"who": key.who(subject), "input": key.input(body)}

    def unnamed(self, fault: str) -> dict[str, Any]:
        """Return what is known of a request where nobody can be named.

        Args:
            fault: Why.
        """
        return self._next() | {"fault": fault}

    def _next(self) -> dict[str, Any]:
        """Number a record, so that one that was lost on its way is missed."""
        # Not made while starting: environments restored from one snapshot would share it.
        self._stream = self._stream or token_hex(8)
        self._number += 1
        return {"stream": self._stream, "number": self._number}


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="falaj-capture-keys", daemon=True).start()
