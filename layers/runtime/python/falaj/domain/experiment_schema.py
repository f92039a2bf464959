"""JSON Schemas of what the API takes and tells of experiments."""

from typing import Any, Final

from falaj.domain.protocol_schema import object_schema
from falaj.domain.routes import (
    DECIDE_EXPERIMENT,
    GROW_EXPERIMENT,
    START_EXPERIMENT,
    STOP_EXPERIMENT,
)

JSON = dict[str, Any]

_TEXT: Final[JSON] = {"type": "string"}
_MAYBE_TEXT: Final[JSON] = {"type": ["string", "null"]}
_REASON: Final[JSON] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1000,
    "description": "Why; recorded with the decision, signed.",
}
_PHASES: Final = ("running", "held", "promoted", "reverted", "stopped")
_VERDICTS: Final = ("winner", "loser", "no_difference", "inconclusive", "invalid")

_STATUS: Final = object_schema(
    {
        "model": _TEXT,
        "experiment": _TEXT,
        "phase": {"type": "string", "enum": list(_PHASES)},
        "verdict": {"enum": [*_VERDICTS, None]},
        "reason": _TEXT,
        "arm": _MAYBE_TEXT,
        "unit": {"type": "string", "enum": ["request", "subject"]},
        "arms": {"type": "object", "additionalProperties": {"type": "number"}},
        "coverage": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "started_at": _MAYBE_TEXT,
        "decided_at": _MAYBE_TEXT,
        "ends_at": _MAYBE_TEXT,
        "generation": {"type": "integer", "minimum": 1},
        "log": {"type": "array", "items": {"type": "object"}},
        "declaration": {"type": "object"},
    },
    "model",
    "experiment",
    "phase",
    "reason",
    "log",
)
_ONE: Final = object_schema({"status": {"$ref": "#/components/schemas/ExperimentStatus"}}, "status")
_MANY: Final = object_schema(
    {
        "experiments": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/ExperimentStatus"},
        }
    },
    "experiments",
)

SCHEMAS: Final[JSON] = {
    "ExperimentStatus": _STATUS,
    "ListExperiments": _MANY,
    "ModelExperiments": _MANY,
    "Experiment": _ONE,
    "StartExperiment": _ONE,
    "GrowExperiment": _ONE,
    "DecideExperiment": _ONE,
    "StopExperiment": _ONE,
    "ExperimentReport": object_schema(
        {
            "verdict": {"type": "string", "enum": list(_VERDICTS)},
            "sentence": _TEXT,
            "reason": _TEXT,
            "units": {"type": "integer", "minimum": 0},
            "balance": {"type": "object"},
            "metrics": {"type": "array", "items": {"type": "object"}},
            "tally": {"type": "object"},
            "decisions": {"type": "array", "items": {"type": "object"}},
        },
        "verdict",
        "sentence",
        "reason",
    ),
    "ExperimentStart": object_schema(
        {
            "spec": {
                "type": "object",
                "description": "The declaration, as docs/reference/experiments.md describes it.",
            },
            "reason": _REASON,
        },
        "spec",
        "reason",
    ),
    "ExperimentGrowth": object_schema(
        {
            "coverage": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "What part of all subjects takes part from now on; only more.",
            },
            "reason": _REASON,
        },
        "coverage",
        "reason",
    ),
    "ExperimentDecision": object_schema(
        {
            "choice": {"type": "string", "enum": ["promote", "revert"]},
            "arm": {
                "type": "string",
                "description": "The arm to promote; the winner, or the only one, if left out.",
            },
            "reason": _REASON,
        },
        "choice",
        "reason",
    ),
    "ExperimentStop": object_schema({"reason": _REASON}, "reason"),
}

BODIES: Final = {
    START_EXPERIMENT: "ExperimentStart",
    GROW_EXPERIMENT: "ExperimentGrowth",
    DECIDE_EXPERIMENT: "ExperimentDecision",
    STOP_EXPERIMENT: "ExperimentStop",
}
"""Schema of the request's body, by operation."""

EXPERIMENT_PARAMETER: Final[JSON] = {
    "name": "experiment",
    "in": "path",
    "required": True,
    "description": "Name of an experiment.",
    "schema": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
}
REPORT_PARAMETERS: Final[list[JSON]] = [
    {
        "name": "form",
        "in": "query",
        "description": "How the report is wanted: as data, or as a page for people.",
        "schema": {"type": "string", "enum": ["json", "html"], "default": "json"},
    },
    {
        "name": "fresh",
        "in": "query",
        "description": "Look now instead of giving the last report; may take half a minute.",
        "schema": {"type": "boolean", "default": False},
    },
]
"""Of the operation that gives a report."""
