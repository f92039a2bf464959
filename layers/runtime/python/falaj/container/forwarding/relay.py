"""One stream between a caller and the server behind the gate.

Requests and answers go their ways at once, each at the pace of who reads. A request is looked at
before it goes on, and has an answer by itself if it may not; who may not call at all ends the
stream. None of the catalogue's models answers a request more than once (`decoupled` in Triton's
configuration), and Triton answers a stream's requests in their order.

Source:
    github.com/triton-inference-server/common, protobuf/grpc_service.proto
    (`ModelStreamInferResponse`: error_message 1, infer_response 2); …/server, src/grpc/
    infer_handler.h (`EnqueueForResponse`: responses are "delivered in the correct order").
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import grpc  # type: ignore[import-untyped]

from falaj.container.forwarding.call_records import CallRecords
from falaj.container.forwarding.names import Names
from falaj.container.grpc.handlers import abort
from falaj.container.grpc.messages import message
from falaj.errors import FalajError, ForbiddenError, UnauthenticatedError
from falaj.telemetry.outcome import Outcome

_AHEAD: Final = 16
"""Answers that wait for a caller who does not read, before the server's are read no further."""
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
        call: The stream to the server.
        context: The caller's.
        enter: Lets a request in, or raises.
        records: Notes what each request came to.
    """

    def __init__(
        self,
        call: Any,  # noqa: ANN401 - grpc has no usable static type
        context: Context,
        *,
        enter: Callable[[bytes, Context, Step], Awaitable[None]],
        records: CallRecords,
    ) -> None:
        self._call, self._context = call, context
        self._enter, self._records = enter, records
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._steps: deque[Step] = deque()
        self._failure: FalajError | None = None
        self._refusal: grpc.aio.AioRpcError | None = None

    async def answers(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what goes back; ends, or aborts the call, as the server's stream does."""
        work = [asyncio.ensure_future(each) for each in (self._pump(requests), self._read())]
        try:
            while (answer := await self._answers.get()) is not None:
                yield answer
            await self._end()
        finally:
            for each in work:
                each.cancel()
            self._call.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            while self._steps:
                self._finish(self._steps.popleft(), grpc.StatusCode.CANCELLED)

    async def _pump(self, requests: AsyncIterator[bytes]) -> None:
        async for data in requests:
            step = Step(data, self._context)
            try:
                with step.held:
                    await self._enter(data, self._context, step)
                    step.held = step.held.pop_all()
            except FalajError as error:
                self._records.note(error, step.outcome, step.context, data, step.names)
                if isinstance(error, UnauthenticatedError | ForbiddenError):
                    self._failure = error  # told when those before have their answers
                    break
                refused: bytes = _FAILED(error_message=str(error)).SerializeToString()
                await self._answers.put(refused)
                continue
            self._steps.append(step)
            await self._call.write(data)
        await self._call.done_writing()

    async def _read(self) -> None:
        try:
            while (answer := await self._call.read()) is not grpc.aio.EOF:
                if self._steps:
                    is_error = answer[:1] == _ERROR
                    code = grpc.StatusCode.INTERNAL if is_error else grpc.StatusCode.OK
                    self._finish(self._steps.popleft(), code)
                await self._answers.put(answer)
        except grpc.aio.AioRpcError as refusal:
            self._refusal = refusal
        await self._answers.put(None)

    def _finish(self, step: Step, code: grpc.StatusCode) -> None:
        told = (step.outcome, step.context, step.data, step.names)
        if code is grpc.StatusCode.OK:
            self._records.leave(code, *told)
        else:
            self._records.refused(code, *told)
        step.held.close()

    async def _end(self) -> None:
        if self._failure is not None:
            await abort(self._context, self._failure)
        if self._refusal is not None:
            while self._steps:
                self._finish(self._steps.popleft(), self._refusal.code())
            await self._context.abort(self._refusal.code(), self._refusal.details() or "")
