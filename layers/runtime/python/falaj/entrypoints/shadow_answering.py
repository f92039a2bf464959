"""A shadow's side: a copy is answered for nobody, and compared with what the caller got."""

import os
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any, Final

from falaj.contract import HEADER_REQUEST_ID
from falaj.entrypoints.lambda_events import result_of
from falaj.entrypoints.shadow_copy import Copy
from falaj.http.agreement import Answer, difference
from falaj.http.oip import answer
from falaj.http.service import Service
from falaj.telemetry.shadow import shadow_line
from falaj.telemetry.trace import trace_keys, xray_root

_TRACE: Final = "_X_AMZN_TRACE_ID"


class ShadowAnswering:
    """Answers copies; each leaves one line.

    Args:
        service: What it serves.
        model: The function's model.
        write: Takes each line.
    """

    def __init__(self, service: Service, *, model: str, write: Callable[[str], object]) -> None:
        self._service, self._model, self._write = service, model, write

    def __call__(self, event: Mapping[str, Any], context: Any, *, is_cold: bool) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer one copy and keep the answer to itself.

        Raises:
            MalformedRequestError: It is no copy: stable's code and this one's do not fit.
        """
        copy = Copy.from_event(event)
        trace = os.environ.get(_TRACE)  # noqa: TID251 - set for each request
        at, begun = self._service.clock.now(), perf_counter_ns()
        response = answer(copy.request, self._service)
        result_of(response)  # part of what a caller would wait for
        latency_ns = perf_counter_ns() - begun
        own = Answer(response.status, response.headers, response.body)
        line = shadow_line(
            response.outcome,
            model=self._model,
            release=self._service.release,
            at=at,
            latency_ns=latency_ns,
            is_cold=is_cold,
            difference=None if copy.answer is None else difference(copy.answer, own),
            keys={
                "request_id": copy.request.headers.get(HEADER_REQUEST_ID),
                "function_request_id": getattr(context, "aws_request_id", None),
                "xray_trace_id": xray_root(trace),
                **trace_keys(copy.request.headers.get("traceparent")),
                "status": response.status,
                "stable_status": copy.answer and copy.answer.status,
            },
        )
        self._write(line + "\n")
        return {}
