"""One inference between its decoding and its encoding: what a batcher or another transport uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falaj.engines.engine import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedOutput:
    """An output the caller wants, and how."""

    name: str
    is_binary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """A checked request: every tensor satisfies the model's signature.

    Attributes:
        inputs: Every input of the model, by name.
        outputs: What to return, in the order asked; at least one.
        output_names: Their names.
        id: The caller's own name for the request, echoed.
        parameters: The request's parameters: strings, numbers and booleans.
    """

    inputs: Mapping[str, Tensor]
    outputs: tuple[RequestedOutput, ...]
    output_names: tuple[str, ...]
    id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
