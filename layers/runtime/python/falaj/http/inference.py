"""The infer operation: inflate, decode, run, encode; each step usable on its own."""

from time import perf_counter_ns
from typing import NamedTuple

from falaj.contract import HEADER_BINARY_LENGTH
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.http.answer_frames import AnswerFrames
from falaj.http.compression import inflated
from falaj.http.decoding import decoded
from falaj.http.messages import Request
from falaj.http.recurring import RecurringRequests
from falaj.http.service import Limits, Service
from falaj.telemetry.outcome import Outcome


def inference_of(request: Request, model: ServedModel, limits: Limits) -> InferenceRequest:
    """Decode and check a request against a model's signature.

    Raises:
        RequestError: The caller must change the request.
    """
    headers = request.headers
    body = request.body
    if encoding := headers.get("content-encoding"):
        body = inflated(body, encoding, limit=limits.body_bytes)
    return decoded(body, headers.get(HEADER_BINARY_LENGTH), model.check, limits)


def infer(
    service: Service, model: ServedModel, request: Request, outcome: Outcome
) -> tuple[bytes, dict[str, str]]:
    """Answer one inference, on its own.

    Returns:
        The body and the headers that describe it.

    Raises:
        RequestError: The caller must change the request.
        ServiceError: The model failed or answered with what must not be sent.
    """
    begun = perf_counter_ns()
    ready = begun
    known = model.kept
    if not isinstance(known, _Known):
        known = model.kept = _Known(RecurringRequests(model.check), AnswerFrames(model))
    try:
        inference = _read(request, model, service.limits, known.requests)
        ready = perf_counter_ns()
        tensors = model.engine.run(inference.inputs, inference.output_names)
        done = perf_counter_ns()
        outcome.infer_ns = done - ready
        answer = known.answers.answer(inference, tensors)
    except Exception:
        model.statistics.add_failure(ns=perf_counter_ns() - begun)
        raise
    model.statistics.add_success(
        at_ms=int(service.clock.now().timestamp() * 1000),
        batch_size=_batch_size(model, inference),
        input_ns=ready - begun,
        infer_ns=outcome.infer_ns,
        output_ns=perf_counter_ns() - done,
    )
    if model.drift is not None:
        model.drift.count(inference.inputs, inference.output_names, tensors)
    return answer


class _Known(NamedTuple):
    """What recurs of a model's requests and answers (docs/decisions/0021)."""

    requests: RecurringRequests
    answers: AnswerFrames


def _read(
    request: Request, model: ServedModel, limits: Limits, recurring: RecurringRequests
) -> InferenceRequest:
    headers, body = request.headers, request.body
    if HEADER_BINARY_LENGTH in headers or "content-encoding" in headers:
        return inference_of(request, model, limits)
    inference = recurring.read(body)
    if inference is None:
        inference = inference_of(request, model, limits)
        recurring.learn(body, inference)
    return inference


def _batch_size(model: ServedModel, inference: InferenceRequest) -> int:
    axis = model.manifest.signature.batching.batch_axis
    if axis is None:
        return 1
    shape = next(iter(inference.inputs.values())).shape if inference.inputs else ()
    return shape[axis] if axis < len(shape) else 1
