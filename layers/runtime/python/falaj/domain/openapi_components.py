"""The named parts of the OpenAPI document: schemas, headers, refusals, examples."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_RELEASE,
    HEADER_REQUEST_ID,
    HEADER_RESULT,
    PARAMETER_EXPERIMENT,
    PARAMETER_VARIANT,
)
from falaj.domain.experiment_schema import SCHEMAS as EXPERIMENTS
from falaj.domain.protocol_schema import PROTOCOL, object_schema
from falaj.domain.published import PublishedModel
from falaj.domain.routes import RESULT, Route
from falaj.domain.tensor_schema import PARAMETERS, input_schema, output_schema

JSON = dict[str, Any]

EXAMPLES_BYTES: Final = 16 * 1024
"""Room for one model's examples: with a hundred models the document must fit one Lambda answer."""

BINARY: Final[JSON] = {"type": "string", "contentMediaType": "application/octet-stream"}
"""Source: OAS 3.1, "Considerations for File Uploads"."""

HEADERS: Final[JSON] = {
    HEADER_REQUEST_ID: {
        "description": "Names this request in logs and errors.",
        "schema": {"type": "string"},
    },
    HEADER_RELEASE: {
        "description": "The release (Lambda version) that answered.",
        "schema": {"type": "string"},
    },
    HEADER_BINARY_LENGTH: {
        "description": "Bytes of JSON before the binary tensors; present if there are any.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    HEADER_RESULT: {
        "description": "What has become of an asynchronous request.",
        "schema": {"type": "string", "enum": ["queued", "done", "failed"]},
    },
}

RESULT_PARAMETER: Final[JSON] = {
    "in": "path",
    "required": True,
    "description": "What infer_async answered as id.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
IDEMPOTENCY_PARAMETER: Final[JSON] = {
    "in": "header",
    "description": "The same request with the same key is one request, with one id.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
QUEUED: Final[JSON] = object_schema(
    {
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "status": {"const": "queued"},
    },
    "id",
    "status",
)

REASONS: Final = {
    400: "The request is wrong; the sentence says how.",
    404: "There is no such model, version or path.",
    405: "The path takes another method.",
    409: "As things stand, it cannot be done; the sentence says why.",
    413: "The body, or what it inflates to, is too large; or the answer would be.",
    415: "The body's encoding is not understood.",
    422: "The idempotency key stands for another request.",
    429: "Too many requests for now.",
    500: "The service failed; it has been counted.",
    502: "The model's function crashed.",
    503: "The model is not ready or has no capacity.",
    504: "The model did not answer in time.",
}


def refusal_name(status: int) -> str:
    """Name the refusal of a status, as `components.responses` has it."""
    return HTTPStatus(status).name.title().replace("_", "")


def refusal(status: int) -> JSON:
    """Refer to the refusal of a status."""
    return {"$ref": f"#/components/responses/{refusal_name(status)}"}


REFUSALS: Final[JSON] = {
    refusal_name(status): {
        "description": reason,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for status, reason in REASONS.items()
}


def ref(schema: str) -> JSON:
    """Refer to a named schema."""
    return {"$ref": f"#/components/schemas/{schema}"}


def header_ref(name: str) -> JSON:
    """Refer to a named header."""
    return {"$ref": f"#/components/headers/{name}"}


def request_name(model: PublishedModel) -> str:
    """Name the schema of a model's requests."""
    return f"{model.name}.request"


def result(route: Route, model: PublishedModel | None) -> JSON:
    """Describe what an operation answers with status 200."""
    if model and (route.operation.startswith("infer") or route.operation == RESULT):
        return ref(f"{model.name}.answer")
    name = route.operation.removesuffix("Version")
    return ref(name[0].upper() + name[1:])


def queued() -> JSON:
    """Describe the answer that a request waits."""
    where = {"description": "Where the answer will be.", "schema": {"type": "string"}}
    again = {"description": "Seconds until it is worth asking.", "schema": {"type": "string"}}
    return {
        "description": "The request waits.",
        "headers": {
            HEADER_REQUEST_ID: header_ref(HEADER_REQUEST_ID),
            HEADER_RESULT: header_ref(HEADER_RESULT),
            "location": where,
            "retry-after": again,
        },
        "content": {"application/json": {"schema": ref("Queued")}},
    }


def schemas(models: Sequence[PublishedModel]) -> JSON:
    """Write every named schema: the protocol's, and two per model."""
    own = {}
    for model in models:
        own[request_name(model)] = _request(model)
        own[f"{model.name}.answer"] = _answer(model)
    if any(model.is_asynchronous for model in models):
        own["Queued"] = QUEUED
    return PROTOCOL | EXPERIMENTS | own


def examples(model: PublishedModel) -> JSON:
    """Write a model's golden cases as examples that really answer so, the first ones that fit."""
    published: JSON = {}
    room = EXAMPLES_BYTES
    for number, case in enumerate(model.golden, start=1):
        name = str(case.get("name", f"case-{number}"))
        example = {
            "summary": name,
            "value": case["request"],
            "x-falaj-golden": {k: case[k] for k in ("expect", "atol", "rtol") if k in case},
        }
        room -= len(json.dumps(example))
        if room < 0 and published:
            break
        published[name] = example
    return published


def _request(model: PublishedModel) -> JSON:
    inputs = model.signature.inputs
    names = [spec.name for spec in model.signature.outputs]
    return object_schema(
        {
            "id": {"type": ["string", "null"]},
            "parameters": PARAMETERS,
            "inputs": {
                "type": "array",
                "minItems": len(inputs),
                "maxItems": len(inputs),
                **_each_once([input_schema(spec) for spec in inputs]),
            },
            "outputs": {
                "type": "array",
                "items": object_schema(
                    {"name": {"type": "string", "enum": names}, "parameters": PARAMETERS}, "name"
                ),
                "maxItems": len(names),
            },
        },
        "inputs",
    )


def _each_once(tensors: list[JSON]) -> JSON:
    """Say that an array holds each of these tensors, in any order."""
    if len(tensors) == 1:
        return {"items": tensors[0]}
    return {
        "items": {"oneOf": tensors},
        "allOf": [
            {"contains": {"properties": {"name": tensor["properties"]["name"]}}}
            for tensor in tensors
        ],
    }


_ANSWERED_BY: Final[JSON] = {
    "type": "object",
    "description": "Of a request in an experiment: which arm of it answered.",
    "properties": {
        PARAMETER_EXPERIMENT: {"type": "string"},
        PARAMETER_VARIANT: {"type": "string"},
    },
}


def _answer(model: PublishedModel) -> JSON:
    outputs = [output_schema(spec) for spec in model.signature.outputs]
    return object_schema(
        {
            "model_name": {"type": "string", "const": model.name},
            "model_version": {"type": "string", "enum": [str(v) for v in model.versions]},
            "id": {"type": "string"},
            "parameters": _ANSWERED_BY,
            "outputs": {
                "type": "array",
                "items": {"oneOf": outputs} if len(outputs) > 1 else outputs[0],
            },
        },
        "model_name",
        "model_version",
        "outputs",
    )
