"""Requests wait for their tenant's count together: one call for all that came meanwhile.

A table takes a thousand writes a second of one item, and a container answers more than that. While
one call of a tenant is under way its further requests wait, and the next call counts them all.
Whoever is known to be over its quota is refused at once: a flood takes no thread from the others.

Source:
    docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html (1,000
    write units a second of one partition).
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import Executor
from typing import Any, Protocol

from falaj.domain.quota import Places
from falaj.errors import FalajError, QuotaExceededError, ServiceError


class CountsTenants(Protocol):
    """Counts requests by tenant; its calls may take their time, all but `refusal`."""

    def refusal(self, tenant: str) -> QuotaExceededError | None:
        """Say at once why a request is refused; None where it is to be counted."""
        ...

    def take(self, tenant: str, wanted: int = 1) -> Places:
        """Take the places of requests that come together."""
        ...

    def give_back(self, held: str, count: int = 1) -> None:
        """Give places back."""
        ...


class Turns:
    """Lets requests of a tenant go on when they are counted.

    Args:
        counts: Who counts.
        pool: Where it does.
    """

    def __init__(self, counts: CountsTenants, pool: Executor) -> None:
        self._counts, self._pool = counts, pool
        self._waiting: dict[str, list[asyncio.Future[str]]] = {}
        self._left: Counter[str] = Counter()
        self._work: set[asyncio.Task[None]] = set()
        self._is_giving = False

    async def take(self, tenant: str) -> str:
        """Wait until a request is counted; return what `give_back` takes in the end.

        Raises:
            QuotaExceededError: The tenant is over its quota.
            ShedError: Capacity is short, and others come first.
        """
        if (refusal := self._counts.refusal(tenant)) is not None:
            raise refusal
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(tenant)
        if waiting is not None:
            waiting.append(turn)
        else:
            self._waiting[tenant] = [turn]
            self._begin(self._count(tenant))
        return await turn

    def give_back(self, held: str) -> None:
        """Give a place back, soon."""
        if not held:
            return
        self._left[held] += 1
        if not self._is_giving:
            self._is_giving = True
            self._begin(self._give())

    async def settled(self) -> None:
        """Wait until everything is counted."""
        while self._work:
            await asyncio.gather(*self._work)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _count(self, tenant: str) -> None:
        loop = asyncio.get_running_loop()
        while turns := self._waiting[tenant]:
            self._waiting[tenant] = []
            try:
                taken = await loop.run_in_executor(
                    self._pool, self._counts.take, tenant, len(turns)
                )
            except FalajError as error:
                self._refuse(turns, error)
                continue
            except Exception as error:  # noqa: BLE001 - the last line: nobody may wait for ever
                self._refuse(turns, ServiceError(f"internal error: {error!r}"[:300]))
                continue
            for turn, held in zip(turns, taken.held, strict=False):
                if turn.done():  # who asked has left meanwhile
                    self.give_back(held)
                else:
                    turn.set_result(held)
            if taken.refusal is not None:
                self._refuse(turns[len(taken.held) :], taken.refusal)
        del self._waiting[tenant]

    @staticmethod
    def _refuse(turns: list[asyncio.Future[str]], error: FalajError) -> None:
        for turn in turns:
            if not turn.done():
                turn.set_exception(error)

    async def _give(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._left:
                left, self._left = self._left, Counter()
                for held, count in left.items():
                    await loop.run_in_executor(self._pool, self._counts.give_back, held, count)
        finally:
            self._is_giving = False
