"""One inference between its decoding and its encoding: what a batcher or another transport uses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from falaj.engines.engine import Tensor

NO_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType({})


class RequestedOutput(NamedTuple):
    """An output the caller wants, and how."""

    name: str
    is_binary: bool = False


class InferenceRequest(NamedTuple):
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
    parameters: Mapping[str, Any] = NO_PARAMETERS
