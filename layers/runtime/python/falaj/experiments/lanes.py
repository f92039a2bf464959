"""One text hashed from several states at once.

A subject is hashed up to three times: for the arm, for the namespace, for the holdout. The states
lie side by side in one integer, 64 bits apart: the product of 32 bits and FNV's prime of 25 fits a
lane, so one multiplication moves all of them, and three hashes cost little more than one.
"""

from collections.abc import Sequence
from typing import Final

from falaj.experiments.hashing import FNV_MASK, FNV_PRIME, code_points

LANE_BITS: Final = 64


class Lanes:
    """Runs 32-bit FNV-1a on from each of some states.

    Args:
        states: Hashes of what came before, at least one.

    Example:
        >>> from falaj.experiments.hashing import fnv1a32
        >>> packed = Lanes([fnv1a32("a"), fnv1a32("b")]).packed("سc")
        >>> packed == fnv1a32("aسc") | fnv1a32("bسc") << LANE_BITS
        True
    """

    __slots__ = ("_mask", "_ones", "_start")

    def __init__(self, states: Sequence[int]) -> None:
        self._start = sum(state << LANE_BITS * lane for lane, state in enumerate(states))
        self._ones = sum(1 << LANE_BITS * lane for lane in range(len(states)))
        self._mask = FNV_MASK * self._ones

    def packed(self, text: str) -> int:
        """Hash a text, code point by code point, from every state; a hash in each lane."""
        state, mask, prime, ones = self._start, self._mask, FNV_PRIME, self._ones
        for code in code_points(text):
            state = (state ^ code * ones) * prime & mask
        return state
