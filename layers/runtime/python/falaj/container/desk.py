"""What REST keeps for one model version: how its requests are read and its answers written."""

from typing import Final

from falaj.container.call import Call
from falaj.container.exchange import Exchange
from falaj.container.json_answers import JsonAnswers
from falaj.container.ledger import Ledger
from falaj.container.worker import Worker
from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_VARIANT,
)
from falaj.engines.inference import InferenceRequest
from falaj.http.encoding import JSON
from falaj.http.inference import inference_of
from falaj.http.messages import Request
from falaj.http.recurring import RecurringRequests
from falaj.http.service import Limits, Service
from falaj.telemetry.outcome import Outcome

JSON_HEADERS: Final = {"content-type": JSON}


class Desk:
    """Between a worker and REST.

    Args:
        worker: Who computes.
        service: As which release.
        ledger: Where endings are counted.

    Attributes:
        variant: What answers name as theirs.
        json_lines: An answer's headers up to the request's id.
        tally: Where its good answers are counted.
    """

    __slots__ = ("_recurring", "answers", "json_lines", "model", "tally", "variant", "worker")

    def __init__(self, worker: Worker, service: Service, ledger: Ledger) -> None:
        model = worker.model
        self.worker, self.model = worker, model
        self.tally = ledger.tally(model.name)
        self.answers = JsonAnswers(model)
        self._recurring = RecurringRequests(model.check)
        self.variant = service.variant or model.version
        named = {HEADER_RELEASE: service.release, HEADER_VARIANT: self.variant, **JSON_HEADERS}
        lines = [f"{name}: {value}\r\n" for name, value in named.items()]
        self.json_lines = f"{''.join(lines)}{HEADER_REQUEST_ID}: ".encode("latin-1")

    def read(self, request: Request, limits: Limits) -> InferenceRequest:
        """Decode and check a request.

        Raises:
            RequestError: The caller must change it.
        """
        headers, body = request.headers, request.body
        if HEADER_BINARY_LENGTH in headers or "content-encoding" in headers:
            return inference_of(request, self.model, limits)
        known = self._recurring.read(body)
        if known is None:
            known = inference_of(request, self.model, limits)
            self._recurring.learn(body, known)
        return known

    def outcome(self) -> Outcome:
        """Begin the record of a request that came to nothing."""
        model = self.model
        return Outcome(
            operation="infer", model=model.name, version=model.version, digest=model.digest
        )


class RestCall(Call):
    """A call that came over REST; whoever makes it sets both attributes.

    Attributes:
        exchange: Who waits.
        desk: Whence the answer comes.
    """

    exchange: Exchange
    desk: Desk

    def outcome(self) -> Outcome:
        """Begin the record of a call that came to nothing."""
        outcome = self.desk.outcome()
        outcome.queue_ns, outcome.infer_ns = self.queue_ns, self.infer_ns
        return outcome
