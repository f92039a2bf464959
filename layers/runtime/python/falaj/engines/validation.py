"""Checks of what a request declares against the model's signature, before any tensor is built.

The same functions serve every transport. They look at names, types and shapes only, so their cost
does not depend on how much data a request carries.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import TensorSpec
from falaj.engines.inference import DeclaredInput, RequestedOutput
from falaj.errors import (
    DatatypeMismatchError,
    MalformedRequestError,
    MissingInputError,
    ShapeMismatchError,
    TensorDataError,
    UnknownTensorError,
)

MAX_RANK: Final = 64
MAX_EMPTY_EXTENT: Final = 2**20
"""Product of an empty tensor's other dimensions: a model may write that many values for none."""


class SignatureCheck:
    """A model's signature, made quick to look up.

    Args:
        model: What errors call the model.
        signature: What it declares.
    """

    def __init__(self, model: str, signature: ModelSignature) -> None:
        self.model = model
        self.signature = signature
        self.inputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in signature.inputs}
        self.outputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in signature.outputs}
        self.output_names = tuple(self.outputs)
        self.all_as_json = tuple(RequestedOutput(name=name) for name in self.outputs)
        self.all_as_binary = tuple(
            RequestedOutput(name=name, is_binary=True) for name in self.outputs
        )

    def element_count(self, declared: DeclaredInput) -> int:
        """Number of elements of an input that satisfies its declaration.

        Raises:
            UnknownTensorError: The model has no such input.
            DatatypeMismatchError: Its element type is another.
            ShapeMismatchError: Its shape is another.
            TensorDataError: It is empty, with other dimensions out of all proportion.
        """
        spec = self.inputs.get(declared.name)
        if spec is None:
            raise UnknownTensorError(direction="input", name=declared.name, model=self.model)
        if declared.datatype != spec.datatype:
            raise DatatypeMismatchError(
                name=spec.name, model=self.model, expected=spec.datatype, got=declared.datatype
            )
        shape = declared.shape
        if not spec.admits(shape) or (shape and min(shape) < 0):
            raise ShapeMismatchError(
                name=spec.name, model=self.model, expected=spec.shape, got=shape[:MAX_RANK]
            )
        return _element_count(spec.name, shape)

    def check_complete(self, got: Sequence[str]) -> None:
        """Refuse a request with an input twice or missing.

        Raises:
            MalformedRequestError: An input is given twice.
            MissingInputError: An input is missing.
        """
        names = set(got)
        if len(names) != len(got):
            twice = next(name for name in got if got.count(name) > 1)
            raise MalformedRequestError(f"input '{twice}' already exists in request")
        if len(names) != len(self.inputs):
            raise MissingInputError(model=self.model, expected=tuple(self.inputs), got=got)

    def check_output(self, name: str) -> None:
        """Refuse an output the model does not have.

        Raises:
            UnknownTensorError: The model has no such output.
        """
        if name not in self.outputs:
            raise UnknownTensorError(direction="output", name=name, model=self.model)


def _element_count(name: str, shape: tuple[int, ...]) -> int:
    count = extent = 1
    for size in shape:
        count *= size
        extent *= size or 1
    if count == 0 and extent > MAX_EMPTY_EXTENT:
        raise TensorDataError(
            name=name,
            reason=f"an empty tensor's other dimensions multiply to {extent}, "
            f"more than {MAX_EMPTY_EXTENT}",
        )
    return count
