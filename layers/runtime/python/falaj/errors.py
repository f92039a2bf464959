"""The error tree; its first fork decides who must act.

    FalajError
    ├── RequestError             the caller can fix it (4xx)
    │   ├── MalformedRequestError
    │   ├── TensorMismatchError
    │   ├── UnknownModelError
    │   ├── UnknownVersionError
    │   └── PayloadTooLargeError
    ├── ServiceError             we must (5xx; alarms count it)
    │   ├── InvalidOutputError
    │   ├── EngineError
    │   ├── ResponseTooLargeError
    │   └── ArtefactError
    └── ConfigurationError       refused before anything runs

Only `falaj.http` knows status codes. A leaf takes data, writes its own sentence and keeps the data.
"""

from collections.abc import Sequence
from typing import ClassVar


class FalajError(Exception):
    """Anything Falaj raises on purpose."""

    code: ClassVar[str] = "falaj"


class RequestError(FalajError):
    """The caller can fix it."""

    code: ClassVar[str] = "bad_request"


class ServiceError(FalajError):
    """The service must fix it; the guard counts it."""

    code: ClassVar[str] = "internal"


class ConfigurationError(FalajError):
    """A setting, catalogue entry or template is refused, with every fault at once."""

    code: ClassVar[str] = "configuration"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))
