"""REST through the gate: what the protocol knows is passed on, and nothing else.

A request is not relayed but asked anew: the path is written from what was understood of it, and of
the headers only those go on that the protocol gives a meaning. So neither a token, nor what belongs
to one connection (RFC 9110, section 7.6.1), nor a second reading of an odd path gets behind.
"""

import asyncio
from typing import Final
from urllib.parse import quote

from falaj.batching.entry import FIRST_RANK
from falaj.container.auditing import Asked, Auditing
from falaj.container.exchange import Exchange
from falaj.container.forwarding.places import Places
from falaj.container.forwarding.served import Served
from falaj.container.forwarding.upstream import Answered, Upstream
from falaj.container.ledger import Ledger
from falaj.container.ranks import Ranks
from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_SUBJECT,
    HEADER_TENANT,
    HEADER_VARIANT,
)
from falaj.errors import (
    DrainingError,
    FalajError,
    RequestError,
    ServiceError,
    ShedError,
)
from falaj.http.failures import failure_body, failure_headers, status_of
from falaj.http.oip import request_id_of
from falaj.http.routes import Target, target_of
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.trace import keep_valid, traces

ASKED: Final = (
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-type",
    "traceparent",
    "tracestate",
    HEADER_BINARY_LENGTH,
)
"""Headers of requests that go on."""
TOLD: Final = ("content-encoding", "content-type", "retry-after", HEADER_BINARY_LENGTH)
"""Headers of answers that go back."""
GONE: Final = 499
"""In records: the caller left before the answer. No status of HTTP's says so; NGINX's does.

Source: nginx.org/en/docs/http/ngx_http_core_module.html and its `NGX_HTTP_CLIENT_CLOSED_REQUEST`.
"""
_OK, _CALLERS_FAULT, _SERVERS_FAULT, _BAD_GATEWAY, _WORST = 200, 400, 500, 502, 599
_READY: Final = "/v2/health/ready"
_JSON: Final = "application/json"
_LIVE: Final = "server_live"
_HEALTH: Final = frozenset({_LIVE, "server_ready"})
_POSTED: Final = frozenset({"infer", "repository_index"})
_PATHS: Final = {
    "server_ready": _READY,
    "server_metadata": "/v2",
    "repository_index": "/v2/repository/index",
    "statistics": "/v2/models/stats",
}
_VERBS: Final = {
    "infer": "/infer",
    "model_config": "/config",
    "model_metadata": "",
    "model_ready": "/ready",
    "statistics": "/stats",
}


class RestForwarder:
    """Passes exchanges on.

    Args:
        served: What stands behind.
        upstream: Asks it.
        places: Bounds what is behind.
        ledger: Counts what the gate itself has failed at.
        release: What runs.
        ranks: Who is refused first; None where tenants have no priorities.
        auditing: Leaves a line of each request for auditors; None where nobody records.

    Attributes:
        is_draining: Whether balancers are told to go elsewhere.
    """

    def __init__(
        self,
        served: Served,
        upstream: Upstream,
        places: Places,
        ledger: Ledger,
        *,
        release: str,
        ranks: Ranks | None = None,
        auditing: Auditing | None = None,
    ) -> None:
        self._served, self._upstream, self._places = served, upstream, places
        self._ledger, self._release = ledger, release
        self._ranks, self._auditing = ranks, auditing
        self._work: set[asyncio.Task[None]] = set()
        self.is_draining = False

    def __call__(self, exchange: Exchange) -> None:
        """Answer later; never raises."""
        task = asyncio.get_running_loop().create_task(self._answer(exchange))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

        def gone() -> None:
            task.cancel()

        exchange.on_gone = gone

    def refuse(self, exchange: Exchange, error: FalajError) -> None:
        """Answer an exchange that was not let in."""
        self._refuse(exchange, error, Outcome())

    async def _answer(self, exchange: Exchange) -> None:
        outcome = Outcome()
        try:
            target = self._target(exchange, outcome)
            answered = await self._asked(exchange, target)
        except FalajError as error:
            self._refuse(exchange, error, outcome)
        except asyncio.CancelledError:
            outcome.ending = Ending.CLIENT_ERROR
            self._leave(exchange, outcome, GONE, "")
        except Exception as error:  # noqa: BLE001 - the last line: an unknown fault is ours
            self._refuse(exchange, ServiceError(f"internal error: {error!r}"[:300]), outcome)
        else:
            self._tell(exchange, answered, outcome)

    def _target(self, exchange: Exchange, outcome: Outcome) -> Target:
        request = exchange.request
        target = target_of(request.method, _READY if request.path == "/ping" else request.path)
        outcome.operation = target.operation
        if target.model or target.operation not in _PATHS.keys() | _HEALTH:
            self._served.identify(outcome, target.model, target.version)
        if self.is_draining and target.operation in {"server_ready", "model_ready"}:
            raise DrainingError
        return target

    async def _asked(self, exchange: Exchange, target: Target) -> Answered:
        if target.operation == _LIVE:  # whether the server behind lives, ECS asks it itself
            return Answered(_OK, {}, b"")
        if target.operation != "infer":
            return await self._passed_on(exchange, target)
        tenant = exchange.request.headers.get(HEADER_TENANT, "")
        rank = FIRST_RANK if self._ranks is None else self._ranks.of(tenant)
        with self._places.held(rank, tenant):
            return await self._passed_on(exchange, target)

    async def _passed_on(self, exchange: Exchange, target: Target) -> Answered:
        request = exchange.request
        method = "POST" if target.operation in _POSTED else "GET"
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        keep_valid(headers)
        return await self._upstream.ask(method, _path(target), headers, request.body)

    def _tell(self, exchange: Exchange, answered: Answered, outcome: Outcome) -> None:
        request_id = request_id_of(exchange.request)
        if answered.status >= _CALLERS_FAULT:
            is_callers = answered.status < _SERVERS_FAULT
            outcome.ending = Ending.CLIENT_ERROR if is_callers else Ending.ERROR
        headers = {name: answered.headers[name] for name in TOLD if name in answered.headers}
        headers |= {HEADER_REQUEST_ID: request_id, HEADER_RELEASE: self._release}
        if outcome.version:
            headers[HEADER_VARIANT] = outcome.version
        status = answered.status if answered.status <= _WORST else _BAD_GATEWAY
        self._leave(exchange, outcome, status, request_id)
        body = b"" if exchange.request.method == "HEAD" else answered.body
        exchange.reply(status, headers, body)

    def _refuse(self, exchange: Exchange, error: FalajError, outcome: Outcome) -> None:
        request_id, status = request_id_of(exchange.request), status_of(error)
        is_callers = isinstance(error, RequestError)
        outcome.ending = Ending.CLIENT_ERROR if is_callers else Ending.ERROR
        outcome.error_code, outcome.error = error.code, str(error)
        if outcome.operation not in _HEALTH:  # balancers ask all the while it loads its models
            keys = traces(exchange.request.headers)
            self._ledger.failed(outcome, request_id=request_id, status=status, keys=keys)
        if isinstance(error, ShedError):
            self._ledger.shed(self._served.model, error.priority)
        self._leave(exchange, outcome, status, request_id)
        headers = {"content-type": _JSON, HEADER_REQUEST_ID: request_id, **failure_headers(error)}
        body = failure_body(message=str(error), code=error.code, request_id=request_id)
        exchange.reply(status, headers, body)

    def _leave(self, exchange: Exchange, outcome: Outcome, status: int, request_id: str) -> None:
        if self._auditing is None:
            return
        request = exchange.request
        tenant, subject = (request.headers.get(n, "") for n in (HEADER_TENANT, HEADER_SUBJECT))
        asked = Asked(tenant, subject, request.body, request_id)
        self._auditing.leave(asked, outcome, status=status, variant=outcome.version)


def _path(target: Target) -> str:
    if not target.model:
        return _PATHS[target.operation]
    version = f"/versions/{quote(target.version, safe='')}" if target.version else ""
    return f"/v2/models/{quote(target.model, safe='')}{version}{_VERBS[target.operation]}"
