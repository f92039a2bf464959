"""What chance makes of a subject: held out, elsewhere, or at a place of hash space.

What does not depend on the subject is done once. ASCII subjects, which nearly all identifiers are,
are hashed in C; the published hash mixes in whole code points, which no hash of bytes can, so
others go letter by letter, from all states at once (`falaj.experiments.lanes`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from falaj.experiments.hashing import (
    FNV_MASK,
    FNV_OFFSET,
    FNV_PRIME,
    PLACES_1,
    PLACES_2,
    QUICK,
    HashBytes,
    fnv1a32,
    namespace_seed,
)
from falaj.experiments.lanes import LANE_BITS, Lanes
from falaj.experiments.namespace import Namespace

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance(Generic[Answer]):
    """An experiment's hashes, and what each outcome means.

    Attributes:
        seed: Seed of the hash.
        is_old: Whether it is GrowthBook's version 1.
        places: What each place means; `PLACES_1` of them for version 1, `PLACES_2` otherwise.
        holdout_seed: Name of the holdout.
        holdout_share: Share of all subjects kept out.
        held_out: What that means.
        namespace: Mutual exclusion; None takes part with everyone.
        elsewhere: What it means to be in another part.
    """

    seed: str
    is_old: bool
    places: Sequence[Answer]
    holdout_seed: str
    holdout_share: float
    held_out: Answer
    namespace: Namespace | None
    elsewhere: Answer

    def by_subject(self, quick: HashBytes | None = QUICK) -> Callable[[str], Answer]:
        """Prepare a function from subjects to what chance makes of them.

        Args:
            quick: Hashes bytes, or None to go letter by letter for everyone.
        """
        slow = self._by_letter(quick)
        texts = self.seed, self.holdout_seed, self.namespace.name if self.namespace else ""
        is_plain = all(text.isascii() for text in texts)
        return self._by_bytes(quick, slow) if quick is not None and is_plain else slow

    def _by_bytes(self, quick: HashBytes, slow: Callable[[str], Answer]) -> Callable[[str], Answer]:
        seed, is_old, places, count = self.seed.encode(), self.is_old, self.places, len(self.places)
        holdout, is_out, held_out = self.holdout_seed.encode(), self._is_out, self.held_out
        suffix, is_in, elsewhere = self._suffix.encode(), self._is_in, self.elsewhere

        def drawn(subject: str) -> Answer:
            if not subject.isascii():
                return slow(subject)
            letters = subject.encode()
            if is_out and is_out[quick(b"%d" % quick(holdout + letters)) % PLACES_2]:
                return held_out
            if is_in and not is_in[quick(letters + suffix) % PLACES_1]:
                return elsewhere
            if is_old:
                return places[quick(letters + seed) % count]
            return places[quick(b"%d" % quick(seed + letters)) % count]

        return drawn

    def _by_letter(self, quick: HashBytes | None) -> Callable[[str], Answer]:
        seed, is_old, places, count = self.seed, self.is_old, self.places, len(self.places)
        is_out, held_out = self._is_out, self.held_out
        suffix, is_in, elsewhere = tuple(map(ord, self._suffix)), self._is_in, self.elsewhere
        states = [FNV_OFFSET] if is_old else [fnv1a32(seed), FNV_OFFSET][: 2 if is_in else 1]
        bare, out = LANE_BITS * (len(states) - 1), LANE_BITS * len(states)
        packed = Lanes([*states, fnv1a32(self.holdout_seed)] if is_out else states).packed
        of_digits = quick or _hash_of_digits
        prime, mask = FNV_PRIME, FNV_MASK

        def drawn(subject: str) -> Answer:
            lanes = packed(subject)
            if is_out and is_out[of_digits(b"%d" % (lanes >> out)) % PLACES_2]:
                return held_out
            if is_in:
                state = lanes >> bare & mask
                for code in suffix:
                    state = (state ^ code) * prime & mask
                if not is_in[state % PLACES_1]:
                    return elsewhere
            if is_old:
                return places[fnv1a32(seed, lanes & mask) % count]
            return places[of_digits(b"%d" % (lanes & mask)) % count]

        return drawn

    @property
    def _suffix(self) -> str:
        return namespace_seed(self.namespace.name) if self.namespace else ""

    @property
    def _is_out(self) -> bytes:
        """Say of each place whether it is held out; empty when nobody is."""
        share = self.holdout_share
        return bytes(place / PLACES_2 < share for place in range(PLACES_2)) if share else b""

    @property
    def _is_in(self) -> bytes:
        """Say of each place whether it is this part of the namespace; empty without one."""
        part = self.namespace
        if part is None:
            return b""
        return bytes(part.start <= place / PLACES_1 < part.end for place in range(PLACES_1))


def _hash_of_digits(digits: bytes) -> int:
    state, prime, mask = FNV_OFFSET, FNV_PRIME, FNV_MASK
    for digit in digits:
        state = (state ^ digit) * prime & mask
    return state
