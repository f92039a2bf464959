"""Messages are let in only where there is room for them, over all connections together.

A call's message is read when the server asks for it, and what has not been asked for stays with its
sender (HTTP/2's flow control, 64 KiB ahead). So room for the largest message is set aside before
one is read, and given back but for its real size when it is there. Who stalls half-way loses the
place when others wait for it.

Source: github.com/grpc/grpc, doc/core/transport_explainer.md and include/grpc/impl/
channel_arg_names.h (GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES: 64 KiB).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from falaj.errors import CrowdedError

_PATIENCE_S: Final = 0.5
"""How long one waits for room before those who have been sending for as long must go."""


class _Reader:
    """Somebody whose message is coming in."""

    __slots__ = ("is_evicted", "since", "task")

    def __init__(self, since: float) -> None:
        self.task, self.since, self.is_evicted = asyncio.current_task(), since, False


class Intake:
    """Room for messages, in bytes.

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
        self._patience_s = patience_s
        self._readers: dict[_Reader, None] = {}
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def take(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """Read a message; its bytes are held until `give` is told of them.

        Raises:
            CrowdedError: There was no room in time, or this one stalled while others waited.
        """
        if self._waiting or not self._has_room:
            await self._room()
        else:
            self.held_bytes += self._largest
        reader = _Reader(asyncio.get_running_loop().time())
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
            self.give(self._largest - size)
        return data

    def give(self, size: int) -> None:
        """Make room again, for whoever has waited longest."""
        self.held_bytes -= size
        while self._waiting and self._has_room:
            turn = self._waiting.popleft()
            if not turn.done():
                self.held_bytes += self._largest
                turn.set_result(True)

    @property
    def _has_room(self) -> bool:
        return self.held_bytes + self._largest <= self._capacity

    async def _room(self) -> None:
        """Wait until room is set aside; after a while take it from whoever has long been sending.

        Raises:
            CrowdedError: There was none.
        """
        for is_last in (False, True):
            if await self._turn(is_last=is_last):
                return
            self._evict()
        raise CrowdedError

    async def _turn(self, *, is_last: bool) -> bool:
        """Wait for room; False when patience is at its end."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        # Who has waited before stands first.
        (self._waiting.appendleft if is_last else self._waiting.append)(turn)
        timer = loop.call_later(self._patience_s, _resolve, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give(self._largest)
            raise
        finally:
            timer.cancel()
            turn.cancel()
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _evict(self) -> None:
        """Let go of the one who has been sending for longest, if that is long."""
        before = asyncio.get_running_loop().time() - self._patience_s
        for reader in self._readers:
            if reader.since <= before and not reader.is_evicted and reader.task is not None:
                reader.is_evicted = True
                reader.task.cancel()
                return


def _resolve(turn: "asyncio.Future[bool]") -> None:
    if not turn.done():
        turn.set_result(False)
