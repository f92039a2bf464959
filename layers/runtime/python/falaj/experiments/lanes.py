"""One text hashed from several states at once.

A subject is hashed up to three times: for the holdout, for the namespace, for the arm. The states
lie side by side in one integer, 64 bits apart: the product of 32 bits and FNV's prime of 25 fits a
lane, so one multiplication moves all of them, and three hashes cost little more than one.
"""

from collections.abc import Sequence
from typing import Final

from falaj.experiments.hashing import FNV_MASK, FNV_PRIME, wide_code_points

LANE_BITS: Final = 64
_TABLE: Final = 256


class Lanes:
    """Runs 32-bit FNV-1a on from each of some states.

    Args:
        states: Hashes of what came before, at least one.

    Attributes:
        start: The states, a lane each.
        mask: The bits that a hash keeps, in every lane.
        spread: A code point in every lane, for those that most identifiers are made of.

    Example:
        >>> from falaj.experiments.hashing import fnv1a32
        >>> packed = Lanes([fnv1a32("a"), fnv1a32("b")]).packed("c")
        >>> packed == fnv1a32("ac") | fnv1a32("bc") << LANE_BITS
        True
    """

    __slots__ = ("_ones", "mask", "spread", "start")

    def __init__(self, states: Sequence[int]) -> None:
        self.start = sum(state << LANE_BITS * lane for lane, state in enumerate(states))
        self._ones = sum(1 << LANE_BITS * lane for lane in range(len(states)))
        self.mask = FNV_MASK * self._ones
        self.spread = tuple(code * self._ones for code in range(_TABLE))

    def packed(self, text: str) -> int:
        """Hash a text, code point by code point, from every state; a hash in each lane."""
        state, mask, prime, spread = self.start, self.mask, FNV_PRIME, self.spread
        try:
            for code in text.encode("latin-1"):
                state = (state ^ spread[code]) * prime & mask
        except UnicodeEncodeError:
            return self.packed_wide(text)
        return state

    def packed_wide(self, text: str) -> int:
        """Hash a text with letters beyond Latin-1, as `packed` does."""
        state, mask, prime, ones = self.start, self.mask, FNV_PRIME, self._ones
        for code in wide_code_points(text):
            state = (state ^ code * ones) * prime & mask
        return state
