"""Callers by their tokens: checked once on a thread of its own, then known for a while.

A signature costs a tenth of a millisecond, and the issuer's keys now and then a call of SSM:
neither may hold up the event loop, on which everybody else's requests wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, NamedTuple

from falaj.domain.access import Caller
from falaj.domain.clock import Clock

KEPT_S: Final = 60.0
"""As long as API Gateway keeps the authorizer's answer: a withdrawn key opens nothing after it."""
REMEMBERED: Final = 4096


class _Known(NamedTuple):
    caller: Caller
    until: float


class TokenCallers:
    """Says whose an `authorization` header is.

    Args:
        check: Returns whose it is, or raises an AccessError; it may take its time.
        clock: Tells when a token has expired.
        skew_s: How far the issuer's clock may be from ours.
        pool: Where headers are checked.
    """

    def __init__(
        self, check: Callable[[str], Caller], *, clock: Clock, skew_s: float, pool: Executor
    ) -> None:
        self._check, self._clock, self._skew_s, self._pool = check, clock, skew_s, pool
        self._known: dict[str, _Known] = {}

    def known(self, header: str) -> Caller | None:
        """Return whose a header is that was checked lately; None if it was not."""
        kept = self._known.get(header)
        if kept is None or kept.until <= self._clock.now().timestamp():
            return None
        return kept.caller

    async def caller(self, header: str) -> Caller:
        """Return whose a header is.

        Raises:
            AccessError: Nobody's that is known.
            DependencyError: There are no keys to look with.
        """
        known = self.known(header)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        caller = await loop.run_in_executor(self._pool, self._check, header)
        until = self._clock.now().timestamp() + KEPT_S
        if caller.expires_at is not None:
            until = min(until, caller.expires_at + self._skew_s)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[header] = _Known(caller, until)
        return caller
