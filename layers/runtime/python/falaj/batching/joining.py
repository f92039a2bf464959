"""Tensors of many requests to one, and back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def joined(requests: Sequence[Mapping[str, Array]], axis: int) -> dict[str, Array]:
    """Join equally named inputs along the batch axis.

    Example:
        >>> joined([{"x": np.zeros((2, 3))}, {"x": np.ones((1, 3))}], 0)["x"].shape
        (3, 3)
    """
    return {
        name: np.concatenate([request[name] for request in requests], axis=axis)
        for name in requests[0]
    }


class Joint:
    """The outputs of a shared run, and whose rows are whose.

    Args:
        outputs: Each with a row for every one that went in.
        rows: How many each request gave, in the order they were joined.
        axis: Along which.

    Attributes:
        texts: Kept by whoever writes all parts at once.

    Raises:
        ValueError: An output has not one row for each that went in.
    """

    __slots__ = ("_starts", "axis", "is_row_each", "outputs", "texts")

    def __init__(self, outputs: Sequence[Array], rows: Sequence[int], axis: int) -> None:
        total = sum(rows)
        for output in outputs:
            if output.ndim <= axis or output.shape[axis] != total:
                raise ValueError(
                    f"{total} rows went in, an output has the shape {list(output.shape)}"
                )
        self.outputs = outputs
        self.axis = axis
        self.is_row_each = total == len(rows) and min(rows, default=0) == 1
        self.texts: Any = None
        self._starts = range(total + 1) if self.is_row_each else _sums(rows)

    def of(self, index: int) -> list[Array]:
        """One request's rows of every output."""
        rows = slice(self._starts[index], self._starts[index + 1])
        where = (*(slice(None),) * self.axis, rows)
        return [output[where] for output in self.outputs]


class Part(Sequence[Array]):
    """One request's rows of a shared run's outputs, cut out when they are looked at."""

    __slots__ = ("_tensors", "joint", "place")

    def __init__(self, joint: Joint, place: int) -> None:
        self.joint, self.place = joint, place
        self._tensors: list[Array] | None = None

    def _all(self) -> list[Array]:
        if self._tensors is None:
            self._tensors = self.joint.of(self.place)
        return self._tensors

    def __len__(self) -> int:
        return len(self.joint.outputs)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Array]:
        return iter(self._all())


def divided(outputs: Sequence[Array], rows: Sequence[int], axis: int) -> list[Part]:
    """Give each request its rows of every output, in the order the requests were joined.

    Raises:
        ValueError: An output has not one row for each that went in.

    Example:
        >>> [part[0].tolist() for part in divided([np.array([1, 2, 3])], [2, 1], 0)]
        [[1, 2], [3]]
    """
    joint = Joint(outputs, rows, axis)
    return [Part(joint, place) for place in range(len(rows))]


def _sums(rows: Sequence[int]) -> list[int]:
    starts = [0]
    for count in rows:
        starts.append(starts[-1] + count)
    return starts
