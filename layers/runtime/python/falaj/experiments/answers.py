"""What the analyst answered, read by those who invoke it."""

from typing import Any, Final

from falaj.errors import (
    DependencyError,
    ExperimentRefusedError,
    FalajError,
    MalformedRequestError,
    UnknownExperimentError,
)

ANALYST: Final = "the experiment analyst"


def failure_of(told: Any, *, model: str, experiment: str) -> FalajError:  # noqa: ANN401 - as parsed
    """Turn what Lambda tells of a failure back into the error that the analyst raised.

    Args:
        told: The payload of an answer with a function error; it names the exception's class.
        model: Of which model was asked.
        experiment: Which experiment was asked about.

    Example:
        >>> told = {"errorType": "ExperimentRefusedError", "errorMessage": "it is over"}
        >>> str(failure_of(told, model="m", experiment="e"))
        'it is over'

    Source:
        docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html (`errorType`, `errorMessage`).
    """
    kind = told.get("errorType") if isinstance(told, dict) else None
    reason = str(told.get("errorMessage") or "no reason given") if isinstance(told, dict) else ""
    match kind:
        case "UnknownExperimentError":
            return UnknownExperimentError(model, experiment)
        case "ExperimentRefusedError":
            return ExperimentRefusedError([reason])
        case "MalformedRequestError":
            return MalformedRequestError(reason)
        case _:
            said = f"{kind or 'unknown'}: {reason}"
            return DependencyError(service=ANALYST, doing="answer", reason=said)
