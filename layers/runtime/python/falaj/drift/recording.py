"""Lines of counts, as functions leave them, checked before they are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from falaj.drift.reference import Reference

_KEPT = ("id", "since", "until", "release", "rows", "counts")


def kept(line: Mapping[str, Any], reference: Reference) -> dict[str, Any]:
    """Return what is kept of a line.

    Args:
        line: As `falaj.entrypoints.drifting` writes it.
        reference: Whose bins it counts in.

    Raises:
        ValueError: Its counts are none of this reference's.
        KeyError: It lacks something.
    """
    shapes = [len(feature.counts) for feature in reference.features]
    counts: Sequence[Sequence[Any]] = line["counts"]
    if [len(each) for each in counts] != shapes:
        raise ValueError("its counts have another shape than the reference's")
    if not all(type(count) is int and count >= 0 for each in counts for count in each):
        raise ValueError("its counts are no counts")
    return {key: line[key] for key in _KEPT}


def window_of(line: Mapping[str, Any], reference: Reference) -> int:
    """Return the start of the window that a line belongs to, seconds since the epoch."""
    return newest_before(line["until"], reference.rules.window_s)


def newest_before(at: float, window_s: int) -> int:
    """Return the start of the window that an instant lies in.

    Example:
        >>> newest_before(7205.5, 3600)
        7200
    """
    return int(at // window_s) * window_s
