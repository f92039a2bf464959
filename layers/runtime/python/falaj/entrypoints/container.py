"""The container's process: models warm, then ready; SIGTERM, then drained."""

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import uvloop

from falaj.batching.threads import Threads
from falaj.config.container import ContainerSettings
from falaj.container.busy_poll import BusyPoll
from falaj.container.front import Front
from falaj.container.gated_site import gated
from falaj.container.http1 import HttpServer
from falaj.container.ledger import Ledger
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.container_beats import Beats
from falaj.entrypoints.container_gate import Gates, gates_of
from falaj.entrypoints.container_models import Served, workforce_of
from falaj.entrypoints.container_process import (
    EXIT_ERROR,
    EXIT_OK,
    EXIT_UNDRAINED,
    FLUSH_S,
    GRACE_S,
    bound_socket,
    stop_signal,
    to_stdout,
    until,
)
from falaj.entrypoints.container_tenants import Tenants
from falaj.errors import ArtefactError, FalajError
from falaj.telemetry.refusal import refusal_line

if TYPE_CHECKING:
    from falaj.container.grpc.server import GrpcServer

SWITCH_S: Final = 0.0005
"""How long the loop may keep the interpreter from a run that has ended. CPython's own 5 ms are
longer than most runs, and all that time an accelerator has nothing to do."""


def main(settings: ContainerSettings | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after everything was answered, 1 if it could not start, 4 if the time to drain ran out;
        5 where a run does not end (`Beats`).
    """
    release = ""
    try:
        settings = settings or ContainerSettings.from_env()
        release = settings.release
        sys.setswitchinterval(SWITCH_S)
        return uvloop.run(serve(settings, write=to_stdout))
    except (FalajError, OSError) as error:
        if isinstance(error, ArtefactError):
            # The line is the metric of the alarm that tells people, as a function's is.
            now = SystemClock().now()
            to_stdout(refusal_line(error, model="", release=release, at=now) + "\n")
        sys.stderr.write(f"falaj: {error}\n")
        return EXIT_ERROR


async def serve(
    settings: ContainerSettings,
    *,
    write: Callable[[str], object],
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    every_s: float = FLUSH_S,
) -> int:
    """Serve until `stop` is set.

    Args:
        settings: What and where.
        write: Takes lines for the log.
        clock: Tells the time.
        stop: When to drain; by default on SIGTERM and SIGINT.
        every_s: How often it tells what became of requests, and looks who may wait.

    Raises:
        ConfigurationError: A setting is at fault.
        ArtefactError: A model is missing, altered or contradicts its manifest.
        EngineError: A model cannot run.
    """
    loop = asyncio.get_running_loop()
    clock = clock or SystemClock()
    stop = stop or stop_signal(loop)
    threads = Threads(loop)
    served = workforce_of(settings, loop=loop, threads=threads, clock=clock)
    tenants = Tenants(settings, served.default_model, clock=clock, write=write)
    ledger = Ledger(settings.release, write, models=served.service.repository.names)
    front = Front(
        served.service,
        served.workforce,
        ledger,
        default_model=served.default_model,
        providers=served.providers,
        ranks=tenants.ranks,
        auditing=tenants.auditing,
    )
    gates = gates_of(clock=clock, write=write)
    http = HttpServer(
        gated(front, gates.rest, refuse=front.refuse, model=served.default_model),
        bound_socket(settings.host, settings.http_port),
        clock=clock,
        limits=ConnectionLimits(),
        poll=BusyPoll(loop, is_elsewhere=threads.is_busy),
    )
    await http.start()
    grpc_server = await _grpc(settings, served, ledger, front, tenants, gates)
    admin = await _admin(settings, served, clock, drain=stop.set)
    _keep_what_is_there()
    front.is_ready = True
    write(_ready(served, http_port=http, grpc_port=grpc_server, admin_port=admin))
    beats = Beats(settings, served, ledger, clock=clock, write=write, look=tenants.look)
    await until(stop, every_s=every_s, do=beats)
    front.is_ready = False
    write(_line("draining"))
    is_drained = await _drained(http, grpc_server, settings)
    if admin is not None:
        await admin.drain(grace_s=0, within_s=1)
    await gates.settled()
    tenants.close()
    ledger.flush(clock.now())
    threads.close(wait=is_drained)
    return EXIT_OK if is_drained else EXIT_UNDRAINED


async def _grpc(
    settings: ContainerSettings,
    served: Served,
    ledger: Ledger,
    front: Front,
    tenants: Tenants,
    gates: Gates,
) -> "GrpcServer | None":
    """Start gRPC beside REST, unless it is off."""
    if settings.grpc_port is None:
        return None
    # Imported when needed: a container without gRPC starts 0.1 s sooner and is 15 MB smaller.
    from falaj.container.grpc.server import GrpcServer  # noqa: PLC0415
    from falaj.container.grpc.servicer import Servicer  # noqa: PLC0415

    servicer = Servicer(
        served.service,
        served.workforce,
        ledger,
        is_ready=lambda: front.is_ready,
        ranks=tenants.ranks,
        auditing=tenants.auditing,
        gate=gates.grpc,
    )
    server = GrpcServer(servicer, host=settings.host, port=settings.grpc_port)
    await server.start()
    return server


async def _admin(
    settings: ContainerSettings, served: Served, clock: Clock, *, drain: Callable[[], None]
) -> HttpServer | None:
    """Start administration on 127.0.0.1, unless it is off."""
    if settings.admin_port is None:
        return None
    # FastAPI costs a start 0.3 s and 20 MB: imported only where administration is wanted.
    from falaj.container.admin import admin_app  # noqa: PLC0415
    from falaj.container.asgi import AsgiSite  # noqa: PLC0415

    site = AsgiSite(admin_app(served.workforce, drain=drain))
    server = HttpServer(
        site,
        bound_socket("127.0.0.1", settings.admin_port),
        clock=clock,
        limits=ConnectionLimits(connections=16, body_bytes=64 * 1024),
    )
    await server.start()
    return server


def _keep_what_is_there() -> None:
    """Spare collections from looking at modules and models again, which stay to the end."""
    gc.collect()
    gc.freeze()


async def _drained(
    http: HttpServer, grpc_server: "GrpcServer | None", settings: ContainerSettings
) -> bool:
    if grpc_server is None:
        return await _http_drained(http, settings)
    # Clients of gRPC move on by themselves: the server tells them to.
    draining = asyncio.ensure_future(grpc_server.drain(within_s=settings.drain_s))
    is_drained = await _http_drained(http, settings)
    await draining
    return is_drained


async def _http_drained(http: HttpServer, settings: ContainerSettings) -> bool:
    return await http.drain(grace_s=min(GRACE_S, settings.drain_s / 2), within_s=settings.drain_s)


def _ready(served: Served, **servers: "HttpServer | GrpcServer | None") -> str:
    ports = {name: server.port for name, server in servers.items() if server is not None}
    return _line("ready", providers=served.providers, **ports)


def _line(message: str, **values: object) -> str:
    return json.dumps({"level": "INFO", "message": message, **values}) + "\n"
