"""The Open Inference Protocol V2 as one function: a request in, a response out.

Sources:
    github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
    Triton's extensions (binary data, parameters, statistics, model repository, configuration),
    github.com/triton-inference-server/server, docs/protocol/.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from falaj.contract import HEADER_RELEASE, HEADER_REQUEST_ID, HEADER_VARIANT
from falaj.errors import FalajError, InvalidOutputError
from falaj.http import metadata
from falaj.http.compression import accepted_coding, deflated
from falaj.http.default import default_service
from falaj.http.encoding import JSON
from falaj.http.failures import failure_body, failure_headers, is_callers, status_of
from falaj.http.inference import infer
from falaj.http.messages import Request, Response
from falaj.http.routes import Target, target_of
from falaj.http.service import Service
from falaj.telemetry.outcome import Ending, Outcome

OK: Final = 200
UNAVAILABLE: Final = 503
INTERNAL: Final = 500
_INDEX_BYTES: Final = 4096  # a longer request is cut, and then is no JSON
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:;=@/+-]{1,128}")


def answer(request: Request, service: Service | None = None) -> Response:
    """Answer any request of the protocol; nothing is ever raised.

    Args:
        request: What arrived.
        service: What serves it; by default the process's own, made from its environment when first
            needed.
    """
    outcome = Outcome()
    request_id = request_id_of(request)
    headers = {HEADER_REQUEST_ID: request_id}
    try:
        serving = service or default_service()
        headers[HEADER_RELEASE] = serving.release
        if serving.variant:
            headers[HEADER_VARIANT] = serving.variant
        return _answered(request, serving, headers, outcome)
    except FalajError as error:
        return _failed(error, request, headers, outcome)
    except Exception as error:  # noqa: BLE001 - the last line: an unknown fault is ours, and is a 500
        outcome.ending, outcome.error_code = Ending.ERROR, "internal"
        outcome.error = _described(error)
        body = failure_body(message="internal error", code="internal", request_id=request_id)
        return Response(INTERNAL, headers | {"content-type": JSON}, body, outcome)


def failed(
    error: FalajError, request: Request, service: Service, *, outcome: Outcome | None = None
) -> Response:
    """Answer a request that its transport had to refuse, before or after it was served.

    Args:
        error: Why.
        request: As far as it was read.
        service: What would have served it.
        outcome: What had been recorded of it.
    """
    headers = {HEADER_REQUEST_ID: request_id_of(request), HEADER_RELEASE: service.release}
    variant = service.variant or (outcome.version if outcome else "")
    if variant:
        headers[HEADER_VARIANT] = variant
    return _failed(error, request, headers, outcome or Outcome())


def _answered(
    request: Request, service: Service, headers: dict[str, str], outcome: Outcome
) -> Response:
    target = target_of(request.method, request.path)
    outcome.operation = target.operation
    if target.operation == "infer":
        model = service.repository.model(target.model, target.version)
        outcome.model, outcome.version, outcome.digest = model.name, model.version, model.digest
        headers.setdefault(HEADER_VARIANT, model.version)
        body, described = infer(service, model, request, outcome)
        headers.update(described)
        return sent(OK, headers, body, request, service, outcome)
    if target.operation == "repository_index":
        metadata.check_index_request(request.body[:_INDEX_BYTES])
    status, document = _OPERATIONS[target.operation](service, target)
    headers["content-type"] = JSON
    body = b"" if request.method == "HEAD" else orjson.dumps(document)
    return sent(status, headers, body, request, service, outcome)


def sent(
    status: int,
    headers: dict[str, str],
    body: bytes,
    request: Request,
    service: Service,
    outcome: Outcome,
) -> Response:
    """Make the response, compressed if that is worth while and the caller accepts it."""
    if len(body) >= service.limits.compress_from_bytes and (
        coding := accepted_coding(request.headers.get("accept-encoding", ""))
    ):
        body = deflated(body, coding)
        headers["content-encoding"] = coding
        headers["vary"] = "accept-encoding"
    return Response(status, headers, body, outcome)


def _failed(
    error: FalajError, request: Request, headers: dict[str, str], outcome: Outcome
) -> Response:
    if is_callers(error):
        outcome.ending = Ending.CLIENT_ERROR
    else:
        outcome.ending = (
            Ending.INVALID_OUTPUT if isinstance(error, InvalidOutputError) else Ending.ERROR
        )
    outcome.error_code, outcome.error = error.code, str(error)
    body = failure_body(
        message=outcome.error, code=error.code, request_id=headers[HEADER_REQUEST_ID]
    )
    if request.method == "HEAD":
        body = b""
    headers.update(failure_headers(error))
    headers["content-type"] = JSON
    return Response(status_of(error), headers, body, outcome)


def _described(error: Exception) -> str:
    from traceback import format_exception  # noqa: PLC0415 - a cold start does without

    return "".join(format_exception(error))


def request_id_of(request: Request) -> str:
    """Return the caller's id of a request if it is fit for headers and logs, else a new one."""
    given = request.headers.get(HEADER_REQUEST_ID, "")
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _ready(service: Service, _: Target) -> tuple[int, Any]:
    is_ready = metadata.is_ready(service)
    return OK if is_ready else UNAVAILABLE, {"live": True, "ready": is_ready}


_OPERATIONS: Final[dict[str, Callable[[Service, Target], tuple[int, Any]]]] = {
    "server_metadata": lambda _, __: (OK, metadata.server_metadata()),
    "server_live": lambda _, __: (OK, {"live": True}),
    "server_ready": _ready,
    "repository_index": lambda s, _: (OK, metadata.repository_index(s)),
    "model_metadata": lambda s, t: (OK, metadata.model_metadata(s, t.model, t.version)),
    "model_config": lambda s, t: (OK, metadata.model_config(s, t.model, t.version)),
    "model_ready": lambda s, t: (OK, metadata.model_ready(s, t.model, t.version)),
    "statistics": lambda s, t: (OK, metadata.statistics(s, t.model, t.version)),
}
