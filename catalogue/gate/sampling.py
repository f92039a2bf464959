"""Inputs made up from a signature, for models that come without a word about their data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec

Feed = dict[str, NDArray[Any]]

SIZES: Final = (8, 1, 32, 224)
"""Tried in turn for open dimensions other than the first: sequences first, then image sides."""
INTEGERS_BELOW: Final = (1000, 100, 10, 2)
"""Tried in turn for integers, which are often rows of a table of unknown length."""
WORDS: Final = ("falaj", "water", "42", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAxes:
    """One input and the names of its open dimensions ("" where the size is fixed)."""

    spec: TensorSpec
    axes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to make an input that the model takes.

    Attributes:
        size: Size of every open dimension except the first.
        integers_below: Integers are drawn from [0, integers_below).
        pools: Values seen in golden cases, by input; drawn from where there are any.
    """

    size: int
    integers_below: int
    pools: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def feed(
        self, inputs: Sequence[InputAxes], *, rows: int, seed: int, scale: float = 1.0
    ) -> Feed:
        """Make one input for each of the model's, repeatable by its seed.

        Args:
            inputs: The model's inputs.
            rows: Size of the first dimension where it is open.
            seed: Seed of the generator.
            scale: Standard deviation of floats that no golden case shows.
        """
        generator = np.random.default_rng(seed)
        first = {item.axes[0] for item in inputs if item.axes and item.axes[0]}
        feed: Feed = {}
        for item in inputs:
            shape = tuple(
                size if size != DYNAMIC else rows if name in first else self.size
                for size, name in zip(item.spec.shape, item.axes, strict=True)
            )
            # Without dimensions NumPy draws a bare number, which the engine does not take.
            feed[item.spec.name] = np.asarray(self._values(item.spec, shape, generator, scale))
        return feed

    def _values(
        self, spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator, scale: float
    ) -> NDArray[Any]:
        pool = self.pools.get(spec.name)
        if pool is not None and pool.size:
            return generator.choice(pool, size=shape)
        if spec.datatype is Datatype.BYTES:
            return generator.choice(np.array(WORDS, dtype=object), size=shape)
        if spec.datatype.is_float:
            return (generator.standard_normal(shape) * scale).astype(spec.datatype.numpy_name)
        below = 2 if spec.datatype is Datatype.BOOL else min(self.integers_below, 100)
        if spec.datatype.size != 1:
            below = max(below, self.integers_below) if spec.datatype is not Datatype.BOOL else 2
        return generator.integers(0, below, size=shape).astype(spec.datatype.numpy_name)


def recipes(inputs: Sequence[InputAxes], pools: Mapping[str, NDArray[Any]]) -> Iterator[Recipe]:
    """Yield the recipes worth trying, the likeliest first."""
    has_open = any(name for item in inputs for name in item.axes[1:])
    has_integers = any(
        item.spec.datatype.is_integer and item.spec.name not in pools for item in inputs
    )
    for size in SIZES if has_open else SIZES[:1]:
        for below in INTEGERS_BELOW if has_integers else INTEGERS_BELOW[:1]:
            yield Recipe(size=size, integers_below=below, pools=pools)
