"""The gate's process before NVIDIA's server: who may is passed on, and every request is recorded.

It runs in the same task (decision record 0027): the server behind listens on 127.0.0.1 alone, which
containers of one task share, and balancers know the gate's ports only.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html (containers of
    one task reach each other over localhost).
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable

import uvloop

from falaj.config.gate import GateSettings
from falaj.container.forwarding.calls import CallForwarder
from falaj.container.forwarding.places import Places
from falaj.container.forwarding.rest import RestForwarder
from falaj.container.forwarding.served import Served
from falaj.container.forwarding.upstream import Upstream
from falaj.container.gated_site import gated
from falaj.container.grpc.server import GrpcServer
from falaj.container.http1 import HttpServer
from falaj.container.ledger import Ledger
from falaj.container.limits import ConnectionLimits
from falaj.domain.clock import Clock, SystemClock
from falaj.entrypoints.container_gate import gates_of
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
from falaj.errors import FalajError
from falaj.http.service import Limits


def main(settings: GateSettings | None = None) -> int:
    """Stand at the gate until SIGTERM or SIGINT.

    Returns:
        0 after everything was answered, 1 if it could not start, 4 if the time to drain ran out.
    """
    try:
        settings = settings or GateSettings.from_env()
        return uvloop.run(stand(settings, write=to_stdout))
    except (FalajError, OSError) as error:
        sys.stderr.write(f"falaj: {error}\n")
        return EXIT_ERROR


async def stand(
    settings: GateSettings, *, write: Callable[[str], object], clock: Clock | None = None
) -> int:
    """Pass requests on until told to stop.

    Args:
        settings: Before whom, and where.
        write: Takes lines for the log.
        clock: Tells the time.

    Raises:
        ConfigurationError: A setting is at fault.
        OSError: Somebody else listens there.
    """
    clock = clock or SystemClock()
    stop = stop_signal(asyncio.get_running_loop())
    tenants = Tenants(settings, settings.model_name, clock=clock, write=write)
    ledger = Ledger(settings.release, write, has_queue=False)
    gates = gates_of(clock=clock, write=write)
    served = Served(model=settings.model_name, version=settings.version, digests=settings.digests)
    places = Places(settings.model_name, settings.places)
    upstream = Upstream(*settings.endpoint, timeout_s=settings.timeout_s)
    site = RestForwarder(
        served,
        upstream,
        places,
        ledger,
        release=settings.release,
        ranks=tenants.ranks,
        auditing=tenants.auditing,
    )
    calls = CallForwarder(
        served,
        settings.grpc_endpoint,
        places,
        ledger,
        timeout_s=settings.timeout_s,
        body_bytes=Limits().body_bytes,
        gate=gates.grpc,
        ranks=tenants.ranks,
        auditing=tenants.auditing,
    )
    http = HttpServer(
        gated(site, gates.rest, refuse=site.refuse, model=settings.model_name),
        bound_socket(settings.host, settings.http_port),
        clock=clock,
        limits=ConnectionLimits(),
    )
    await http.start()
    grpc = GrpcServer(calls, host=settings.host, port=settings.grpc_port)
    await grpc.start()
    gc.collect()
    gc.freeze()
    write(_line("ready", http_port=http.port, grpc_port=grpc.port))

    def beat() -> None:
        ledger.flush(clock.now())
        tenants.look()

    await until(stop, every_s=FLUSH_S, do=beat)
    site.is_draining = True
    write(_line("draining"))
    is_drained = await _drained(http, grpc, settings.drain_s)
    await calls.close()
    upstream.close()
    await gates.settled()
    tenants.close()
    ledger.flush(clock.now())
    return EXIT_OK if is_drained else EXIT_UNDRAINED


async def _drained(http: HttpServer, grpc: GrpcServer, within_s: float) -> bool:
    draining = asyncio.ensure_future(grpc.drain(within_s=within_s))
    is_drained = await http.drain(grace_s=min(GRACE_S, within_s / 2), within_s=within_s)
    await draining
    return is_drained


def _line(message: str, **values: object) -> str:
    return json.dumps({"level": "INFO", "message": message, **values}) + "\n"
