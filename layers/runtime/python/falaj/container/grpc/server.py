"""grpc's asyncio server with bounds on clients."""

import asyncio
from typing import Final, Protocol

import grpc  # type: ignore[import-untyped]

from falaj.container.limits import ConnectionLimits

_METADATA_BYTES: Final = 32 * 1024
_CONCURRENT: Final = 4096
_ON_ONE_CONNECTION: Final = 256
"""Calls at once; a client begins further ones when others have ended, and nobody is refused."""
_NOT_TAKEN: Final = 4096
"""Calls that have come and that Python has not been given yet: one a turn of the event loop.

grpc ends further ones with CANCELLED and no word, at random from here and all at twice as many. Its
own numbers are 1,000 and 3,000, which three clients reach that begin a thousand calls each.
"""
_POLL_S: Final = 0.05
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", _METADATA_BYTES),
    ("grpc.max_concurrent_streams", _ON_ONE_CONNECTION),
    # Else a call counts until it is freed, later than its client can know, and a client that keeps
    # to the number above is refused. What is reset before Python has it counts as not taken.
    ("grpc.http.overload_protection", 0),
    ("grpc.server.max_pending_requests", _NOT_TAKEN),
    ("grpc.server.max_pending_requests_hard_limit", 2 * _NOT_TAKEN),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", int(1000 * ConnectionLimits().idle_s)),
    # Windows grow with what is asked for only: what is not read stays with its sender.
    ("grpc.http2.bdp_probe", 0),
)
"""Source: github.com/grpc/grpc, include/grpc/impl/channel_arg_names.h; src/core/server/server.h and
server.cc (`pending_backlog_protector_`); src/core/ext/transport/chttp2/transport/internal.h
(`GRPC_ARG_MAX_CONCURRENT_STREAMS_OVERLOAD_PROTECTION`) and parsing.cc.
"""


class Answering(Protocol):
    """What answers calls.

    Attributes:
        under_way: Inferences that have no answer yet.
    """

    under_way: int

    @property
    def message_bytes(self) -> int:
        """The largest message that is read."""
        ...

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What a server registers."""
        ...

    def drain(self) -> None:
        """Tell new calls to go elsewhere, and streams when they have their answers."""
        ...


class GrpcServer:
    """Listens on one port.

    Args:
        servicer: Answers.
        host: Address to listen on.
        port: Port; 0 takes any free one.
        connections: Open at once; further ones are closed.

    Attributes:
        port: The port clients use.
    """

    def __init__(
        self,
        servicer: Answering,
        *,
        host: str,
        port: int,
        connections: int = ConnectionLimits().connections,
    ) -> None:
        self._server = grpc.aio.server(
            options=(
                *_OPTIONS,
                ("grpc.max_receive_message_length", servicer.message_bytes),
                ("grpc.max_allowed_incoming_connections", connections),
            ),
            maximum_concurrent_rpcs=_CONCURRENT,
        )
        self._servicer = servicer
        self._server.add_generic_rpc_handlers(servicer.handlers())
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.port = self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Accept connections."""
        await self._server.start()

    async def drain(self, *, within_s: float) -> None:
        """Refuse new calls, which clients take elsewhere, and answer those under way.

        The server stops only when nothing is under way: grpc ends a call that has arrived but was
        not handed out yet as CANCELLED, which clients do not take elsewhere. UNAVAILABLE they do.
        """
        self._servicer.drain()
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while self._servicer.under_way and loop.time() < until:  # noqa: ASYNC110 - a count, no event
            await asyncio.sleep(_POLL_S)
        await asyncio.sleep(min(_POLL_S, within_s))
        await self._server.stop(max(0.0, until - loop.time()))
