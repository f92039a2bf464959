"""What containers' processes have in common: when they stop, where they listen, how they end."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

FLUSH_S: Final = 10.0
GRACE_S: Final = 2.0
"""How long new connections are taken while draining: load balancers learn with a delay."""

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_UNDRAINED: Final = 4
EXIT_HUNG: Final = 5


def stop_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Return what is set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def until(stop: asyncio.Event, *, every_s: float, do: Callable[[], None]) -> None:
    """Do something now and then until told to stop, and once more then."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_s)
        do()


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address, not yet listening; port 0 takes any free one.

    Raises:
        OSError: Somebody else listens there, or the address is not this machine's.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return bound


def to_stdout(line: str) -> None:
    """Write a line of the log at once."""
    sys.stdout.write(line)
    sys.stdout.flush()
