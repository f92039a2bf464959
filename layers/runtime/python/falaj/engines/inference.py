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
        id: The caller's own name for the request, echoed.
        parameters: The request's parameters: strings, numbers and booleans.
    """

    inputs: Mapping[str, Tensor]
    outputs: tuple[RequestedOutput, ...]
    id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs asked for, in order."""
        return tuple(output.name for output in self.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredInput:
    """What a request says of an input, before any tensor is built."""

    name: str
    datatype: str
    shape: tuple[int, ...]
