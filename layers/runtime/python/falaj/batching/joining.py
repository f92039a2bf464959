"""Tensors of many requests to one, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def divided(outputs: Sequence[Array], rows: Sequence[int], axis: int) -> list[list[Array]]:
    """Give each request its rows of every output, in the order the requests were joined.

    Raises:
        ValueError: An output has not one row for each that went in.

    Example:
        >>> [part[0].tolist() for part in divided([np.array([1, 2, 3])], [2, 1], 0)]
        [[1, 2], [3]]
    """
    total = sum(rows)
    for output in outputs:
        if output.ndim <= axis or output.shape[axis] != total:
            raise ValueError(f"{total} rows went in, an output has the shape {list(output.shape)}")
    parts: list[list[Array]] = []
    before = (slice(None),) * axis
    start = 0
    for count in rows:
        where = (*before, slice(start, start + count))
        parts.append([output[where] for output in outputs])
        start += count
    return parts
