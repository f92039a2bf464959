"""Messages are let in only where there is room for them, over all connections together.

A call's message is read when the server asks for it, and what has not been asked for stays with its
sender (HTTP/2's flow control, 64 KiB ahead). So room for the largest message is set aside before
one is read, and given back but for its real size when it is there. Who stalls half-way loses the
place when others wait for it.

Source: github.com/grpc/grpc, doc/core/transport_explainer.md and include/grpc/impl/
channel_arg_names.h (GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES: 64 KiB).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from falaj.errors import CrowdedError

_AHEAD_BYTES: Final = 64 * 1024
"""Of an answer; as much leaves before its caller reads (HTTP/2's first window)."""

_PATIENCE_S: Final = 0.5
"""How long one waits for room before those who have been sending for as long must go."""


class _Reader:
    """Somebody whose message is coming in."""

    __slots__ = ("is_evicted", "since", "task", "who")

    def __init__(self, who: str, since: float) -> None:
        self.task, self.who, self.since = asyncio.current_task(), who, since
        self.is_evicted = False


class Intake:
    """Room for messages and large answers, in bytes.

    Callers take turns, and one who is known has never all of it: who sends nothing on many calls
    keeps the others neither out nor waiting behind them.

    Args:
        capacity_bytes: Of all messages that are read or held.
        message_bytes: Of the largest one.
        patience_s: How long one waits for room.

    Attributes:
        held_bytes: Bytes that are set aside or held now.
    """

    def __init__(
        self, *, capacity_bytes: int, message_bytes: int, patience_s: float = _PATIENCE_S
    ) -> None:
        self.held_bytes = 0
        self._capacity, self._largest = max(capacity_bytes, message_bytes), message_bytes
        places = self._capacity // self._largest
        self._most = max(1, places - max(1, places // 4))
        self._patience_s = patience_s
        self._readers: dict[_Reader, None] = {}
        self._reading: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[bool]]] = {}

    async def take(self, read: Callable[[], Awaitable[bytes]], *, who: str = "") -> bytes:
        """Read a message; its bytes are held until `give` is told of them.

        Args:
            read: Reads it.
            who: Whose it is; where nobody says, all stand in one line.

        Raises:
            CrowdedError: There was no room in time, or this one stalled while others waited.
        """
        if self._is_next(who) and who not in self._waiting:
            self._set_aside(who)
        else:
            await self._room(who)
        reader = _Reader(who, asyncio.get_running_loop().time())
        self._readers[reader] = None
        size = 0
        try:
            data = await read()
            size = len(data)
        except asyncio.CancelledError:
            if reader.is_evicted and reader.task is not None and not reader.task.uncancel():
                raise CrowdedError from None
            raise
        finally:
            del self._readers[reader]
            self._read(who, size)
        return data

    async def hand_out(
        self, answer: bytes, write: Callable[[bytes], Awaitable[None]], *, who: str = ""
    ) -> None:
        """Write an answer; the bytes of a large one are held until its caller has read them.

        grpc offers no way to take an answer back, so nobody is let go for not reading: he has no
        further request read when his answers fill what one caller may have.

        Args:
            answer: The answer.
            write: Writes it, as far as its caller reads.
            who: Whose it is.
        """
        size = len(answer)
        if size <= _AHEAD_BYTES:
            with suppress(TimeoutError):  # grpc keeps it for him
                async with asyncio.timeout(self._patience_s):
                    await write(answer)
            return
        self.held_bytes += size
        self._kept[who] += size
        try:
            await write(answer)
        finally:
            self.give(size, who=who)

    def give(self, size: int, *, who: str = "") -> None:
        """Give a message's room back."""
        self._kept[who] -= size
        if not self._kept[who]:
            del self._kept[who]
        self._make_room(size)

    def _make_room(self, size: int) -> None:
        """Make room, for whoever has waited longest of those whose turn it is."""
        self.held_bytes -= size
        while (who := next(filter(self._is_next, self._waiting), None)) is not None:
            lane = self._waiting.pop(who)
            turn = lane.popleft()
            if lane:
                self._waiting[who] = lane  # behind the others
            if not turn.done():
                self._set_aside(who)
                turn.set_result(True)

    def _is_next(self, who: str) -> bool:
        """Whether there is room for one more of theirs."""
        has_room = self.held_bytes + self._largest <= self._capacity
        return has_room and not self._has_most(who)

    def _has_most(self, who: str) -> bool:
        held_bytes = self._reading[who] * self._largest + self._kept[who]
        return bool(who) and held_bytes >= self._most * self._largest

    def _set_aside(self, who: str) -> None:
        self.held_bytes += self._largest
        self._reading[who] += 1

    def _read(self, who: str, size: int) -> None:
        """Note that a message of this size has come, or will not."""
        self._reading[who] -= 1
        if not self._reading[who]:
            del self._reading[who]
        if size:
            self._kept[who] += size
        self._make_room(self._largest - size)

    async def _room(self, who: str) -> None:
        """Wait until room is set aside; after a while take it from whoever has long been sending.

        Raises:
            CrowdedError: There was none.
        """
        for is_last in (False, True):
            if await self._turn(who, is_last=is_last):
                return
            self._evict(who)
        raise CrowdedError

    async def _turn(self, who: str, *, is_last: bool) -> bool:
        """Wait for room; False when patience is at its end."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        lane = self._waiting.setdefault(who, deque())
        # Who has waited before stands first.
        (lane.appendleft if is_last else lane.append)(turn)
        timer = loop.call_later(self._patience_s, _resolve, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._read(who, 0)
            raise
        finally:
            timer.cancel()
            turn.cancel()
            self._forget(who, turn)

    def _forget(self, who: str, turn: "asyncio.Future[bool]") -> None:
        lane = self._waiting.get(who)
        if lane is not None and turn in lane:
            lane.remove(turn)
            if not lane:
                del self._waiting[who]

    def _evict(self, who: str) -> None:
        """Let go of the one who has been sending for longest, of those who read most at once."""
        before = asyncio.get_running_loop().time() - self._patience_s
        stalled = [
            reader
            for reader in self._readers
            if reader.since <= before
            and not reader.is_evicted
            and (reader.who == who or not self._has_most(who))
        ]
        if not stalled:
            return
        found = max(stalled, key=lambda reader: self._reading[reader.who])
        found.is_evicted = True
        if found.task is not None:
            found.task.cancel()


def _resolve(turn: "asyncio.Future[bool]") -> None:
    if not turn.done():
        turn.set_result(False)
