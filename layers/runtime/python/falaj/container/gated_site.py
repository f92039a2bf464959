"""REST behind a gate: whoever may not gets 401, 403 or 429, and everyone else is passed on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from falaj.container.exchange import Exchange, Site
from falaj.container.gate import Gate, asked_by_name
from falaj.contract import HEADER_SUBJECT, HEADER_TENANT
from falaj.domain.access import Asked, Caller, asked_for
from falaj.errors import FalajError, ServiceError
from falaj.http.messages import Request

UNASKED: Final = frozenset({"/v2/health/live", "/v2/health/ready", "/ping", "/metrics"})
"""What load balancers, Docker and scrapers ask, who show no token; no rule of a listener leads
there."""
_INVOCATIONS: Final = "/invocations"
_WHO_ASKS: Final = (HEADER_TENANT, HEADER_SUBJECT)


class GatedSite:
    """A site that only those reach who may.

    Args:
        site: Answers.
        gate: Lets in.
        refuse: Answers an exchange with an error.
        default_model: What `/invocations` runs; empty if the container has several models.
    """

    def __init__(
        self,
        site: Site,
        gate: Gate,
        *,
        refuse: Callable[[Exchange, FalajError], None],
        default_model: str = "",
    ) -> None:
        self._site, self._gate, self._refuse = site, gate, refuse
        self._default_model = default_model
        self._entering: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Answer, now or later; never raises."""
        if exchange.request.path in UNASKED:
            self._site(exchange)
            return
        task = asyncio.get_running_loop().create_task(self._enter(exchange))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _enter(self, exchange: Exchange) -> None:
        request = exchange.request
        nobody = {name: value for name, value in request.headers.items() if name not in _WHO_ASKS}
        try:
            caller = await self._caller(exchange, nobody)
            held = await self._gate.let_in(caller, self._asked(request))
        except FalajError as error:
            self._refuse(exchange, error)
            return
        except Exception as error:  # noqa: BLE001 - the last line: an unknown fault is ours
            self._refuse(exchange, ServiceError(f"internal error: {error!r}"[:300]))
            return
        self._site(_Held(exchange, self._gate, held) if held else exchange)

    async def _caller(self, exchange: Exchange, nobody: Mapping[str, str]) -> Caller:
        """Find who asks, and write only him into the request, whatever it said."""
        request = exchange.request
        told = request.headers.get(HEADER_SUBJECT, "")
        exchange.request = request._replace(headers=nobody)
        caller = await self._gate.caller(request.headers)
        # Who has signed, only the API before knows.
        subject = caller.subject or told
        known = {HEADER_TENANT: caller.tenant, **({HEADER_SUBJECT: subject} if subject else {})}
        exchange.request = request._replace(headers={**nobody, **known})
        return caller

    def _asked(self, request: Request) -> Asked | None:
        if request.path == _INVOCATIONS:
            return asked_by_name("infer", self._default_model)
        return asked_for(request.method, request.path)


class _Held:
    """An exchange whose answer gives its tenant's place back."""

    __slots__ = ("_exchange", "_gate", "_gone", "_held", "request")

    def __init__(self, exchange: Exchange, gate: Gate, held: str) -> None:
        self.request = exchange.request
        self._exchange, self._gate, self._held = exchange, gate, held
        self._gone: Callable[[], None] | None = None
        exchange.on_gone = self._left

    @property
    def on_gone(self) -> Callable[[], None] | None:
        """Called once if the caller leaves before the answer."""
        return self._gone

    @on_gone.setter
    def on_gone(self, value: Callable[[], None] | None) -> None:
        self._gone = value

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer."""
        self._leave()
        self._exchange.reply(status, headers, body)

    def reply_ok(self, lines: bytes, body: bytes) -> None:
        """Answer 200."""
        self._leave()
        self._exchange.reply_ok(lines, body)

    def _left(self) -> None:
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()
        self._leave()

    def _leave(self) -> None:
        held, self._held = self._held, ""
        self._gate.leave(held)


def gated(
    site: Site, gate: Gate | None, *, refuse: Callable[[Exchange, FalajError], Any], model: str
) -> Site:
    """Put a site behind a gate; the site itself where there is none."""
    if gate is None:
        return site
    return GatedSite(site, gate, refuse=refuse, default_model=model)
