"""What a process serves: its models, who it is, and the bounds it keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.domain.clock import Clock, SystemClock
from falaj.engines.repository import ModelRepository

SERVER_NAME: Final = "falaj"
SERVER_VERSION: Final = "0.1.0"
EXTENSIONS: Final = (
    "binary_tensor_data",
    "parameters",
    "statistics",
    "model_repository",
    "model_configuration",
)
"""As named by the protocol's extensions, which server metadata lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep a hostile request cheap; measured in tests/falaj/http/test_hostile.py.

    Attributes:
        body_bytes: Largest body after decompression.
        json_bytes: Largest JSON part of a body.
        json_values: Most values and brackets in that JSON when it is longer than 3 MiB; each costs
            the parser a fixed number of bytes.
        json_objects: The same where simdjson is missing and each becomes an object.
        strings: Most elements of BYTES tensors; each becomes an object of some 60 bytes.
        compress_from_bytes: Smallest answer that is compressed for a caller who accepts it.
    """

    body_bytes: int = 16 * 1024 * 1024
    json_bytes: int = 8 * 1024 * 1024
    json_values: int = 1024 * 1024
    json_objects: int = 256 * 1024
    strings: int = 256 * 1024
    compress_from_bytes: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process's part of the API.

    Attributes:
        repository: The models.
        release: The Lambda version or image that runs, named in every answer.
        variant: The experiment's arm that answers; empty for the model's version.
        clock: Tells when an inference happened.
        limits: What is refused unread.
        scheduling: What a model version's configuration says of how requests are run together and
            of what computes them; nothing where each runs alone in ONNX Runtime.
    """

    repository: ModelRepository
    release: str = "local"
    variant: str = ""
    clock: Clock = field(default_factory=SystemClock)
    limits: Limits = field(default_factory=Limits)
    scheduling: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
