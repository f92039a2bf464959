"""Known answers: a case's request goes through the session, its expectation is compared."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogue.gate.refusal import Refusal
from catalogue.gate.sampling import Feed
from falaj.domain.tensors import Datatype

Case = Mapping[str, Any]


def feed_of(case: Case) -> Feed:
    """Return a case's inputs as arrays.

    Raises:
        Refusal: The case is not the protocol's JSON.
    """
    return {tensor["name"]: _array(case, tensor) for tensor in _part(case, "request", "inputs")}


def pools(cases: Sequence[Case]) -> dict[str, NDArray[Any]]:
    """Return all values that the cases show, by input."""
    seen: dict[str, list[NDArray[Any]]] = {}
    for case in cases:
        for name, array in feed_of(case).items():
            seen.setdefault(name, []).append(array.ravel())
    return {name: np.concatenate(arrays) for name, arrays in seen.items()}


def mismatch(case: Case, answer: Mapping[str, NDArray[Any]]) -> str | None:
    """Say how an answer differs from the known one, or None."""
    name = case.get("name", "without a name")
    for tensor in _part(case, "expect", "outputs"):
        if tensor["name"] not in answer:
            return f"golden case {name!r}: the model has no output {tensor['name']!r}"
        expected, got = _array(case, tensor), answer[tensor["name"]]
        if expected.shape != got.shape:
            return (
                f"golden case {name!r}: output {tensor['name']!r} has shape {list(got.shape)}, "
                f"known is {list(expected.shape)}"
            )
        wrong = ~_close(expected, got, atol=case.get("atol", 0.0), rtol=case.get("rtol", 0.0))
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            return (
                f"golden case {name!r}: output {tensor['name']!r} is {got[where]} at {list(where)} "
                f"but known is {expected[where]} ({int(wrong.sum())} of {wrong.size} differ)"
            )
    return None


def _part(case: Case, part: str, tensors: str) -> Sequence[Mapping[str, Any]]:
    try:
        found: Sequence[Mapping[str, Any]] = case[part][tensors]
    except (KeyError, TypeError) as error:
        raise Refusal(
            f"golden case {case.get('name')!r} has no {part}.{tensors}; "
            "write it as the protocol's JSON"
        ) from error
    return found


def _array(case: Case, tensor: Mapping[str, Any]) -> NDArray[Any]:
    try:
        dtype = Datatype(tensor["datatype"]).numpy_name
        return np.array(tensor["data"], dtype=dtype).reshape(tensor["shape"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refusal(f"golden case {case.get('name')!r}, a tensor in it: {error}") from error


def _close(
    expected: NDArray[Any], got: NDArray[Any], *, atol: float, rtol: float
) -> NDArray[np.bool_]:
    if expected.dtype.kind in "fiu":
        wide = np.float64 if expected.dtype.kind == "f" or got.dtype.kind == "f" else object
        margin = atol + rtol * np.abs(expected.astype(np.float64))
        difference = np.abs(got.astype(wide) - expected.astype(wide)).astype(np.float64)
        return np.asarray(difference <= margin, dtype=np.bool_)
    return np.asarray(expected == got, dtype=np.bool_)
