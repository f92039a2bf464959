"""grpc's asyncio server with bounds on clients."""

import asyncio
from typing import Final, Protocol

import grpc  # type: ignore[import-untyped]

from falaj.container.limits import ConnectionLimits

_METADATA_BYTES: Final = 32 * 1024
_CONCURRENT: Final = 4096
_POLL_S: Final = 0.05
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", _METADATA_BYTES),
    ("grpc.max_concurrent_streams", 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", int(1000 * ConnectionLimits().idle_s)),
    # Windows grow with what is asked for only: what is not read stays with its sender.
    ("grpc.http2.bdp_probe", 0),
)
"""Source: github.com/grpc/grpc, include/grpc/impl/channel_arg_names.h."""


class Answering(Protocol):
    """What answers calls.

    Attributes:
        is_draining: Whether new calls are told to go elsewhere.
        under_way: Inferences that have no answer yet.
    """

    is_draining: bool
    under_way: int

    @property
    def message_bytes(self) -> int:
        """The largest message that is read."""
        ...

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What a server registers."""
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
        self._servicer.is_draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while self._servicer.under_way and loop.time() < until:  # noqa: ASYNC110 - a count, no event
            await asyncio.sleep(_POLL_S)
        await asyncio.sleep(min(_POLL_S, within_s))
        await self._server.stop(max(0.0, until - loop.time()))
