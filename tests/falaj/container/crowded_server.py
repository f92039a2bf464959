"""A gRPC server with little room, in a process whose memory can be watched.

Started as `python -m tests.falaj.container.crowded_server MODELS`; prints its port when ready.
"""

import asyncio
import sys
from dataclasses import replace

from falaj.batching.threads import Threads
from falaj.config.container import ContainerSettings
from falaj.container.grpc.server import GrpcServer
from falaj.container.grpc.servicer import Room, Servicer
from falaj.container.ledger import Ledger
from falaj.domain.clock import SystemClock
from falaj.entrypoints.container_models import workforce_of
from falaj.http.service import Limits

BODY_BYTES = 2 * 1024 * 1024
ROOM_BYTES = 16 * BODY_BYTES


async def serve(root):
    """Serve until the process is ended."""
    settings = ContainerSettings(model_root=root, providers=("cpu",))
    served = workforce_of(
        settings,
        loop=asyncio.get_running_loop(),
        threads=Threads(asyncio.get_running_loop()),
        clock=SystemClock(),
    )
    service = replace(served.service, limits=Limits(body_bytes=BODY_BYTES))
    servicer = Servicer(
        service,
        served.workforce,
        Ledger("1", lambda _: None),
        is_ready=lambda: True,
        room=Room(buffered_bytes=ROOM_BYTES),
    )
    server = GrpcServer(servicer, host="127.0.0.1", port=0)
    await server.start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
