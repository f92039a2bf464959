"""One text hashed from several states at once.

A subject is hashed up to three times: for the holdout, for the namespace, for the arm. The states
lie side by side in one integer, 64 bits apart: the product of 32 bits and FNV's prime of 25 fits a
lane, so one multiplication moves all of them, and three hashes cost little more than one.
"""

import sys
from collections.abc import Sequence
from typing import Final

from falaj.experiments.hashing import FNV_MASK, FNV_PRIME

LANE_BITS: Final = 64
_CODE_POINTS: Final = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"
_TABLE: Final = 256


class Lanes:
    """Runs 32-bit FNV-1a on from each of some states.

    Args:
        states: Hashes of what came before, at least one.

    Example:
        >>> from falaj.experiments.hashing import fnv1a32
        >>> packed = Lanes([fnv1a32("a"), fnv1a32("b")]).packed("c")
        >>> packed == fnv1a32("ac") | fnv1a32("bc") << LANE_BITS
        True
    """

    __slots__ = ("_mask", "_ones", "_spread", "_start")

    def __init__(self, states: Sequence[int]) -> None:
        self._start = sum(state << LANE_BITS * lane for lane, state in enumerate(states))
        self._ones = sum(1 << LANE_BITS * lane for lane in range(len(states)))
        self._mask = FNV_MASK * self._ones
        # A code point in every lane, for those that most identifiers are made of.
        self._spread = tuple(code * self._ones for code in range(_TABLE))

    def packed(self, text: str) -> int:
        """Hash a text, code point by code point, from every state; a hash in each lane."""
        state, mask, prime, spread = self._start, self._mask, FNV_PRIME, self._spread
        try:
            for code in text.encode("latin-1"):
                state = (state ^ spread[code]) * prime & mask
        except UnicodeEncodeError:
            ones = self._ones
            for code in memoryview(text.encode(_CODE_POINTS, "surrogatepass")).cast("I"):
                state = (state ^ code * ones) * prime & mask
        return state
