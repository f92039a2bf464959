"""Does an answer depend on who else is in the batch? Measured, because axes cannot tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalogue.gate.running import Answer, Runs
from catalogue.gate.sampling import Feed, InputAxes, Recipe
from falaj.domain.signature import Batching
from falaj.domain.tensors import DYNAMIC

GROUPS: Final = (2, 3, 8)
SCALES: Final = (1.0, 1.0, 100.0, 0.01, 1.0, 10.0, 1.0, 100.0)
"""Rows of unlike magnitude: dynamic quantisation takes one scale for the whole batch."""
PADDING: Final = 3
TOLERANCE: Final = 3e-4
"""Relative to the output's largest magnitude: above the reordering of float32 sums (file-type moves
by 3e-5), below one step of 8-bit quantisation (4e-3; four 8-bit models moved by 1.6e-2 or more)."""
HALF_TOLERANCE: Final = 4e-3
"""The same for 16-bit floats, whose own step is 1e-3."""
DEPENDS_ON_COMPANY: Final = (
    "an answer depends on the other requests of its batch, so batching stays off "
    "(dynamic quantisation does this; so does a sum over the first axis)"
)
WHOLLY_DIFFERENT: Final = 1 / TOLERANCE
"""Labels, integers and shapes have no degrees: a relative difference of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What joining and padding requests did to their answers."""

    batching: Batching
    company_difference: float | None
    padding_difference: float | None
    notes: tuple[str, ...]


def examine_company(runner: Runs, inputs: Sequence[InputAxes], recipe: Recipe) -> Company:
    """Run requests alone, in company and padded, and compare their answers."""
    joined, notes = _joined_difference(runner, inputs, recipe)
    padded, padding_notes = _padded_difference(runner, inputs, recipe)
    return Company(
        batching=Batching(
            batch_axis=None if joined is None else 0,
            pad_allowed=padded is not None and padded <= 1.0,
            batch_invariant=joined is not None and joined <= 1.0,
        ),
        company_difference=None if joined is None else round(joined * TOLERANCE, 9),
        padding_difference=None if padded is None else round(padded * TOLERANCE, 9),
        notes=(*notes, *padding_notes),
    )


def difference(expected: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]]) -> float:
    """Return the largest difference as a multiple of what is tolerated; 0 when equal.

    Example:
        >>> a, b = {"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, 2.0003])}
        >>> round(difference(a, b), 2)
        0.5
    """
    return max((_tensor_difference(expected[name], got[name]) for name in expected), default=0.0)


def _tensor_difference(expected: NDArray[Any], got: NDArray[Any]) -> float:
    if expected.shape != got.shape:
        return WHOLLY_DIFFERENT
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(expected, got) else WHOLLY_DIFFERENT
    a, b = expected.astype(np.float64), got.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return WHOLLY_DIFFERENT
    finite = np.isfinite(a)
    if not finite.any():
        return 0.0
    largest = max(float(np.abs(a[finite]).max()), float(np.finfo(np.float32).tiny))
    tolerance = HALF_TOLERANCE if expected.dtype.itemsize == 2 else TOLERANCE  # noqa: PLR2004
    return float(np.abs(a[finite] - b[finite]).max()) / largest / tolerance


def _joined_difference(
    runner: Runs, inputs: Sequence[InputAxes], recipe: Recipe
) -> tuple[float | None, tuple[str, ...]]:
    fixed = [i.spec.name for i in inputs if not i.spec.shape or i.spec.shape[0] != DYNAMIC]
    if fixed:
        return None, (f"requests cannot be joined: input {fixed[0]!r} has no open first dimension",)
    feeds = [
        recipe.feed(inputs, rows=1, seed=seed, scale=scale) for seed, scale in enumerate(SCALES)
    ]
    try:
        alone = [runner.run(feed) for feed in feeds]
        if any(_rows(answer) != 1 for answer in alone):
            return None, ("requests cannot be joined: an output's first dimension is not the rows",)
        worst = 0.0
        for size in GROUPS:
            together = runner.run(_join(feeds[:size]))
            if _rows(together) != size:
                return None, ("requests cannot be joined: the outputs do not grow with the rows",)
            parts = (_row(together, i) for i in range(size))
            worst = max(worst, *(difference(a, b) for a, b in zip(alone, parts, strict=False)))
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        return None, ("requests cannot be joined: the model takes one row at a time",)
    if worst <= 1.0:
        return worst, ()
    return worst, (DEPENDS_ON_COMPANY,)


def _padded_difference(
    runner: Runs, inputs: Sequence[InputAxes], recipe: Recipe
) -> tuple[float | None, tuple[str, ...]]:
    names = sorted({name for item in inputs for name in item.axes[1:] if name})
    names = [name for name in names if name not in {i.axes[0] for i in inputs if i.axes}]
    if not names:
        return None, ()
    worst = 0.0
    for seed, scale in enumerate(SCALES[:3]):
        feed = recipe.feed(inputs, rows=1, seed=seed, scale=scale)
        try:
            plain = runner.run(feed)
            padded = [runner.run(_pad(feed, inputs, name)) for name in names]
        except Exception as error:
            if isinstance(error, MemoryError):
                raise
            return None, ("requests cannot be padded: the model refuses the longer input",)
        worst = max(worst, *(difference(plain, _cut(answer, plain)) for answer in padded))
    if worst <= 1.0:
        return worst, ()
    return worst, ("padding changes answers, so only requests of one shape may share a batch",)


def _join(feeds: Sequence[Feed]) -> Feed:
    return {name: np.concatenate([feed[name] for feed in feeds], axis=0) for name in feeds[0]}


def _rows(answer: Answer) -> int | None:
    """Return the size of the first dimension if all outputs agree on it."""
    sizes = {array.shape[0] if array.ndim else None for array in answer.values()}
    return sizes.pop() if len(sizes) == 1 else None


def _row(answer: Answer, index: int) -> Answer:
    return {name: array[index : index + 1] for name, array in answer.items()}


def _pad(feed: Feed, inputs: Sequence[InputAxes], axis_name: str) -> Feed:
    padded: Feed = {}
    for item in inputs:
        array = feed[item.spec.name]
        widths = [(0, PADDING if name == axis_name else 0) for name in item.axes]
        filler: Any = "" if array.dtype == object else 0
        padded[item.spec.name] = np.pad(array, widths, constant_values=filler) if widths else array
    return padded


def _cut(answer: Answer, like: Answer) -> Answer:
    """Drop what padding added to the outputs."""
    return {
        name: array[tuple(slice(0, size) for size in like[name].shape)]
        if array.ndim == like[name].ndim
        else array
        for name, array in answer.items()
    }
