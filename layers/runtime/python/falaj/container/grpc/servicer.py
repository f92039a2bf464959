"""The service's methods: the same models, workers and checks that REST has."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from falaj.batching.entry import FIRST_RANK
from falaj.container.auditing import Asked, Auditing
from falaj.container.call import Answer, Call
from falaj.container.front import read_schedule
from falaj.container.gate import Gate
from falaj.container.grpc.codec import inference_of_message, response_of
from falaj.container.grpc.fields import check_fields
from falaj.container.grpc.gated import Door
from falaj.container.grpc.handlers import (
    Context,
    Method,
    abort,
    inferring,
    parsing,
    recognised,
    unary,
    whose,
)
from falaj.container.grpc.intake import Intake
from falaj.container.grpc.messages import POOL, SERVICE, Message, message
from falaj.container.grpc.statuses import code_of
from falaj.container.grpc.streams import Stream, Streams, Turns
from falaj.container.ledger import Ledger
from falaj.container.limits import ConnectionLimits
from falaj.container.ranks import Ranks
from falaj.container.workforce import Workforce
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.errors import (
    DrainingError,
    FalajError,
    ForbiddenError,
    ImmutableRepositoryError,
    InvalidOutputError,
    MalformedRequestError,
    RequestError,
    ShedError,
    UnauthenticatedError,
)
from falaj.http import metadata
from falaj.http.absent import METHODS, Absent
from falaj.http.service import Service
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.trace import traces

_INFER: Final = message("ModelInferRequest")
_STREAMED: Final = message("ModelStreamInferResponse")
_NS: Final = 1_000_000_000
_ENVELOPE_BYTES: Final = 1024 * 1024  # names, shapes and parameters around the tensors
_HEALTH: Final = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
_ABOUT_US: Final = (b"", b"\x0a\x00", b"\x0a%c%b" % (len(SERVICE), SERVICE.encode()))
"""HealthCheckRequest{service} and HealthCheckResponse{status}: the whole server, or the service.

Source: github.com/grpc/grpc, doc/health-checking.md.
"""
_STATUS_WANTED: Final = ("triton_grpc_error", "true")
"""Asks that a stream end with an error's own status.

Source: github.com/triton-inference-server/server, docs/customization_guide/inference_protocols.md
("GRPC Status Codes").
"""

_CHANGES: Final = ("RepositoryModelLoad", "RepositoryModelUnload")
_REFUSED: Final = frozenset({*METHODS, *_CHANGES})
"""Whatever their message says."""

_OPERATIONS: Final = {
    "ServerLive": "server_live",
    "ServerReady": "server_ready",
    "ServerMetadata": "server_metadata",
    "ModelReady": "model_ready",
    "ModelMetadata": "model_metadata",
    "ModelConfig": "model_config",
    "ModelStatistics": "statistics",
    "RepositoryIndex": "repository_index",
}
"""What REST calls the same, for auditors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may be read or held at once, over all connections.

    Attributes:
        buffered_bytes: Messages of inferences together, as REST's bodies have it.
        asides: Messages of all other calls, each of the largest size.
        checks: Messages of health checks likewise: a replica that is only crowded must not be taken
            for a dead one.
        streams: Open streams, each of which may at any time send a message of the largest size.
    """

    buffered_bytes: int = ConnectionLimits().buffered_bytes
    asides: int = 4
    checks: int = 2
    streams: int = 32


class Servicer:
    """Answers the service's methods.

    Args:
        service: What is served.
        workforce: Who computes.
        ledger: Where endings are counted.
        is_ready: Whether load balancers should send requests.
        room: How much may be read or held at once.
        ranks: Who leaves a full queue first; None where tenants have no priorities.
        auditing: Leaves a line of each request for auditors; None where nobody records.
        gate: Who may call, and how often; None for everybody.

    Attributes:
        message_bytes: The largest message that is read.
        is_draining: Whether new calls are told to go elsewhere.
        under_way: Inferences that have no answer yet.
    """

    def __init__(
        self,
        service: Service,
        workforce: Workforce,
        ledger: Ledger,
        *,
        is_ready: Callable[[], bool],
        room: Room | None = None,
        ranks: Ranks | None = None,
        auditing: Auditing | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._door = Door(gate)
        self._service, self._workforce, self._ledger = service, workforce, ledger
        self._ranks, self._auditing = ranks, auditing
        self._is_ready = is_ready
        room = room or Room()
        self.message_bytes = service.limits.body_bytes + _ENVELOPE_BYTES
        self._intake = Intake(capacity_bytes=room.buffered_bytes, message_bytes=self.message_bytes)
        self._asides = Intake(
            capacity_bytes=room.asides * self.message_bytes, message_bytes=self.message_bytes
        )
        self._checks = Intake(
            capacity_bytes=room.checks * self.message_bytes, message_bytes=self.message_bytes
        )
        self._streams = Streams(room.streams)
        self.is_draining = False
        self.under_way = 0

    def drain(self) -> None:
        """Tell new calls to go elsewhere, and streams when they have their answers."""
        self.is_draining = True
        self._streams.drain()

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What a server registers."""
        others = {
            name: unary(
                parsing(message(f"{name}Request"), method, is_refused=name in _REFUSED),
                message(f"{name}Response").SerializeToString,
                self._asides,
                known=self._door.known,
            )
            for name, method in self._methods().items()
        }
        infer = {
            "ModelInfer": inferring(
                self._inferred, self._intake, known=self._door.known, unread=self._unread
            ),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._stream),
        }
        # The balancer asks for health, who shows no token; no rule of a listener leads there.
        health = {"Check": unary(self._health, None, self._checks, known=Door(None).known)}
        return (
            grpc.method_handlers_generic_handler(SERVICE, others | infer),
            grpc.method_handlers_generic_handler(_HEALTH, health),
        )

    def _methods(self) -> Mapping[str, Method]:
        service = self._service

        def told(name: str, tell: Callable[[Message], Any]) -> Method:
            made = message(f"{name}Response")

            async def method(request: Message, context: Context) -> Message:
                outcome = Outcome(operation=_OPERATIONS.get(name, name))
                try:
                    await self._door.enter(context, name, _model_in(request))
                    self._door.leave(context)
                    found = tell(request)
                except FalajError as error:
                    _end(outcome, error)
                    self._leave(outcome, context, request.SerializeToString(), error)
                    raise
                self._leave(outcome, context, request.SerializeToString())
                return ParseDict(found, made(), ignore_unknown_fields=True, descriptor_pool=POOL)

            return method

        answers: dict[str, Callable[[Message], Any]] = {
            "ServerLive": lambda _: {"live": True},
            "ServerReady": lambda _: {"ready": self._is_ready()},
            "ModelReady": lambda r: {"ready": self._is_model_ready(r.name, r.version)},
            "ServerMetadata": lambda _: metadata.server_metadata(),
            "ModelMetadata": lambda r: metadata.model_metadata(service, r.name, r.version),
            "ModelConfig": lambda r: {"config": metadata.model_config(service, r.name, r.version)},
            "ModelStatistics": lambda r: metadata.statistics(service, r.name, r.version),
            "RepositoryIndex": lambda _: {"models": metadata.repository_index(service)},
            **dict.fromkeys(_CHANGES, _refuse_change),
            **{name: partial(_refuse_extension, found) for name, found in METHODS.items()},
        }
        return {name: told(name, tell) for name, tell in answers.items()}

    def _is_model_ready(self, name: str, version: str) -> bool:
        try:
            self._workforce.of(name, version)
        except FalajError:
            return False
        return self._is_ready()

    async def _health(self, data: bytes, context: Context) -> bytes:
        if data not in _ABOUT_US:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no service of that name")
        return _SERVING if self._is_ready() else _NOT_SERVING

    async def _inferred(self, data: bytes, context: Context) -> bytes:
        response: bytes = (await self._infer(data, context)).SerializeToString()
        return response

    async def _infer(self, data: bytes, context: Context, parsed: Message | None = None) -> Message:
        began = perf_counter_ns()
        outcome = Outcome(operation="infer")
        response: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.under_way += 1
        try:
            try:
                request = self._parsed(data) if parsed is None else parsed
                await self._door.enter(context, "ModelInfer", request.model_name)
                call = self._submitted(request, data, context, outcome, response, began)
            except FalajError as error:
                self._note(outcome, error, context, data)
                raise
            try:
                return await response
            except asyncio.CancelledError:
                call.give_up()  # the caller has hung up
                raise
        finally:
            self._door.leave(context)
            self.under_way -= 1

    def _submitted(
        self,
        request: Message,
        data: bytes,
        context: Context,
        outcome: Outcome,
        response: "asyncio.Future[Message]",
        began: int,
    ) -> Call:
        worker = self._workforce.of(request.model_name, request.model_version)
        model = worker.model
        outcome.model, outcome.version, outcome.digest = model.name, model.version, model.digest
        tenant, _ = self._door.caller(context)
        rank, inference = self._admitted(request, model, tenant, began)

        def done(call: Call, answer: Answer) -> bool:
            outcome.queue_ns, outcome.infer_ns = call.queue_ns, call.infer_ns
            try:
                if isinstance(answer, FalajError):
                    raise answer
                made = response_of(model, call.inference, answer)
            except FalajError as error:
                self._note(outcome, error, context, data)
                if not response.done():
                    response.set_exception(error)
                return False
            self._ledger.answered(model.name, queue_ns=call.queue_ns)
            self._leave(outcome, context, data, id_=call.inference.id)
            if not response.done():
                response.set_result(made)
            return True

        call = Call(inference, done, began, perf_counter_ns()).on_behalf_of(tenant, rank)
        left_s = context.time_remaining()
        if left_s is not None:
            call.timeout_ns = int(max(left_s, 0.0) * _NS)
        read_schedule(inference, call)
        worker.submit(call)
        return call

    def _admitted(
        self, request: Message, model: ServedModel, tenant: str, began: int
    ) -> tuple[int, InferenceRequest]:
        """Return a tenant's rank and what it asks for."""
        try:
            rank = FIRST_RANK if self._ranks is None else self._ranks.of(tenant)
            return rank, inference_of_message(request, model, self._service.limits)
        except FalajError:
            model.statistics.add_failure(ns=perf_counter_ns() - began)
            raise

    def _parsed(self, data: bytes) -> Message:
        if self.is_draining:
            raise DrainingError
        check_fields(data, strings=self._service.limits.strings)
        try:
            return _INFER.FromString(data)
        except DecodeError as error:
            raise MalformedRequestError("the message is no ModelInferRequest") from error

    async def _stream(self, _: object, context: Context) -> None:
        try:
            who = await recognised(context, self._door.known, self._unread)
        except FalajError as error:
            await abort(context, error)
            return
        ends_with_error = _STATUS_WANTED in (context.invocation_metadata() or ())
        turns = Turns()

        async def begin(data: bytes) -> asyncio.Future[bytes]:
            answer = self._streamed(data, who, turns, ends_with_error=ends_with_error)
            return asyncio.ensure_future(answer)

        with ExitStack() as held:
            stream = Stream(context, begin)
            try:
                held.enter_context(self._streams.opened(stream, whose(who)))
            except FalajError as error:
                self._unread(error, who)
                await abort(context, error)
            try:
                await stream.serve()
            except FalajError as error:
                await abort(context, error)

    async def _streamed(
        self, data: bytes, who: Context, turns: Turns, *, ends_with_error: bool
    ) -> bytes:
        """Answer a stream's request; an error is its answer and does not end the stream.

        Raises:
            FalajError: One that does, or where the caller has asked that it do.
        """
        answer = _STREAMED()
        try:
            request = self._parsed_of_stream(data, who)
            answer.infer_response.id = request.id
            answer.infer_response.model_name = request.model_name
            answer.infer_response.model_version = request.model_version
            async with turns.turn(_sequence_of(request)):
                # Looked at again with each request: a stream may outlive its token.
                known = await recognised(who, self._door.known, self._unread)
                answer.infer_response.CopyFrom(await self._infer(data, known, request))
        except FalajError as error:
            if ends_with_error or isinstance(error, UnauthenticatedError | ForbiddenError):
                raise
            answer.error_message = str(error)
        # No model here answers a request more than once.
        answer.infer_response.parameters["triton_final_response"].bool_param = True
        streamed: bytes = answer.SerializeToString()
        return streamed

    def _parsed_of_stream(self, data: bytes, who: Context) -> Message:
        try:
            return self._parsed(data)
        except FalajError as error:
            self._note(Outcome(operation="infer"), error, who, data)
            raise

    def _unread(self, error: FalajError, context: Context) -> None:
        """Note an inference that was refused before its message was read."""
        self._note(Outcome(operation="infer"), error, context, b"")

    def _note(self, outcome: Outcome, error: FalajError, context: Context, data: bytes) -> None:
        _end(outcome, error)
        self._ledger.failed(
            outcome,
            request_id="",
            status=code_of(error).value[0],
            keys=traces(dict(context.invocation_metadata() or ())),
        )
        if isinstance(error, ShedError):
            self._ledger.shed(outcome.model, error.priority)
        self._leave(outcome, context, data, error)

    def _leave(
        self,
        outcome: Outcome,
        context: Context,
        data: bytes,
        error: FalajError | None = None,
        id_: str | None = None,
    ) -> None:
        """Leave a request's line for auditors, where there are any."""
        if self._auditing is None:
            return
        asked = Asked(*self._door.caller(context), data, id_ or "")
        status = code_of(error) if error else grpc.StatusCode.OK
        variant = self._service.variant or outcome.version
        self._auditing.leave(asked, outcome, status=status.name, variant=variant)


def _end(outcome: Outcome, error: FalajError) -> None:
    if isinstance(error, RequestError):
        outcome.ending = Ending.CLIENT_ERROR
    elif isinstance(error, InvalidOutputError):
        outcome.ending = Ending.INVALID_OUTPUT
    else:
        outcome.ending = Ending.ERROR
    outcome.error_code, outcome.error = error.code, str(error)


def _sequence_of(request: Message) -> tuple[str, int | str] | None:
    """Name the sequence that a request is of; None if it is of none."""
    given = request.parameters.get("sequence_id")
    id_ = 0 if given is None else given.int64_param or given.string_param
    return (request.model_name, id_) if id_ else None


def _model_in(request: Message) -> str:
    """Return which model a message names; empty where it names none."""
    return str(getattr(request, "name", ""))


def _refuse_change(request: Message) -> Any:  # noqa: ANN401 - never returns
    raise ImmutableRepositoryError(request.model_name)


def _refuse_extension(found: Absent, _: Message) -> Any:  # noqa: ANN401 - never returns
    raise found.error()
