"""What anything that runs a model must offer."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec

Tensor = np.ndarray[Any, np.dtype[Any]]
"""An array whose element type is the signature's, known at run time only."""


class Engine(Protocol):
    """Runs one model version."""

    @property
    def signature(self) -> ModelSignature:
        """What the model itself declares, in graph order."""
        ...

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Compute the named outputs, in that order.

        Raises:
            InputRefusedError: The values are ones this model cannot take.
            EngineError: The run failed.
        """
        ...

    def close(self) -> None:
        """Give back what the model holds; no run may follow."""
        ...


def zeros(signature: ModelSignature) -> dict[str, Tensor]:
    """Make the smallest inputs a signature admits: open dimensions are 1, strings empty."""
    return {spec.name: _zero(spec) for spec in signature.inputs}


def _zero(spec: TensorSpec) -> Tensor:
    shape = tuple(1 if size == DYNAMIC else size for size in spec.shape)
    if spec.datatype is Datatype.BYTES:
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, dtype=spec.datatype.numpy_name)
