"""Inputs that look as if the caller must feed them from the answer before."""

import re
from collections.abc import Sequence
from typing import Final

from falaj.domain.tensors import DYNAMIC, TensorSpec

_ROLES: Final = frozenset(
    [
        "in",
        "out",
        "input",
        "output",
        "new",
        "next",
        "n",
        "prev",
        "previous",
        "past",
        "present",
        "old",
        "last",
        "cur",
        "current",
    ]
)


def state_pairs(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> tuple[tuple[str, str], ...]:
    """Pair inputs with the outputs that seem to continue them: `h0` and `hn`, `state` and `stateN`.

    A pair has one element type and shape and names that differ only in their role; a model in which
    nothing else is left is an ordinary one (`x` and `x_out`).
    """
    pairs = tuple(
        (given.name, made.name)
        for given in inputs
        for made in outputs
        if _stem(given.name) and _stem(given.name) == _stem(made.name) and _alike(given, made)
    )
    is_all = len(pairs) >= min(len(inputs), len(outputs))
    return () if is_all else pairs


def _stem(name: str) -> str:
    # Hugging Face names a cache `past_key_values.0.key` going in and `present.0.key` coming out.
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name.replace("past_key_values", "past"))
    kept = [word.lower() for word in words if word.lower() not in _ROLES]
    if len(kept) > 1 and kept[-1] == "0":
        kept.pop()
    return re.sub(r"(?<=^[a-z])n$", "", "/".join(kept))


def _alike(given: TensorSpec, made: TensorSpec) -> bool:
    return (
        given.datatype is made.datatype
        and len(given.shape) == len(made.shape)
        and all(a == b or DYNAMIC in {a, b} for a, b in zip(given.shape, made.shape, strict=True))
    )
