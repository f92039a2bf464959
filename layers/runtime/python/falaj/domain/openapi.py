"""The one document that describes the whole API, made from the models that it serves."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_IDEMPOTENCY,
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_RESULT,
)
from falaj.domain import openapi_components as components
from falaj.domain.experiment_schema import BODIES, EXPERIMENT_PARAMETER, REPORT_PARAMETERS
from falaj.domain.openapi_components import JSON, ref
from falaj.domain.published import PublishedModel
from falaj.domain.routes import (
    EXPERIMENT_REPORT,
    EXPERIMENTS,
    FEEDBACK,
    INFER_ASYNC,
    LIST_EXPERIMENTS,
    MODEL,
    RESULT,
    RESULT_ID,
    ROUTES,
    VERSION,
    Route,
    Server,
)

OPENAPI: Final = "3.1.0"
"""Source: spec.openapis.org/oas/v3.1.0; its schemas are JSON Schema 2020-12."""

REFUSALS: Final[Mapping[Server, tuple[int, ...]]] = {
    Server.PLATFORM: (400, 404, 405, 429, 500, 503),
    Server.PREDICT: (400, 404, 405, 413, 415, 429, 500, 502, 503, 504),
    Server.INTAKE: (400, 404, 405, 413, 429, 500, 502, 503, 504),
}
"""Statuses an operation may answer besides 200, by who answers it.

429, 502, 503 and 504 are the gateway's and Lambda's: throttling, a crashed function, a time limit.
"""

SERVER_TAG: Final = "Server"
"""No model can have this name: a DNS label has no capitals."""

DESCRIPTION: Final = (
    "The Open Inference Protocol V2 with its binary tensor extension. "
    "Every answer names the version and the release that made it."
)


def document(
    models: Sequence[PublishedModel],
    *,
    title: str = "Falaj",
    version: str = "0.1.0",
    has_experiments: bool = False,
) -> JSON:
    """Write the OpenAPI 3.1 document of the routes that these models answer.

    Args:
        models: What the API serves; each gets paths, schemas and examples of its own.
        title: The API's name.
        version: The API's own version, not a model's.
        has_experiments: Whether experiments can be started, read and decided.

    Example:
        >>> sorted(document([])["paths"])[:2]
        ['/docs', '/openapi.json']
    """
    paths: JSON = {}
    for route in ROUTES:
        if route.operation in EXPERIMENTS and not has_experiments:
            continue
        for model in _having(route, models):
            path = route.path.replace(MODEL, model.name) if model else route.path
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, model)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": title,
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": SERVER_TAG, "description": "The server and its catalogue."},
            *({"name": m.name, "description": m.description or m.name} for m in models),
        ],
        "paths": paths,
        "components": {
            "schemas": components.schemas(models),
            "headers": components.HEADERS,
            "responses": components.REFUSALS,
        },
    }


def _operation(route: Route, model: PublishedModel | None) -> JSON:
    operation: JSON = {
        "operationId": f"{route.operation}.{model.name}" if model else route.operation,
        "summary": route.summary,
        "tags": [model.name if model else SERVER_TAG],
        "responses": {
            **_successes(route, model),
            **{str(status): components.refusal(status) for status in _refusals(route)},
        },
    }
    if parameters := _parameters(route, model):
        operation["parameters"] = parameters
    if body := _request_body(route, model):
        operation["requestBody"] = body
    return operation


def _parameters(route: Route, model: PublishedModel | None) -> list[JSON]:
    parameters: list[JSON] = []
    if model and route.of_version:
        parameters.append(
            {
                "name": VERSION.strip("{}"),
                "in": "path",
                "required": True,
                "description": "A version of the model.",
                "schema": {"type": "string", "enum": [str(v) for v in model.versions]},
            }
        )
    if "{experiment}" in route.path:
        parameters.append(EXPERIMENT_PARAMETER)
    if route.operation == EXPERIMENT_REPORT:
        parameters.extend(REPORT_PARAMETERS)
    if route.operation == RESULT:
        parameters.append(components.RESULT_PARAMETER | {"name": RESULT_ID.strip("{}")})
    if route.operation == INFER_ASYNC:
        parameters.append(components.IDEMPOTENCY_PARAMETER | {"name": HEADER_IDEMPOTENCY})
    if _infers(route):
        parameters.append(
            {
                "name": HEADER_BINARY_LENGTH,
                "in": "header",
                "description": "Bytes of JSON before the binary tensors of the body.",
                "schema": {"type": "integer", "minimum": 0},
            }
        )
    return parameters


def _request_body(route: Route, model: PublishedModel | None) -> JSON | None:
    if route.operation == "repositoryIndex":
        return {
            "required": False,
            "content": {"application/json": {"schema": ref("RepositoryIndexRequest")}},
        }
    if route.operation in BODIES:
        schema = ref(BODIES[route.operation])
        return {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.operation == FEEDBACK:
        return {"required": True, "content": {"application/json": {"schema": ref("Outcomes")}}}
    if model is None or not _infers(route):
        return None
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": ref(components.request_name(model)),
                "examples": components.examples(model),
            },
            "application/octet-stream": {"schema": components.BINARY},
        },
    }


def _successes(route: Route, model: PublishedModel | None) -> JSON:
    if route.operation == INFER_ASYNC:
        return {"202": components.queued()}
    if route.operation == RESULT:
        return {"200": _success(route, model), "202": components.queued()}
    return {"202" if route.operation == FEEDBACK else "200": _success(route, model)}


def _success(route: Route, model: PublishedModel | None) -> JSON:
    content: JSON = {"application/json": {"schema": components.result(route, model)}}
    if _answers(route):
        content["application/octet-stream"] = {"schema": components.BINARY}
    if route.operation == EXPERIMENT_REPORT:
        content["text/html"] = {"schema": {"type": "string"}}
    if route.operation == "docs":
        content = {"text/html": {"schema": {"type": "string"}}}
    headers = {HEADER_REQUEST_ID: components.header_ref(HEADER_REQUEST_ID)}
    if route.server is Server.PREDICT or route.operation == RESULT:
        headers[HEADER_RELEASE] = components.header_ref(HEADER_RELEASE)
    if route.operation == RESULT:
        headers[HEADER_RESULT] = components.header_ref(HEADER_RESULT)
    if _answers(route):
        headers[HEADER_BINARY_LENGTH] = components.header_ref(HEADER_BINARY_LENGTH)
    return {"description": route.summary, "headers": headers, "content": content}


def _having(route: Route, models: Sequence[PublishedModel]) -> Sequence[PublishedModel | None]:
    """Return the models that have a route; one None where it belongs to no model."""
    if not route.of_model:
        return (None,)
    if route.server is Server.INTAKE:
        return [m for m in models if m.is_asynchronous]
    return [m for m in models if m.takes_feedback or route.operation != FEEDBACK]


def _refusals(route: Route) -> tuple[int, ...]:
    refusals = REFUSALS[route.server]
    if route.operation in EXPERIMENTS - {LIST_EXPERIMENTS}:
        return (*refusals, 409)
    if route.operation == INFER_ASYNC:
        return (*refusals, 422)
    return (*refusals, 413, 415) if route.operation == FEEDBACK else refusals


def _infers(route: Route) -> bool:
    return route.operation.startswith("infer")


def _answers(route: Route) -> bool:
    """Whether what succeeds is a model's answer."""
    return route.operation == RESULT or (_infers(route) and route.operation != INFER_ASYNC)


def example_of(document: Mapping[str, Any], model: str) -> JSON | None:
    """Return the first published example of a model's request; None if there is none."""
    operation = document["paths"].get(f"/v2/models/{model}/infer", {}).get("post", {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return next(iter(content.get("examples", {}).values()), None)
