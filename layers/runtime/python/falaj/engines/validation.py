"""Checks of what a request declares against the model's signature, before any tensor is built.

The same functions serve every transport. They look at names, types and shapes only, so their cost
does not depend on how much data a request carries.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Never

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec
from falaj.engines.inference import RequestedOutput
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
        takes_empty: Whether its operators survive a tensor without elements.
    """

    def __init__(self, model: str, signature: ModelSignature, *, takes_empty: bool = True) -> None:
        self.model = model
        self.takes_empty = takes_empty
        self.signature = signature
        self.inputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in signature.inputs}
        self.outputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in signature.outputs}
        self.output_names = tuple(self.outputs)
        self.output_types = {spec.name: spec.datatype.value for spec in signature.outputs}
        self.has_strings = any(spec.datatype is Datatype.BYTES for spec in signature.inputs)
        self.all_as_json = tuple(RequestedOutput(name=name) for name in self.outputs)
        self.all_as_binary = tuple(
            RequestedOutput(name=name, is_binary=True) for name in self.outputs
        )

    def element_count(self, name: str, datatype: str, shape: tuple[int, ...]) -> int:
        """Number of elements of an input that satisfies its declaration.

        Raises:
            UnknownTensorError: The model has no such input.
            DatatypeMismatchError: Its element type is another.
            ShapeMismatchError: Its shape is another.
            TensorDataError: It is empty, with other dimensions out of all proportion or for a
                model that takes none such.
        """
        spec = self.inputs.get(name)
        if spec is None:
            raise UnknownTensorError(direction="input", name=name, model=self.model)
        if datatype != spec.datatype:
            raise DatatypeMismatchError(
                name=name, model=self.model, expected=spec.datatype, got=datatype
            )
        if len(shape) != len(spec.shape):
            self._refuse(spec, shape)
        count = extent = 1
        for declared, size in zip(spec.shape, shape):  # noqa: B905 - of the same length by now
            if size < 0 or (declared != size and declared != DYNAMIC):  # noqa: PLR1714 - hot
                self._refuse(spec, shape)
            count *= size
            extent *= size or 1
        if count == 0 and not self.takes_empty:
            raise TensorDataError(
                name=name, reason="it is empty, and this model takes no tensor without elements"
            )
        if count == 0 and extent > MAX_EMPTY_EXTENT:
            raise TensorDataError(
                name=name,
                reason=f"an empty tensor's other dimensions multiply to {extent}, "
                f"more than {MAX_EMPTY_EXTENT}",
            )
        return count

    def check_complete(self, got: Sequence[str]) -> None:
        """Refuse a request with an input twice or missing.

        Raises:
            MalformedRequestError: An input is given twice.
            MissingInputError: An input is missing.
        """
        if len(got) == len(self.inputs) == 1:
            return
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

    def _refuse(self, spec: TensorSpec, shape: tuple[int, ...]) -> Never:
        raise ShapeMismatchError(
            name=spec.name, model=self.model, expected=spec.shape, got=shape[:MAX_RANK]
        )
