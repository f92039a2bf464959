"""A lean HTTP/1.1 server on httptools; decision record 0013 says what it saves and what it keeps.

Source:
    RFC 9110 (semantics) and RFC 9112 (HTTP/1.1); llhttp, inside httptools, refuses what smugglers
    send: both lengths at once, bare line feeds, spaces before colons.
"""

import asyncio
import json
import os
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from falaj.container.busy_poll import BusyPoll
from falaj.container.connection import Connection
from falaj.container.exchange import Site
from falaj.container.limits import ConnectionLimits
from falaj.container.recurring_heads import RecurringHeads
from falaj.contract import HEADER_REQUEST_ID
from falaj.domain.clock import Clock

_BACKLOG: Final = 2048
_SWEEP_S: Final = 0.5
_POLL_S: Final = 0.02


class HttpServer:
    """Listens on one socket.

    Args:
        site: Answers.
        bound: A bound socket; taken over.
        clock: Tells the `date` of answers.
        limits: Bounds on clients.
        poll: Keeps the loop awake after answers; None to let it sleep.
    """

    def __init__(
        self,
        site: Site,
        bound: socket.socket,
        *,
        clock: Clock,
        limits: ConnectionLimits,
        poll: BusyPoll | None = None,
    ) -> None:
        self.site = site
        self.limits = limits
        self.poll = poll
        self.heads = RecurringHeads()
        self.buffered = self.reserved = 0
        self.is_draining = False
        self._socket = bound
        self._clock = clock
        self._connections: set[Connection] = set()
        self._listening: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port clients use."""
        return int(self._socket.getsockname()[1])

    @property
    def open_connections(self) -> int:
        """Connections held now."""
        return len(self._connections)

    async def start(self) -> None:
        """Accept connections."""
        self.loop = asyncio.get_running_loop()
        self._tick()
        self._listening = await self.loop.create_server(
            lambda: Connection(self), sock=self._socket, backlog=_BACKLOG
        )

    async def drain(self, *, grace_s: float, within_s: float) -> bool:
        """Answer all that was sent, then close.

        While `grace_s` lasts, new connections are still taken and every answer ends its connection,
        so that clients move to another replica.

        Returns:
            Whether everything was answered within the time.
        """
        self.is_draining = True
        if self._listening is None:
            self._socket.close()
            return True
        until = self.loop.time() + within_s
        await asyncio.sleep(min(grace_s, within_s))
        await self._stop_listening()
        while self._connections and self.loop.time() < until:
            for connection in _without_news(self._connections):
                connection.close()
            await asyncio.sleep(_POLL_S)
        left = list(self._connections)
        for connection in left:
            connection.close(at_once=True)
        await asyncio.sleep(0)
        if self._sweep is not None:
            self._sweep.cancel()
        return not left

    def add(self, connection: Connection) -> bool:
        """Note a new connection; False if it is one too many."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections

    def remove(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)

    def make_room(self, asking: Connection) -> bool:
        """Refuse whoever has long been sending a body, most bytes first; False if that is nobody.

        Half a body must cost only its sender: those who need the room have sent all of theirs.
        """
        now = self.loop.time()
        while self.buffered > self.limits.buffered_bytes:
            others = (held for held in self._connections if held is not asking)
            most, found = max(
                ((held.stalled_bytes(now), held) for held in others),
                key=lambda pair: pair[0],
                default=(0, asking),
            )
            if not most:
                return False
            found.make_way()
        return True

    def refusal(self, status: HTTPStatus, sentence: str) -> tuple[Mapping[str, str], bytes]:
        """Write the answer to something that is no request."""
        request_id = os.urandom(16).hex()
        code = status.phrase.lower().replace(" ", "_")
        body = {"error": sentence, "code": code, "request_id": request_id}
        headers = {"content-type": "application/json", HEADER_REQUEST_ID: request_id}
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = "1"
        return headers, json.dumps(body).encode()

    def _tick(self) -> None:
        self.now = self.loop.time()
        self.date = f"date: {formatdate(self._clock.now().timestamp(), usegmt=True)}\r\n"
        self.ok_head = f"HTTP/1.1 200 OK\r\n{self.date}".encode()
        for connection in list(self._connections):
            connection.check_time(self.now)
        self._sweep = self.loop.call_later(_SWEEP_S, self._tick)

    async def _stop_listening(self) -> None:
        """Stop, without resetting clients that have connected and were not yet accepted."""
        if self._listening is None:
            return
        kept = self._socket.dup()
        self._listening.close()
        kept.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        with suppress(OSError), kept:
            while True:
                accepted, _ = kept.accept()
                try:
                    await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
                except OSError:  # this client has left; those behind it have not
                    accepted.close()


def _without_news(connections: set[Connection]) -> list[Connection]:
    """Connections on which nothing is under way, not even unread in the socket."""
    idle = {held.fileno(): held for held in connections if held.is_idle}
    idle.pop(-1, None)
    poll = select.poll()
    for descriptor in idle:
        poll.register(descriptor, select.POLLIN)
    for descriptor, _ in poll.poll(0):
        idle.pop(descriptor)
    return list(idle.values())
