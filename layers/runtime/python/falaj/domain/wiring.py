"""What may be handed from one model of an ensemble to the next."""

from collections.abc import Mapping
from typing import Final

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, TensorSpec

MAX_STEPS: Final = 32
"""An ensemble is small: each step is a model of its own, with all that it keeps in memory."""


def edge_faults(
    who: str, inputs: Mapping[str, str], its: ModelSignature, known: Mapping[str, TensorSpec]
) -> list[str]:
    """Return every reason why a member cannot take what it is given.

    Args:
        who: What the sentences call the member.
        inputs: Its inputs, and the tensors they take.
        its: Its signature.
        known: The graph's tensors so far, by name.
    """
    faults = []
    for spec in its.inputs:
        tensor = inputs.get(spec.name, "")
        if tensor not in known:
            faults.append(f"{who} finds nothing for its input '{spec.name}'")
        elif not fits(known[tensor], spec):
            faults.append(f"{who} takes {words(spec)}, and '{tensor}' is {words(known[tensor])}")
    extra = sorted(set(inputs) - {spec.name for spec in its.inputs})
    if extra:
        faults.append(f"{who} has no input {', '.join(extra)}")
    return faults


def fits(made: TensorSpec, taken: TensorSpec) -> bool:
    """Whether a tensor may be handed on: one type, one rank, no dimension fixed otherwise.

    Example:
        >>> from falaj.domain.tensors import Datatype
        >>> made = TensorSpec(name="a", datatype=Datatype.FP32, shape=(-1, 4))
        >>> fits(made, TensorSpec(name="b", datatype=Datatype.FP32, shape=(8, -1)))
        True
        >>> fits(made, TensorSpec(name="b", datatype=Datatype.FP32, shape=(-1, 5)))
        False
    """
    return (
        made.datatype is taken.datatype
        and len(made.shape) == len(taken.shape)
        and all(DYNAMIC in {a, b} or a == b for a, b in zip(made.shape, taken.shape, strict=True))
    )


def words(spec: TensorSpec) -> str:
    """Describe a tensor: name, type, shape.

    Example:
        >>> from falaj.domain.tensors import Datatype
        >>> words(TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 4)))
        "'x' FP32[any, 4]"
    """
    shape = ", ".join("any" if size == DYNAMIC else str(size) for size in spec.shape)
    return f"'{spec.name}' {spec.datatype.value}[{shape}]"
