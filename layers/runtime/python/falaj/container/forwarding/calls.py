"""gRPC through the gate: bytes are passed on as they came, each call to the method it names.

Registered are the methods that the protocol's callers need. Whatever else the server behind knows
(loading and unloading models, shared memory, its trace and log settings) is answered UNIMPLEMENTED
here and never reaches it.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import grpc  # type: ignore[import-untyped]

from falaj.batching.entry import FIRST_RANK
from falaj.container.auditing import Auditing
from falaj.container.forwarding.call_records import CallRecords
from falaj.container.forwarding.names import Names, names_in
from falaj.container.forwarding.places import Places
from falaj.container.forwarding.relay import Relay, Step
from falaj.container.forwarding.served import Served
from falaj.container.gate import Gate
from falaj.container.grpc.fields import check_fields
from falaj.container.grpc.gated import Door
from falaj.container.grpc.handlers import abort, inferring, recognised, unary, whose
from falaj.container.grpc.intake import Intake
from falaj.container.grpc.streams import Stream, Streams
from falaj.container.ledger import Ledger
from falaj.container.limits import ConnectionLimits
from falaj.container.ranks import Ranks
from falaj.errors import DrainingError, FalajError, ServiceUnreachableError
from falaj.http.service import Limits
from falaj.telemetry.outcome import Outcome
from falaj.telemetry.trace import HEADERS, keep_valid

SERVICE: Final = "inference.GRPCInferenceService"
HEALTH: Final = "grpc.health.v1.Health"
OPERATIONS: Final = {
    "ModelConfig": "model_config",
    "ModelInfer": "infer",
    "ModelMetadata": "model_metadata",
    "ModelReady": "model_ready",
    "ModelStatistics": "statistics",
    "RepositoryIndex": "repository_index",
    "ServerLive": "server_live",
    "ServerMetadata": "server_metadata",
    "ServerReady": "server_ready",
}
"""What REST calls the same, for auditors."""
_INFER, _STREAM = "ModelInfer", "ModelStreamInfer"
_OF_SERVER: Final = frozenset({"RepositoryIndex", "ServerLive", "ServerMetadata", "ServerReady"})
_ENVELOPE_BYTES: Final = 1024 * 1024
_ASIDES, _STREAMS = 4, 32
_NOT_SERVING: Final = b"\x08\x02"
_UNREACHED: Final = "failed to connect"
_CANCELLED: Final = grpc.StatusCode.CANCELLED
_STRINGS: Final = Limits().strings

Context = Any  # grpc.aio.ServicerContext, which has no usable static type


class CallForwarder:
    """Passes calls on.

    Args:
        served: What stands behind.
        endpoint: `host:port` where it answers.
        places: Bounds what is behind.
        ledger: Counts what the gate itself has failed at.
        timeout_s: How long an answer may take.
        body_bytes: Tensors of the largest message.
        gate: Who may call, and how often; None for everybody.
        ranks: Who is refused first; None where tenants have no priorities.
        auditing: Leaves a line of each request for auditors; None where nobody records.

    Attributes:
        message_bytes: The largest message that is read.
        is_draining: Whether new calls are told to go elsewhere.
        under_way: Inferences that have no answer yet.
    """

    def __init__(
        self,
        served: Served,
        endpoint: str,
        places: Places,
        ledger: Ledger,
        *,
        timeout_s: float,
        body_bytes: int,
        gate: Gate | None = None,
        ranks: Ranks | None = None,
        auditing: Auditing | None = None,
    ) -> None:
        self._served, self._places = served, places
        self._timeout_s, self._ranks = timeout_s, ranks
        self._door = Door(gate)
        self._records = CallRecords(served.model, ledger, auditing, self._door)
        self.message_bytes = body_bytes + _ENVELOPE_BYTES
        buffered = ConnectionLimits().buffered_bytes
        self._intake = Intake(capacity_bytes=buffered, message_bytes=self.message_bytes)
        self._asides = Intake(
            capacity_bytes=_ASIDES * self.message_bytes, message_bytes=self.message_bytes
        )
        self._streams = Streams(_STREAMS)
        self.is_draining = False
        self.under_way = 0
        self._channel = grpc.aio.insecure_channel(
            endpoint,
            options=(
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                # It comes up after the gate, and a second's pause is soon enough.
                ("grpc.max_reconnect_backoff_ms", 1000),
            ),
        )

    def drain(self) -> None:
        """Tell new calls to go elsewhere, and streams when they have their answers."""
        self.is_draining = True
        self._streams.drain()

    async def close(self) -> None:
        """Close the way to the server."""
        await self._channel.close()

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What a server registers."""
        methods = {
            name: unary(
                self._forwarding(name),
                None,
                self._asides,
                known=self._door.known,
                unread=self._records.unread(OPERATIONS[name]),
            )
            for name in OPERATIONS.keys() - {_INFER}
        }
        methods[_INFER] = inferring(
            self._forwarding(_INFER),
            self._intake,
            known=self._door.known,
            unread=self._records.unread(OPERATIONS[_INFER]),
        )
        methods[_STREAM] = grpc.stream_stream_rpc_method_handler(self._stream)
        health = {"Check": unary(self._health, None, self._asides, known=Door(None).known)}
        return (
            grpc.method_handlers_generic_handler(SERVICE, methods),
            grpc.method_handlers_generic_handler(HEALTH, health),
        )

    async def _health(self, data: bytes, context: Context) -> bytes:
        if self.is_draining:
            return _NOT_SERVING
        try:
            return await self._asked(f"/{HEALTH}/Check", data, context)
        except (grpc.aio.AioRpcError, ServiceUnreachableError):
            return _NOT_SERVING

    # ------------------------------------------------------------------ calls
    def _forwarding(self, name: str) -> Callable[[bytes, Context], Any]:
        path = f"/{SERVICE}/{name}"

        async def method(data: bytes, context: Context) -> bytes:
            outcome = Outcome(operation=OPERATIONS[name])
            names = Names()
            self.under_way += name == _INFER
            try:
                with ExitStack() as held:
                    names = await self._entered(name, data, context, outcome, held)
                    if self.is_draining and name == "ServerReady":
                        return b""
                    answer = await self._asked(path, data, context)
            except FalajError as error:
                self._records.note(error, outcome, context, data, names)
                raise
            except grpc.aio.AioRpcError as refusal:
                self._records.refused(refusal.code(), outcome, context, data, names)
                context.set_trailing_metadata(refusal.trailing_metadata() or ())
                return await context.abort(refusal.code(), refusal.details() or "")  # type: ignore[no-any-return]
            except asyncio.CancelledError:
                self._records.refused(_CANCELLED, outcome, context, data, names)
                raise
            finally:
                self._door.leave(context)
                self.under_way -= name == _INFER
            self._records.leave(grpc.StatusCode.OK, outcome, context, data, names)
            return answer

        return method

    async def _entered(
        self, name: str, data: bytes, context: Context, outcome: Outcome, held: ExitStack
    ) -> Names:
        """Let a request in, to one of the places where it is an inference."""
        if self.is_draining and name == _INFER:
            raise DrainingError
        if name == _INFER:
            check_fields(data, strings=_STRINGS)
        names = Names() if name in _OF_SERVER else names_in(data)
        await self._door.enter(context, name, names.model)
        if name not in _OF_SERVER:
            self._served.identify(outcome, names.model, names.version)
        if name == _INFER:
            tenant = self._door.caller(context).tenant
            rank = FIRST_RANK if self._ranks is None else self._ranks.of(tenant)
            held.enter_context(self._places.held(rank, tenant))
        return names

    async def _asked(self, path: str, data: bytes, context: Context) -> bytes:
        """Return the server's answer; whoever waits no longer than some time waits no longer.

        Raises:
            grpc.aio.AioRpcError: It refuses.
            ServiceUnreachableError: It takes no connection.
        """
        left_s = context.time_remaining()
        within_s = self._timeout_s if left_s is None else min(left_s, self._timeout_s)
        call = self._channel.unary_unary(path)
        try:
            answer: bytes = await call(data, timeout=within_s, metadata=_metadata(context))
        except grpc.aio.AioRpcError as error:
            raise _unreached(error) or error from None
        return answer

    # ---------------------------------------------------------------- streams
    async def _stream(self, _: object, context: Context) -> None:
        """Pass a stream on, in which each request is looked at as if it came alone."""
        unread = self._records.unread("infer")
        try:
            who = await recognised(context, self._door.known, unread)
        except FalajError as error:
            await abort(context, error)
            return
        relay = Relay(who, enter=self._step, records=self._records)
        stream = Stream(context, relay.begin)
        with ExitStack() as held:
            try:
                held.enter_context(self._streams.opened(stream, whose(who)))
            except FalajError as error:
                unread(error, who)
                await abort(context, error)
            call = self._channel.stream_stream(f"/{SERVICE}/{_STREAM}")(
                timeout=context.time_remaining(), metadata=_metadata(context)
            )
            try:
                await relay.serve(stream, call)
            except FalajError as error:
                await abort(context, error)
            except grpc.aio.AioRpcError as refusal:
                await context.abort(refusal.code(), refusal.details() or "")

    async def _step(self, data: bytes, context: Context, step: Step) -> None:
        """Let a stream's next request in, whose caller may have become another, or nobody."""
        step.context = await self._door.known(context)
        self.under_way += 1
        step.held.callback(self._stepped, step)
        step.names = await self._entered(_INFER, data, step.context, step.outcome, step.held)

    def _stepped(self, step: Step) -> None:
        self._door.leave(step.context)
        self.under_way -= 1


def _metadata(context: Context) -> tuple[tuple[str, str], ...]:
    """What of a call's metadata goes on: no token, nor who calls."""
    given = context.invocation_metadata() or ()
    told = {name: value for name, value in given if name in HEADERS}
    keep_valid(told)
    return tuple(told.items())


def _unreached(error: grpc.aio.AioRpcError) -> ServiceUnreachableError | None:
    """Tell a server that is not there, of which only the gate knows, from one that refuses."""
    is_gone = error.code() is grpc.StatusCode.UNAVAILABLE and _UNREACHED in (error.details() or "")
    return ServiceUnreachableError(reason="no connection") if is_gone else None
