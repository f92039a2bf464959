"""One stream between a caller and the server behind the gate.

A request is looked at before it goes on, and has an answer by itself if it may not, in its turn
among the others; who may not call at all ends the stream. None of the catalogue's models answers a
request more than once (`decoupled` in Triton's configuration), and Triton answers a stream's
requests in their order.

Source:
    github.com/triton-inference-server/common, protobuf/grpc_service.proto
    (`ModelStreamInferResponse`: error_message 1, infer_response 2); …/server, src/grpc/
    infer_handler.h (`EnqueueForResponse`: responses are "delivered in the correct order").
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import grpc  # type: ignore[import-untyped]

from falaj.container.forwarding.call_records import CallRecords
from falaj.container.forwarding.names import Names
from falaj.container.grpc.messages import message
from falaj.container.grpc.statuses import code_of
from falaj.container.grpc.streams import Stream
from falaj.errors import (
    FalajError,
    ForbiddenError,
    ServiceUnreachableError,
    UnauthenticatedError,
)
from falaj.telemetry.outcome import Outcome

_ERROR: Final = b"\x0a"
"""How an answer begins that is an error: with the field of its sentence."""
_FAILED: Final = message("ModelStreamInferResponse")

Context = Any  # grpc.aio.ServicerContext, which has no usable static type


@dataclass(slots=True)
class Step:
    """A request of a stream, from its coming to its answer."""

    data: bytes
    context: Context
    outcome: Outcome = field(default_factory=lambda: Outcome(operation="infer"))
    names: Names = field(default_factory=Names)
    held: ExitStack = field(default_factory=ExitStack)


class Relay:
    """Relays one stream.

    Args:
        context: The caller's.
        enter: Lets a request in, or raises.
        records: Notes what each request came to.
    """

    def __init__(
        self,
        context: Context,
        *,
        enter: Callable[[bytes, Context, Step], Awaitable[None]],
        records: CallRecords,
    ) -> None:
        self._context = context
        self._enter, self._records = enter, records
        self._call: Any = None
        self._refusal: grpc.aio.AioRpcError | FalajError | None = None
        self._sent: deque[tuple[Step, asyncio.Future[bytes]]] = deque()

    async def serve(self, stream: Stream, call: Any) -> None:  # noqa: ANN401 - grpc has no usable static type
        """Serve a stream from another.

        Args:
            stream: The caller's, whose requests begin with `begin`.
            call: The server's.

        Raises:
            FalajError: Whoever calls may do so no longer, or nobody may.
            grpc.aio.AioRpcError: The server has ended its stream.
        """
        self._call = call
        reader = asyncio.ensure_future(self._read(stream))
        try:
            await stream.serve()
            await call.done_writing()
            await reader
        finally:
            reader.cancel()
            call.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            while self._sent:
                self._finish(self._sent.popleft()[0], grpc.StatusCode.CANCELLED)

    async def begin(self, data: bytes) -> "asyncio.Future[bytes]":
        """Let a request in and send it on; its future gives the answer."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        step = Step(data, self._context)
        try:
            with step.held:
                await self._enter(data, self._context, step)
                step.held = step.held.pop_all()
        except FalajError as error:
            self._records.note(error, step.outcome, step.context, data, step.names)
            if isinstance(error, UnauthenticatedError | ForbiddenError):
                answer.set_exception(error)
            else:
                answer.set_result(_FAILED(error_message=str(error)).SerializeToString())
            return answer
        self._sent.append((step, answer))
        if self._refusal is not None:
            self._refuse(self._refusal)
            return answer
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader is told why
            await self._call.write(data)
        return answer

    async def _read(self, stream: Stream) -> None:
        try:
            while (answer := await self._call.read()) is not grpc.aio.EOF:
                if self._sent:
                    step, waiting = self._sent.popleft()
                    is_error = answer[:1] == _ERROR
                    self._finish(step, grpc.StatusCode.INTERNAL if is_error else grpc.StatusCode.OK)
                    if not waiting.done():
                        waiting.set_result(answer)
            self._refusal = ServiceUnreachableError(reason="it has ended the stream")
        except grpc.aio.AioRpcError as error:
            self._refusal = error
        self._refuse(self._refusal)
        stream.end(self._refusal)

    def _refuse(self, refusal: grpc.aio.AioRpcError | FalajError) -> None:
        """Say to whoever waits that the server has ended its stream."""
        code = code_of(refusal) if isinstance(refusal, FalajError) else refusal.code()
        while self._sent:
            step, waiting = self._sent.popleft()
            self._finish(step, code)
            if not waiting.done():
                waiting.set_exception(refusal)

    def _finish(self, step: Step, code: grpc.StatusCode) -> None:
        told = (step.outcome, step.context, step.data, step.names)
        if code is grpc.StatusCode.OK:
            self._records.leave(code, *told)
        else:
            self._records.refused(code, *told)
        step.held.close()
