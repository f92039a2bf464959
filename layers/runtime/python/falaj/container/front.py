"""REST on the container: the protocol, SageMaker's two routes, metrics."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Final

from falaj.batching.entry import FIRST_RANK
from falaj.container.auditing import Asked, Auditing
from falaj.container.call import Answer, Call
from falaj.container.desk import JSON_HEADERS, Desk, RestCall
from falaj.container.exchange import Exchange
from falaj.container.ledger import Ledger
from falaj.container.metrics import CONTENT_TYPE, exposition
from falaj.container.ranks import Ranks
from falaj.container.request_ids import RequestIds
from falaj.container.sagemaker import SageMakerExchange
from falaj.container.worker import Worker, priority_of
from falaj.container.workforce import Workforce
from falaj.contract import (
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_SUBJECT,
    HEADER_TENANT,
    HEADER_VARIANT,
)
from falaj.engines.inference import InferenceRequest
from falaj.errors import (
    DrainingError,
    FalajError,
    MalformedRequestError,
    ServiceError,
    ShedError,
)
from falaj.http.encoding import encoded
from falaj.http.messages import Request, Response
from falaj.http.oip import answer as answer_protocol, failed, request_id_of, sent
from falaj.http.routes import GET, POST, Target, allowed, target_of
from falaj.http.service import Service
from falaj.telemetry.outcome import Outcome
from falaj.telemetry.trace import traces

OK: Final = 200
UNAVAILABLE: Final = 503
MOST_PATHS: Final = 256
_US: Final = 1_000


class Front:
    """Answers exchanges.

    Args:
        service: What is served, and as which release.
        workforce: Who computes.
        ledger: Where endings are counted.
        default_model: What `/invocations` runs; empty if the container has several models.
        providers: The execution providers in use, for the metrics.
        ranks: Who leaves a full queue first; None where tenants have no priorities.
        auditing: Leaves a line of each request for auditors; None where nobody records.
    """

    def __init__(
        self,
        service: Service,
        workforce: Workforce,
        ledger: Ledger,
        *,
        default_model: str = "",
        providers: tuple[str, ...] = (),
        ranks: Ranks | None = None,
        auditing: Auditing | None = None,
    ) -> None:
        self._service, self._workforce, self._ledger = service, workforce, ledger
        self._ranks, self._auditing = ranks, auditing
        self._default_model = default_model
        self._providers = providers
        self.is_ready = False
        """Whether load balancers should send requests; false while starting and while draining."""
        self._ids = RequestIds()
        self._done = self._reply
        self._desks: dict[Worker, Desk] = {}
        self._infer_paths: dict[str, Desk] = {}
        self._own: dict[str, tuple[str, Callable[[Exchange], None]]] = {
            "/metrics": (GET, self._metrics),
            "/ping": (GET, self._ping),
            "/invocations": (POST, self._invocations),
        }

    def __call__(self, exchange: Exchange) -> None:
        """Answer, at once or later; never raises."""
        request = exchange.request
        path = request.path
        desk = self._infer_paths.get(path)
        if desk is not None and request.method == POST:
            return self._infer(exchange, request, desk)
        own = self._own.get(path)
        try:
            if own is not None:
                method, answer = own
                allowed(request.method, method)
                return answer(exchange)
            target = target_of(request.method, path)
        except FalajError as error:
            return self._refuse(exchange, error, Outcome())
        if target.operation == "infer":
            desk = self._desk(exchange, target)
            if desk is None:
                return None
            if len(self._infer_paths) < MOST_PATHS:  # one model has many: percent signs, slashes
                self._infer_paths[path] = desk
            return self._infer(exchange, request, desk)
        if target.operation in {"server_ready", "model_ready"} and not self.is_ready:
            return self._refuse(exchange, DrainingError(), Outcome(operation=target.operation))
        response = answer_protocol(request, self._service)
        self._leave(exchange, response)
        return self._send(exchange, response)

    def _infer(self, exchange: Exchange, request: Request, desk: Desk) -> None:
        began = perf_counter_ns()
        tenant = request.headers.get(HEADER_TENANT, "")
        try:
            rank = FIRST_RANK if self._ranks is None else self._ranks.of(tenant)
            inference = desk.read(request, self._service.limits)
            call = RestCall(inference, self._done, began, perf_counter_ns())
            call.exchange, call.desk = exchange, desk
            if tenant or rank != FIRST_RANK:
                call.on_behalf_of(tenant, rank)
            if inference.parameters:
                read_schedule(inference, call)
        except FalajError as error:
            desk.model.statistics.add_failure(ns=perf_counter_ns() - began)
            return self._refuse(exchange, error, desk.outcome())
        except Exception as error:  # noqa: BLE001 - the last line: an unknown fault is ours
            return self._refuse(exchange, _unknown(error), desk.outcome())
        desk.worker.submit(call)
        if call.is_waiting:
            exchange.on_gone = call.give_up
        return None

    def _desk(self, exchange: Exchange, target: Target) -> Desk | None:
        """The desk of a model version; without one, the caller is told so."""
        try:
            worker = self._workforce.of(target.model, target.version)
        except FalajError as error:
            # What nobody serves is whatever the caller wrote, and outcomes name metrics.
            is_known = target.model in self._service.repository.names
            model = target.model if is_known else ""
            self._refuse(exchange, error, Outcome(operation="infer", model=model))
            return None
        desk = self._desks.get(worker)
        if desk is None:
            desk = self._desks[worker] = Desk(worker, self._service, self._ledger)
        return desk

    def _reply(self, call: RestCall, answer: Answer) -> bool:
        exchange, desk = call.exchange, call.desk
        if isinstance(answer, FalajError):
            self._refuse(exchange, answer, call.outcome())
            return False
        try:
            body = desk.answers.body(call.inference, answer)
            described = None
            if body is None:
                body, described = encoded(desk.model, call.inference, answer)
        except FalajError as error:
            self._refuse(exchange, error, call.outcome())
            return False
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(exchange, _unknown(error), call.outcome())
            return False
        tally = desk.tally
        tally.count += 1
        tally.queue_ns += call.queue_ns
        self._answer(call, body, described)
        return True

    def _answer(self, call: RestCall, body: bytes, described: Mapping[str, str] | None) -> None:
        exchange, desk, service = call.exchange, call.desk, self._service
        request = exchange.request
        request_id = self._id_of(request)
        if self._auditing is not None:
            asked = _asked(request, request_id.decode())
            self._auditing.leave(asked, call.outcome(), status=OK, variant=desk.variant)
        limit = service.limits.compress_from_bytes
        is_compressible = len(body) >= limit and "accept-encoding" in request.headers
        if described is None and not is_compressible:
            exchange.reply_ok(b"%b%b\r\n" % (desk.json_lines, request_id), body)
            return
        headers = {
            HEADER_REQUEST_ID: request_id.decode(),
            HEADER_RELEASE: service.release,
            HEADER_VARIANT: desk.variant,
            **(described or JSON_HEADERS),
        }
        if is_compressible:
            self._send(exchange, sent(OK, headers, body, request, service, call.outcome()))
        else:
            exchange.reply(OK, headers, body)

    def _id_of(self, request: Request) -> bytes:
        if HEADER_REQUEST_ID in request.headers:
            return request_id_of(request).encode()
        return self._ids.new()

    def refuse(self, exchange: Exchange, error: FalajError) -> None:
        """Answer an exchange that was not let in."""
        self._refuse(exchange, error, Outcome())

    def _refuse(self, exchange: Exchange, error: FalajError, outcome: Outcome) -> None:
        response = failed(error, exchange.request, self._service, outcome=outcome)
        self._ledger.failed(
            outcome,
            request_id=response.headers[HEADER_REQUEST_ID],
            status=response.status,
            keys=traces(exchange.request.headers),
        )
        if isinstance(error, ShedError):
            self._ledger.shed(outcome.model, error.priority)
        self._leave(exchange, response)
        self._send(exchange, response)

    def _leave(self, exchange: Exchange, response: Response) -> None:
        """Leave the line of an answer that is no inference."""
        if self._auditing is not None:
            headers = response.headers
            self._auditing.leave(
                _asked(exchange.request, headers[HEADER_REQUEST_ID]),
                response.outcome,
                status=response.status,
                variant=headers.get(HEADER_VARIANT, ""),
            )

    @staticmethod
    def _send(exchange: Exchange, response: Response) -> None:
        exchange.reply(response.status, response.headers, response.body)

    # ------------------------------------------------------------- own routes
    def _ping(self, exchange: Exchange) -> None:
        exchange.reply(OK if self.is_ready else UNAVAILABLE, {}, b"")

    def _metrics(self, exchange: Exchange) -> None:
        text = exposition(self._workforce, providers=self._providers)
        exchange.reply(OK, {"content-type": CONTENT_TYPE}, text)

    def _invocations(self, exchange: Exchange) -> None:
        if not self._default_model:
            error = MalformedRequestError(
                "this container serves several models; POST /v2/models/<model>/infer, "
                "or set FALAJ_MODEL_NAME"
            )
            return self._refuse(exchange, error, Outcome(operation="infer"))
        told = SageMakerExchange(exchange)
        desk = self._desk(told, Target("infer", self._default_model))
        return None if desk is None else self._infer(told, told.request, desk)


def _asked(request: Request, request_id: str) -> Asked:
    headers = request.headers
    tenant, subject = headers.get(HEADER_TENANT, ""), headers.get(HEADER_SUBJECT, "")
    return Asked(tenant, subject, request.body, request_id)


def _unknown(error: Exception) -> ServiceError:
    return ServiceError(f"internal error: {error!r}"[:300])


def read_schedule(inference: InferenceRequest, call: Call) -> None:
    """Take the protocol's scheduling parameters: priority, and timeout in microseconds.

    Raises:
        MalformedRequestError: The timeout is not a whole number of at least 0.
    """
    parameters = inference.parameters
    if not parameters:
        return
    call.priority = priority_of(parameters.get("priority"))
    timeout = parameters.get("timeout", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 0:
        raise MalformedRequestError("parameter 'timeout' is a whole number of microseconds")
    if timeout:
        call.timeout_ns = timeout * _US
