"""How one request ended: the record that logs, metrics and the guard are fed from."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """The classes of endings; the guard counts the last two as bad."""

    __hash__ = str.__hash__  # Enum's is written in Python, and this is looked up in every request

    OK = "ok"
    CLIENT_ERROR = "client_error"
    INVALID_OUTPUT = "invalid_output"
    ERROR = "error"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One request's ending and durations.

    Attributes:
        ending: What the request came to.
        operation: What was asked: `infer`, `model_metadata`, …; empty when no route matched.
        model: Model name as served; empty when none was found.
        version: Model version that answered; empty when none was found.
        digest: sha256 of the model's bytes, hex.
        infer_ns: Time inside the engine.
        queue_ns: Time spent waiting for a batch.
        error_code: The error body's `code`; empty on success.
        error: What went wrong, in a sentence fit for a log; empty on success.
    """

    ending: Ending = Ending.OK
    operation: str = ""
    model: str = ""
    version: str = ""
    digest: str = ""
    infer_ns: int = 0
    queue_ns: int = 0
    error_code: str = ""
    error: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the guard counts it against the release."""
        return self.ending is Ending.ERROR or self.ending is Ending.INVALID_OUTPUT
