"""How a method becomes a handler of grpc's server, and an error its status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError

from falaj.container.grpc.fields import SMALL_BYTES
from falaj.container.grpc.intake import Intake
from falaj.container.grpc.messages import Message
from falaj.container.grpc.statuses import code_of, trailers_of
from falaj.errors import (
    FalajError,
    MalformedRequestError,
    PayloadTooLargeError,
    ServiceError,
)

Context = Any  # grpc.aio.ServicerContext, which has no usable static type
Method = Callable[[Message, Context], Awaitable[Message]]


def unary(
    method: Callable[[bytes, Context], Awaitable[Any]],
    serializer: Callable[[Any], bytes] | None,
    intake: Intake,
    *,
    known: Callable[[Context], Awaitable[Context]],
    unread: Callable[[FalajError, Context], None] = lambda _error, _context: None,
) -> Any:  # noqa: ANN401 - grpc.RpcMethodHandler, which has no usable static type
    """Make a handler of one message that is read only where there is room for it.

    On the wire it is an ordinary unary call; a handler of streams is asked when to read.
    """

    async def handler(_: AsyncIterator[bytes], context: Context) -> Any:  # noqa: ANN401 - as above
        size, whom = 0, ""
        try:
            who = await recognised(context, known, unread)
            whom = whose(who)
            data = await _taken(intake, who, unread)
            size = len(data)
            return await method(data, who)
        except FalajError as error:
            failure = error
        except ParseError as error:
            failure = ServiceError(f"internal error: {error}"[:300])
        finally:
            intake.give(size, who=whom)
        return await abort(context, failure)

    return grpc.stream_unary_rpc_method_handler(handler, response_serializer=serializer)


def inferring(
    method: Callable[[bytes, Context], Awaitable[bytes]],
    intake: Intake,
    *,
    known: Callable[[Context], Awaitable[Context]],
    unread: Callable[[FalajError, Context], None],
) -> Any:  # noqa: ANN401 - grpc.RpcMethodHandler, which has no usable static type
    """Make a handler as `unary` does, whose answer takes room too, until its caller has read it.

    An answer that a handler returns is grpc's own, and nobody hears when it has left; of one that
    is written one does. That costs some 20 us of a call.
    """

    async def handler(_: object, context: Context) -> None:
        size, whom = 0, ""
        try:
            who = await recognised(context, known, unread)
            whom = whose(who)
            data = await _taken(intake, who, unread)
            size = len(data)
            answer = await method(data, who)
        except FalajError as error:
            await abort(context, error)
            return
        finally:
            intake.give(size, who=whom)
        del data
        await intake.hand_out(answer, context.write, who=whom)

    return grpc.stream_stream_rpc_method_handler(handler)


async def recognised(
    context: Context,
    known: Callable[[Context], Awaitable[Context]],
    unread: Callable[[FalajError, Context], None],
) -> Context:
    """Look who calls, before anything of what he sends is read; whom nobody knows is noted."""
    try:
        return await known(context)
    except FalajError as error:
        unread(error, context)
        raise


async def _taken(
    intake: Intake, context: Context, unread: Callable[[FalajError, Context], None]
) -> bytes:
    try:
        return await intake.take(lambda: _message_of(context), who=whose(context))
    except FalajError as error:
        unread(error, context)
        raise


def whose(context: Context) -> str:
    """Name who shares the room with others: a tenant that is known, or else a connection."""
    who = getattr(context, "who", None)
    return f"tenant {who.tenant}" if who is not None and who.tenant else str(context.peer())


async def _message_of(context: Context) -> bytes:
    data = await context.read()
    if not isinstance(data, bytes):
        raise MalformedRequestError("the call ended before its message")
    return data


async def abort(context: Context, failure: FalajError) -> Any:  # noqa: ANN401 - never returns
    """End a call with an error."""
    context.set_trailing_metadata(trailers_of(failure))
    return await context.abort(code_of(failure), str(failure))


def parsing(
    kind: type[Message], method: Method, *, is_refused: bool = False
) -> Callable[[bytes, Context], Awaitable[Message]]:
    """Let a method be given its message's bytes.

    A large message that holds no tensors is not read: a million entries of a map take a second, in
    which nobody else has an answer.

    Args:
        kind: The message.
        method: Answers it.
        is_refused: Whether it is refused whatever it says, as models to load are.
    """
    name = kind.DESCRIPTOR.name

    async def parsed(data: bytes, context: Context) -> Message:
        if len(data) > SMALL_BYTES:
            if not is_refused:
                raise PayloadTooLargeError(
                    what=f"the {name}", limit=SMALL_BYTES, mend="name a model and its version"
                )
            data = b""
        try:
            request = kind.FromString(data)
        except DecodeError as error:
            raise MalformedRequestError(f"the message is no {name}") from error
        return await method(request, context)

    return parsed
