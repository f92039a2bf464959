"""Counts rows in reference bins while requests are answered; integers are all that is kept.

For one row, a feature's bin is found by comparing it with all edges of all features at once: that
is one call into NumPy where `searchsorted` needs one for each feature. What is added up is how many
rows reach each edge; the count of a bin is the difference of two neighbours, so it is exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from falaj.drift.reference import Feature, Reference, Side

_MOST_SMALL: Final = 255
"""Rows that eight bits count; adding bits to bytes costs a sixth of adding them to 64-bit sums."""
_AT_ONCE: Final = 64
"""Rows of a large batch compared at a time: 64 rows of 30 features make 19 KB."""

Array = NDArray[Any]


class _TensorCounter:
    """The rows of one tensor."""

    def __init__(self, features: Sequence[Feature], dtype: Any, width: int) -> None:  # noqa: ANN401 - a NumPy type
        self._features = features
        deepest = max(len(feature.edges) for feature in features)
        # Edges beyond a feature's own are never reached; the first is, by any value there is.
        edges = np.full((width, deepest + 1), np.nan, dtype=dtype)
        for feature in features:
            edges[feature.column, 0] = -np.inf
            edges[feature.column, 1 : len(feature.edges) + 1] = feature.edges
        self._edges, self._width = edges, width
        self._reached = np.zeros(edges.shape, dtype=bool)
        self._bytes = self._reached.view(np.uint8)
        self._small = np.zeros(edges.shape, dtype=np.uint8)
        self._small_rows = 0
        self._sums = np.zeros(edges.shape, dtype=np.int64)
        self._rows = 0

    def count(self, tensor: Array) -> None:
        """Count each row of a tensor; one whose rows are of another size is left out."""
        if tensor.size == self._width:
            np.greater_equal(tensor.reshape(-1, 1), self._edges, self._reached)
            np.add(self._small, self._bytes, self._small)
            self._small_rows += 1
            if self._small_rows == _MOST_SMALL:
                self._spill()
        elif tensor.size and tensor.size % self._width == 0:
            self._count_many(tensor.reshape(-1, self._width, 1))

    def take(self) -> tuple[list[Feature], list[list[int]], int]:
        """Hand over what was counted, and begin at nought."""
        self._spill()
        sums, rows = self._sums, self._rows
        self._sums, self._rows = np.zeros_like(sums), 0
        return list(self._features), [_bins(sums[f.column], rows, f) for f in self._features], rows

    def _count_many(self, rows: Array) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            self._sums += (rows[start : start + _AT_ONCE] >= self._edges).sum(axis=0)
        self._rows += len(rows)

    def _spill(self) -> None:
        self._sums += self._small
        self._rows += self._small_rows
        self._small[:] = 0
        self._small_rows = 0


class Counters:
    """Counts one model version's inputs and outputs.

    Args:
        reference: Whose bins.
        widths: Elements in one row of each tensor of the reference, by side and name.
        datatypes: NumPy's name of each tensor's element type, likewise.

    Example:
        >>> import numpy as np
        >>> from falaj.drift.reference import Rules
        >>> age = Feature(
        ...     name="age",
        ...     side=Side.INPUT,
        ...     tensor="x",
        ...     column=0,
        ...     is_category=False,
        ...     edges=(30.0, 60.0),
        ...     counts=(4, 3, 2, 1),
        ... )
        >>> rules = Rules(window_s=3600, delta=0.1, false_alarm=0.01)
        >>> reference = Reference(model="m", version=1, rules=rules, features=(age,))
        >>> counters = Counters(reference, {("input", "x"): 1}, {("input", "x"): "float32"})
        >>> counters.count({"x": np.array([[30.0], [75.0], [np.nan]], np.float32)}, (), ())
        >>> counters.take()
        ([[0, 1, 1, 1]], 3)
    """

    def __init__(
        self,
        reference: Reference,
        widths: Mapping[tuple[str, str], int],
        datatypes: Mapping[tuple[str, str], str],
    ) -> None:
        self.reference = reference
        # A container's threads answer for one model at the same time.
        self._lock = Lock()
        self._tensors: dict[str, dict[str, _TensorCounter]] = {side: {} for side in Side}
        for key in dict.fromkeys((each.side.value, each.tensor) for each in reference.features):
            side, tensor = key
            own = [f for f in reference.features if (f.side.value, f.tensor) == key]
            counter = _TensorCounter(own, _compared(datatypes[key]), widths[key])
            self._tensors[side][tensor] = counter
        self._inputs = tuple(self._tensors[Side.INPUT].items())
        self._outputs = self._tensors[Side.OUTPUT]

    def count(
        self, inputs: Mapping[str, Array], names: Iterable[str], outputs: Iterable[Array]
    ) -> None:
        """Count the rows of one run; outputs that nobody asked for are not counted.

        Args:
            inputs: Every input, by name.
            names: The outputs that were computed.
            outputs: Their tensors, in that order.
        """
        with self._lock:
            for name, counter in self._inputs:
                counter.count(inputs[name])
            if self._outputs:
                for name, tensor in zip(names, outputs, strict=False):
                    if name in self._outputs:
                        self._outputs[name].count(tensor)

    def take(self) -> tuple[list[list[int]], int]:
        """Hand over what was counted since the last time.

        Returns:
            For each feature of the reference its counts, as `Feature.counts` orders them, and the
            most rows that any feature had.
        """
        found: dict[Feature, list[int]] = {}
        most = 0
        with self._lock:
            for tensors in self._tensors.values():
                for counter in tensors.values():
                    features, counts, rows = counter.take()
                    found.update(zip(features, counts, strict=True))
                    most = max(most, rows)
        return [found[feature] for feature in self.reference.features], most


def _compared(datatype: str) -> str:
    """Return the type in which a tensor is compared with edges that its own type has."""
    return datatype if datatype == "float32" else "float64"


def _bins(reached: NDArray[np.int64], rows: int, feature: Feature) -> list[int]:
    own = reached[: len(feature.edges) + 1].tolist()
    within = [low - high for low, high in zip(own, [*own[1:], 0], strict=True)]
    return [*within, rows - own[0]]
