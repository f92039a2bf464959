"""The gRPC side of a listener: every call goes to a target of its own choice, byte for byte.

Any method of any service passes, streams included: on the wire a single message is a stream of one.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
    (protocol version GRPC: requests are routed by package, service and method). What a client of
    gRPC reads into a balancer's own answers: github.com/grpc/grpc,
    doc/http-grpc-status-mapping.md. Read 2026-11-22.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from local_region.container_service.grpc_quiet import grpc
from local_region.container_service.mutual_tls import with_certificate
from local_region.container_service.target_group import Address, TargetGroup
from local_region.gateway.messages import Request, Response
from local_region.listener import HOST

_RESERVED: Final = ("grpc-", ":", "te", "content-type", "user-agent")
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A replica that has gone comes back on another port; nobody waits for this one.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_CLOSE_S: Final = 0.5

_READ_AS: Final[Mapping[int, Any]] = {
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.UNIMPLEMENTED,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.BAD_GATEWAY: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.UNAVAILABLE,
}
"""What a client of gRPC makes of a balancer's own answers; all others are UNKNOWN to it."""

Credentials = tuple[bytes, bytes, bytes]
"""The server's private key, its certificate, and those whose clients alone are let in; all PEM."""

Choose = Callable[[Request], TargetGroup | Response]
"""Which group answers a call, given its path and headers."""


class GrpcFront:
    """One port that gRPC clients use.

    Args:
        choose: Finds the target group.
        port: Where to listen; 0 takes a free port.
        credentials: With which TLS is spoken, to clients that show a certificate; None for neither.

    Attributes:
        port: Where it listens.
    """

    def __init__(
        self, choose: Choose, *, port: int, credentials: Credentials | None = None
    ) -> None:
        self._choose, self._is_mutual = choose, credentials is not None
        self._channels: dict[Address, Any] = {}
        self._closing: set[asyncio.Future[None]] = set()
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Everything(self._call),))
        self.port: int = self._bound(f"{HOST}:{port}", credentials)

    def _bound(self, address: str, credentials: Credentials | None) -> int:
        if credentials is None:
            return int(self._server.add_insecure_port(address))
        key, certificate, trust = credentials
        mutual = grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=trust, require_client_auth=True
        )
        return int(self._server.add_secure_port(address, mutual))

    async def start(self) -> None:
        """Accept calls."""
        await self._server.start()

    async def close(self) -> None:
        """End calls under way and free the port."""
        await self._server.stop(_CLOSE_S)
        await asyncio.gather(*self._closing, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    def channel(self, address: Address) -> Any:  # noqa: ANN401 - grpc has no usable static type
        """Return the channel to an address."""
        if address not in self._channels:
            host, port = address
            self._channels[address] = grpc.aio.insecure_channel(f"{host}:{port}", options=_OPTIONS)
        return self._channels[address]

    async def forget(self, address: Address) -> None:
        """Close the channel to an address where nobody is any more, once its calls have failed."""
        channel = self._channels.pop(address, None)
        if channel is not None:
            closing = asyncio.ensure_future(channel.close(_CLOSE_S))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _call(
        self,
        method: str,
        requests: AsyncIterator[bytes],
        context: Any,  # noqa: ANN401 - as above
    ) -> AsyncIterator[bytes]:
        metadata = tuple((name, value) for name, value in context.invocation_metadata() or ())
        if self._is_mutual:
            metadata = with_certificate(metadata, _shown(context))
        group = self._choose(
            Request(
                method="POST",
                path=method,
                query="",
                headers=tuple((name, str(value)) for name, value in metadata),
                body=b"",
                source_ip=HOST,
            )
        )
        if isinstance(group, Response):
            code = _READ_AS.get(group.status, grpc.StatusCode.UNKNOWN)
            await context.abort(code, f"the balancer answers {group.status}")
            return
        target = group.pick()
        address = target.address if target is not None else None
        if target is None or address is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no target answers")
            return
        passed_on = [pair for pair in metadata if not pair[0].startswith(_RESERVED)]
        with target.asked():
            call = self.channel(address).stream_stream(method)(
                metadata=passed_on, timeout=context.time_remaining()
            )
            sending = asyncio.ensure_future(_send(call, requests))
            try:
                while (response := await call.read()) is not grpc.aio.EOF:
                    yield response
                context.set_trailing_metadata(tuple(await call.trailing_metadata() or ()))
            except grpc.aio.AioRpcError as error:
                context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
                await context.abort(error.code(), error.details() or "")
            except asyncio.CancelledError:
                call.cancel()  # the client has hung up: so does the balancer
                raise
            finally:
                sending.cancel()


def _shown(context: Any) -> bytes:  # noqa: ANN401 - as above
    """Return the certificate that a client has shown, as DER."""
    return ssl.PEM_cert_to_DER_cert(context.auth_context()["x509_pem_cert"][0].decode("ascii"))


async def _send(call: Any, requests: AsyncIterator[bytes]) -> None:  # noqa: ANN401 - as above
    """Pass on what a client sends, until a target has heard enough.

    A target may refuse a call before it reads anything. grpc's own `write` would then put an
    internal error of its own in the place of the target's answer, so what it calls is called here.
    """
    with suppress(grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        await call.wait_for_connection()
        async for request in requests:
            await call._cython_call.send_serialized_message(request)  # noqa: SLF001
        await call.done_writing()


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Takes every method as a stream of bytes to a stream of bytes."""

    def __init__(self, call: Callable[..., AsyncIterator[bytes]]) -> None:
        self._call = call

    def service(self, handler_call_details: Any) -> Any:  # noqa: ANN401 - grpc's own types
        method = handler_call_details.method

        async def passed(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401
            async for response in self._call(method, requests, context):
                yield response

        return grpc.stream_stream_rpc_method_handler(passed)
