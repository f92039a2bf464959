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
"""After so long keys are read again, and a destroyed one is forgotten, by processes that work."""
LONGEST: Final = timedelta(hours=1)
"""A key that was read longer ago makes no pseudonym: it may have been destroyed since."""
PATIENCE_S: Final = 0.5
SOON: Final = timedelta(seconds=10)
"""After so long whoever knows no key looks again, and after twice the time each time."""
NOBODY_ASKED: Final = "nobody was asked who they are"
NOBODY_KNOWN: Final = "nobody is known to have asked"
NO_KEY: Final = "the tenant has no key"
UNREAD: Final = "tenants' keys could not be read"


class Keys:
    """The ring as it was read last, unless that is too long ago.

    Args:
        read: Reads every key; tried at once.
        now: The time.
        start: Runs a piece of work in the background.
        patience_s: How long a request waits for keys where those that are known are too old.
    """

    def __init__(
        self,
        read: Callable[[], KeyRing],
        now: datetime,
        *,
        start: Callable[[Callable[[], None]], object] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._read, self._start, self._patience_s = read, start or _in_a_thread, patience_s
        self._ring, self._at, self._is_reading = KeyRing(), now, False
        self._read_at: datetime | None = None
        self._fresh, self._lock, self._done = SOON, threading.Lock(), threading.Event()
        self._again()
        if not self._ring.keys:
            self._at = now - FRESH

    def ring(self, now: datetime) -> KeyRing:
        """Return the ring, and have it read anew if it is old.

        Nobody waits but where the ring was read longer ago than `LONGEST`: in an environment that
        lay idle, or while SSM is dark. It is used no more then.
        """
        if now - self._at >= self._fresh and not self._is_reading:
            self._is_reading = True
            self._at = now
            self._fresh = FRESH if self._ring.keys else min(2 * self._fresh, FRESH)
            self._done.clear()
            self._start(self._again)
            if self._is_too_old(now):
                self._done.wait(self._patience_s)
        if self._is_too_old(now):
            self._forget(now)
        return self._ring

    @property
    def fault(self) -> str:
        """Why a tenant has no key in the ring."""
        return UNREAD if self._read_at is None else NO_KEY

    def _is_too_old(self, now: datetime) -> bool:
        return self._read_at is not None and now - self._read_at > LONGEST

    def _forget(self, now: datetime) -> None:
        with self._lock:
            if self._is_too_old(now):  # and was not read in this moment
                self._ring, self._read_at, self._fresh = KeyRing(), None, SOON

    def _again(self) -> None:
        try:
            ring = self._read()
        except ServiceError:
            return  # what was known stays
        else:
            with self._lock:
                self._ring, self._read_at = ring, self._at
        finally:
            if self._ring.keys:
                self._fresh = FRESH
            self._is_reading = False
            self._done.set()


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
            return self.unnamed(self._keys.fault)
        named = {"tenant": key.name, "who": key.who(subject), "input": key.input(body)}
        return self._next() | named

    def named(self, tenant: str, subject: str, now: datetime) -> dict[str, Any]:
        """Return who asked, and nothing of what: of requests that nobody has read.

        Args:
            tenant: On whose behalf; empty where nobody was believed.
            subject: Who asked.
            now: The time.
        """
        if not tenant:
            return self.unnamed(NOBODY_KNOWN)
        key = self._keys.ring(now).current(tenant)
        if key is None:
            return self.unnamed(self._keys.fault)
        return self._next() | {"tenant": key.name, "who": key.who(subject)}

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
