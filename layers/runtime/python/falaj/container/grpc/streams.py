"""A stream's requests run together, and are answered in the order in which they came.

As Triton does it: the next request is read while those before are computed, so that a single stream
fills batches, and an answer waits for those before it. Unlike there, what may be under way is
bounded: who does not read his answers is read no further himself.

Source:
    github.com/triton-inference-server/server, src/grpc/stream_infer_handler.cc
    (`EnqueueForResponse`: "its response is sent in the same order as the request was received"; the
    next read is begun as soon as a request is in flight).
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from falaj.errors import CrowdedError, DrainingError

Begin = Callable[[bytes], Awaitable["asyncio.Future[bytes]"]]
"""Begins a request; its future gives the answer, or raises what ends the stream."""

Context = Any  # grpc.aio.ServicerContext, which has no usable static type


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What one stream may hold before its next request is read.

    Attributes:
        requests: Of which the answers are not sent yet; two full batches of the usual size.
        unknown: Likewise, as long as no answer has told how large they are.
        held_bytes: Of these requests, of answers that wait to be sent, and of those that are to be
            expected. The largest message may come on top.
    """

    requests: int = 64
    unknown: int = 8
    held_bytes: int = 2 * 1024 * 1024


class _Step:
    """A request on its way, and how many bytes are held for it."""

    __slots__ = ("answer", "held_bytes", "is_over")

    def __init__(self, answer: "asyncio.Future[bytes]") -> None:
        self.answer, self.held_bytes, self.is_over = answer, 0, False


class Stream:
    """One stream.

    Args:
        context: The call's.
        begin: Begins each request, in their order.
        limits: Bounds.
    """

    def __init__(self, context: Context, begin: Begin, limits: StreamLimits | None = None) -> None:
        self._context, self._begin = context, begin
        self._limits = limits or StreamLimits()
        self._steps: deque[_Step] = deque()
        self._held_bytes = self._unanswered = 0
        self._largest_answer: int | None = None
        self._has_come, self._has_room = asyncio.Event(), asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_reading = False
        self._ending: BaseException | None = None

    async def serve(self) -> None:
        """Answer everything that is read, until the caller sends no more.

        Raises:
            BaseException: What a request, or `end`, has ended the stream with.
        """
        self._reader = asyncio.ensure_future(self._read())
        self._reader.add_done_callback(lambda _: self._has_come.set())
        try:
            while (step := await self._next()) is not None:
                await self._context.write(await step.answer)
                self._steps.popleft()
                self._hold(step, 0)
                step.is_over = True
            if self._ending is not None:
                raise self._ending
            await self._reader
        finally:
            work: list[asyncio.Future[Any]] = [step.answer for step in self._steps]
            work.append(self._reader)
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    def end(self, ending: BaseException) -> None:
        """Read nothing more; when what was read is answered, `serve` raises this."""
        if self._reader is None or self._reader.done():
            return
        self._ending = self._ending or ending
        self._has_room.set()
        if self._is_reading:
            self._reader.cancel()

    async def _read(self) -> None:
        while (data := await self._message()) is not None:
            step = _Step(await self._begin(data))
            self._hold(step, len(data))
            self._steps.append(step)
            self._unanswered += 1
            self._has_come.set()
            # An answer is held from when it is there, which may be before its turn.
            step.answer.add_done_callback(partial(self._answered, step))
            while self._is_full():
                self._has_room.clear()
                await self._has_room.wait()

    async def _message(self) -> bytes | None:
        if self._ending is not None:
            return None
        self._is_reading = True
        data = await self._context.read()
        self._is_reading = False
        return data if isinstance(data, bytes) else None

    async def _next(self) -> _Step | None:
        """Return the first request that has no answer; None when there will be none."""
        while not self._steps:
            if self._reader is not None and self._reader.done():
                return None
            self._has_come.clear()
            await self._has_come.wait()
        return self._steps[0]

    def _is_full(self) -> bool:
        if self._ending is not None:
            return False
        limits, largest = self._limits, self._largest_answer
        if largest is None:
            most, expected = min(limits.unknown, limits.requests), 0
        else:
            most, expected = limits.requests, largest * self._unanswered
        return len(self._steps) >= most or self._held_bytes + expected >= limits.held_bytes

    def _answered(self, step: _Step, answer: "asyncio.Future[bytes]") -> None:
        is_failed = answer.cancelled() or answer.exception() is not None
        size = 0 if is_failed else len(answer.result())
        self._unanswered -= 1
        self._largest_answer = max(size, self._largest_answer or 0)
        self._hold(step, size)

    def _hold(self, step: _Step, size: int) -> None:
        """Hold so many bytes for a request, instead of those that were."""
        if not step.is_over:
            self._held_bytes += size - step.held_bytes
            step.held_bytes = size
        self._has_room.set()


class Streams:
    """The open streams of a server.

    Args:
        most: Open at once, each of which may at any time send a message of the largest size; one
            caller alone has three quarters of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._open: dict[Stream, None] = {}
        self._is_draining = False

    @contextmanager
    def opened(self, stream: Stream, who: str) -> Iterator[Stream]:
        """Count a stream while it is open.

        Args:
            stream: The stream.
            who: Whose it is.

        Raises:
            CrowdedError: There are enough, or enough of this caller's.
            DrainingError: None is opened any more.
        """
        if self._is_draining:
            raise DrainingError
        held, most = self._held, self._most
        if held.total() >= most or held[who] >= most - most // 4:
            raise CrowdedError
        held[who] += 1
        self._open[stream] = None
        try:
            yield stream
        finally:
            del self._open[stream]
            held[who] -= 1
            if not held[who]:
                del held[who]

    def drain(self) -> None:
        """Open none, and end those that are open as soon as what they have sent is answered."""
        self._is_draining = True
        for stream in self._open:
            stream.end(DrainingError())


class Turns:
    """Requests of one sequence, each begun when those before it are over.

    Others, and those of other sequences, wait for nobody.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, asyncio.Event] = {}

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for a request's turn, in the order of calls; None waits for nobody."""
        if key is None:
            yield
            return
        before, over = self._last.get(key), asyncio.Event()
        self._last[key] = over
        try:
            if before is not None:
                await before.wait()
            yield
        finally:
            over.set()
            if self._last[key] is over:
                del self._last[key]
