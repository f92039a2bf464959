"""REST on the container: the protocol, SageMaker's two routes, metrics."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Final

from falaj.container.call import Answer, Call
from falaj.container.exchange import Exchange
from falaj.container.ledger import Ledger
from falaj.container.metrics import CONTENT_TYPE, exposition
from falaj.container.worker import priority_of
from falaj.container.workforce import Workforce
from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_TENANT,
    HEADER_VARIANT,
)
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.errors import (
    DrainingError,
    FalajError,
    MalformedRequestError,
    MethodNotAllowedError,
    ServiceError,
)
from falaj.http.encoding import encoded
from falaj.http.inference import inference_of
from falaj.http.messages import Request, Response
from falaj.http.oip import answer as answer_protocol, failed, request_id_of, sent
from falaj.http.routes import Target, target_of
from falaj.http.service import Service
from falaj.telemetry.outcome import Outcome

OK: Final = 200
UNAVAILABLE: Final = 503
_US: Final = 1_000
_JSON_SIZE: Final = "json-header-size="
"""SageMaker has no room for Triton's header: it travels in the content type.

Source: docs.aws.amazon.com/sagemaker/latest/dg/deploy-models-frameworks-triton.html and its samples
(`application/vnd.sagemaker-triton.binary+json;json-header-size=N`).
"""


class Front:
    """Answers exchanges.

    Args:
        service: What is served, and as which release.
        workforce: Who computes.
        ledger: Where endings are counted.
        default_model: What `/invocations` runs; empty if the container has several models.
        providers: The execution providers in use, for the metrics.
    """

    def __init__(
        self,
        service: Service,
        workforce: Workforce,
        ledger: Ledger,
        *,
        default_model: str = "",
        providers: tuple[str, ...] = (),
    ) -> None:
        self._service, self._workforce, self._ledger = service, workforce, ledger
        self._default_model = default_model
        self._providers = providers
        self.is_ready = False
        """Whether load balancers should send requests; false while starting and while draining."""
        self._own: dict[str, Callable[[Exchange], None]] = {
            "/metrics": self._metrics,
            "/ping": self._ping,
            "/invocations": self._invocations,
        }

    def __call__(self, exchange: Exchange) -> None:
        """Answer, at once or later; never raises."""
        request = exchange.request
        own = self._own.get(request.path)
        if own is not None:
            return own(exchange)
        try:
            target = target_of(request.method, request.path)
        except FalajError as error:
            return self._refuse(exchange, error, Outcome())
        if target.operation == "infer":
            return self._infer(exchange, request, target)
        if target.operation in {"server_ready", "model_ready"} and not self.is_ready:
            return self._refuse(exchange, DrainingError(), Outcome(operation=target.operation))
        return self._send(exchange, answer_protocol(request, self._service))

    def _infer(self, exchange: Exchange, request: Request, target: Target) -> None:
        began = perf_counter_ns()
        outcome = Outcome(operation="infer", model=target.model)
        model: ServedModel | None = None
        try:
            worker = self._workforce.of(target.model, target.version)
            model = worker.model
            outcome.version, outcome.digest = model.version, model.digest
            inference = inference_of(request, model, self._service.limits)
            call = Call(
                inference,
                self._reply_to(exchange, outcome),
                began_ns=began,
                decoded_ns=perf_counter_ns(),
                tenant=request.headers.get(HEADER_TENANT, ""),
            )
            read_schedule(inference, call)
        except FalajError as error:
            if model is not None:
                model.statistics.add_failure(ns=perf_counter_ns() - began)
            return self._refuse(exchange, error, outcome)
        except Exception as error:  # noqa: BLE001 - the last line: an unknown fault is ours
            return self._refuse(exchange, ServiceError(f"internal error: {error!r}"[:300]), outcome)
        exchange.on_gone = call.give_up
        return worker.submit(call)

    def _reply_to(self, exchange: Exchange, outcome: Outcome) -> Callable[[Call, Answer], bool]:
        def reply(call: Call, answer: Answer) -> bool:
            outcome.queue_ns, outcome.infer_ns = call.queue_ns, call.infer_ns
            if isinstance(answer, FalajError):
                self._refuse(exchange, answer, outcome)
                return False
            try:
                model = self._workforce.of(outcome.model, outcome.version).model
                body, described = encoded(model, call.inference, answer)
            except FalajError as error:
                self._refuse(exchange, error, outcome)
                return False
            except Exception as error:  # noqa: BLE001 - as above
                unknown = ServiceError(f"internal error: {error!r}"[:300])
                self._refuse(exchange, unknown, outcome)
                return False
            self._answer(exchange, outcome, body, described)
            return True

        return reply

    def _answer(
        self, exchange: Exchange, outcome: Outcome, body: bytes, described: Mapping[str, str]
    ) -> None:
        request, service = exchange.request, self._service
        headers = {
            HEADER_REQUEST_ID: request_id_of(request),
            HEADER_RELEASE: service.release,
            HEADER_VARIANT: service.variant or outcome.version,
            **described,
        }
        self._ledger.answered(outcome.model, queue_ns=outcome.queue_ns)
        if (
            len(body) < service.limits.compress_from_bytes
            or "accept-encoding" not in request.headers
        ):
            exchange.reply(OK, headers, body)
        else:
            self._send(exchange, sent(OK, headers, body, request, service, outcome))

    def _refuse(self, exchange: Exchange, error: FalajError, outcome: Outcome) -> None:
        response = failed(error, exchange.request, self._service, outcome=outcome)
        self._ledger.failed(
            outcome, request_id=response.headers[HEADER_REQUEST_ID], status=response.status
        )
        self._send(exchange, response)

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
        request = exchange.request
        outcome = Outcome(operation="infer")
        if request.method != "POST":
            return self._refuse(exchange, MethodNotAllowedError(request.method, "POST"), outcome)
        if not self._default_model:
            error = MalformedRequestError(
                "this container serves several models; POST /v2/models/<model>/infer, "
                "or set FALAJ_MODEL_NAME"
            )
            return self._refuse(exchange, error, outcome)
        _, found, size = request.headers.get("content-type", "").partition(_JSON_SIZE)
        if found:
            headers = {**request.headers, HEADER_BINARY_LENGTH: size.partition(";")[0]}
            request = request._replace(headers=headers)
        return self._infer(exchange, request, Target("infer", self._default_model))


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
