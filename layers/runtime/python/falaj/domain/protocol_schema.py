"""JSON Schemas of what the protocol answers without running a model.

Sources:
    Open Inference Protocol, inference_rest.md ("Server Metadata" to "Inference Response JSON
    Object"); Triton's extension_model_repository.md, extension_model_configuration.md and
    extension_statistics.md.
"""

from typing import Any, Final

from falaj.domain.tensors import Datatype

JSON = dict[str, Any]


def object_schema(properties: JSON, *required: str) -> JSON:
    """Describe an object; keys it does not name are allowed."""
    return {"type": "object", "required": list(required), "properties": properties}


_TEXT: Final[JSON] = {"type": "string"}
_FLAG: Final[JSON] = {"type": "boolean"}
_TENSORS: Final[JSON] = {
    "type": "array",
    "items": object_schema(
        {
            "name": _TEXT,
            "datatype": {"type": "string", "enum": [datatype.value for datatype in Datatype]},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}},
        },
        "name",
        "datatype",
        "shape",
    ),
}

_EXACT: Final = 2**53 - 1
"""Whole numbers up to here are the same in every language."""
_TAKEN: Final = ("accepted", "duplicates", "conflicts")
_OUTCOME: Final = object_schema(
    {
        "inference_id": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._:;=@/+-]{1,128}$",
            "description": "The x-request-id of the answer.",
        },
        "metric": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"},
        "value": {
            "anyOf": [
                {"type": "number", "minimum": -_EXACT, "maximum": _EXACT},
                {"type": "boolean"},
                {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]{1,256}$"},
            ],
            "description": "A number, whether it happened, or a label.",
        },
        "at": {
            "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
            "description": "When it happened; now if left out. Not more than 90 days ago.",
        },
        "id": {
            "type": "string",
            "pattern": r"^[^\x00-\x1f\x7f]{0,128}$",
            "description": "Tells several outcomes of one metric apart; the same again is ignored.",
        },
    },
    "inference_id",
    "metric",
    "value",
)

PROTOCOL: Final[JSON] = {
    "Error": object_schema({"error": _TEXT, "code": _TEXT, "request_id": _TEXT}, "error", "code"),
    "ServerMetadata": object_schema(
        {"name": _TEXT, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}},
        "name",
        "version",
        "extensions",
    ),
    "ServerLive": object_schema({"live": _FLAG}, "live"),
    "ServerReady": object_schema({"ready": _FLAG}, "ready"),
    "ModelReady": object_schema({"name": _TEXT, "ready": _FLAG}, "ready"),
    "ModelMetadata": object_schema(
        {
            "name": _TEXT,
            "versions": {"type": "array", "items": _TEXT},
            "platform": _TEXT,
            "inputs": _TENSORS,
            "outputs": _TENSORS,
        },
        "name",
        "platform",
        "inputs",
        "outputs",
    ),
    "ModelConfig": object_schema(
        {
            "name": _TEXT,
            "platform": _TEXT,
            "backend": _TEXT,
            "max_batch_size": {"type": "integer", "minimum": 0},
            "input": {"type": "array", "items": {"type": "object"}},
            "output": {"type": "array", "items": {"type": "object"}},
        },
        "name",
        "platform",
        "input",
        "output",
    ),
    "ModelStatistics": object_schema(
        {
            "model_stats": {
                "type": "array",
                "items": object_schema(
                    {
                        "name": _TEXT,
                        "version": _TEXT,
                        "inference_count": {"type": "integer", "minimum": 0},
                        "execution_count": {"type": "integer", "minimum": 0},
                        "inference_stats": {"type": "object"},
                    },
                    "name",
                    "version",
                ),
            }
        },
        "model_stats",
    ),
    "RepositoryIndexRequest": object_schema({"ready": _FLAG}),
    "Outcome": _OUTCOME | {"additionalProperties": False},
    "Outcomes": {
        "oneOf": [
            {"$ref": "#/components/schemas/Outcome"},
            {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Outcome"},
                "minItems": 1,
                "maxItems": 100,
            },
        ]
    },
    "Feedback": object_schema(
        {name: {"type": "integer", "minimum": 0} for name in _TAKEN}, *_TAKEN
    ),
    "RepositoryIndex": {
        "type": "array",
        "items": object_schema(
            {
                "name": _TEXT,
                "version": _TEXT,
                "state": {"type": "string", "enum": ["READY", "UNAVAILABLE"]},
                "reason": _TEXT,
            },
            "name",
        ),
    },
    "Openapi": {"type": "object"},
}
