"""Sample-ratio mismatch: are units really split as declared? Valid at every look.

The Bayes factor of "some other shares" (Dirichlet prior around the declared ones) against the
declared shares is a martingale with mean 1 under them; by Ville's inequality it ever reaches 1/α
with probability at most α.

Source:
    Lindon, Malek (2022), NeurIPS, arXiv:2011.03567, equation 8.
"""

import math
from collections.abc import Sequence
from typing import Final

CONCENTRATION: Final = 10_000.0
"""Weight of the prior: broken assignment rarely moves a share by more than a few per cent."""


def log_mismatch(
    counts: Sequence[int], shares: Sequence[float], *, concentration: float = CONCENTRATION
) -> float:
    """Give the natural log of the evidence that units are not split as declared.

    Args:
        counts: Units by arm.
        shares: Declared share by arm, summing to 1.
        concentration: Prior weight; larger looks for smaller departures.

    Example:
        >>> log_mismatch([5000, 5000], [0.5, 0.5]) < 0 < log_mismatch([5400, 4600], [0.5, 0.5])
        True
    """
    total = sum(counts)
    evidence = math.lgamma(concentration) - math.lgamma(concentration + total)
    for count, share in zip(counts, shares, strict=True):
        prior = concentration * share
        evidence += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return evidence
