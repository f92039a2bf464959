"""Whether requests are split as declared; if not, no comparison means what it says.

An always-valid test of the sample ratio: the beta-binomial mixture against the declared share.
"""

from math import inf, lgamma, log, log1p

from falaj.guard.checks import require_count, require_share
from falaj.guard.logspace import log_sum_exp

_CONCENTRATION = 20.0
"""Prior weight, in requests, with which a mismatch is expected near the declared share."""

SplitByShare = tuple[tuple[int, int, float], ...]
"""(candidate_requests, stable_requests, share) for each distinct share, oldest first."""


def log_mismatch(split: SplitByShare) -> float:
    """Return ln E against “each request went to the candidate with the declared share”.

    Each share has an e-process of its own; the k-th weighs 1/(k(k+1)), so that a long clean history
    cannot hide a mismatch at the present share. Together they weigh at most 1.

    Args:
        split: Requests by version, for each distinct share in order of first use.

    Returns:
        ln E; at −ln α or above, the split is not the declared one, at level α at all times.
        Minus infinity for an empty history.

    Raises:
        GuardInputError: A count or share is out of range.

    Example:
        >>> log_mismatch(((50, 950, 0.05),)) < 0, log_mismatch(((100, 900, 0.05),)) > log(1000)
        (True, True)

    Source:
        Lindon, Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS 35.
    """
    return log_sum_exp(
        tuple(
            _log_beta_binomial(candidate, stable, share) - log(k) - log(k + 1)
            for k, (candidate, stable, share) in enumerate(split, start=1)
        )
    )


def _log_beta_binomial(candidate: int, stable: int, at_share: float) -> float:
    candidate = require_count("candidate_requests", candidate)
    stable = require_count("stable_requests", stable)
    share = require_share(at_share)
    a, b = _CONCENTRATION * share, _CONCENTRATION * (1.0 - share)
    if min(a, b) <= 0.0:
        return -inf
    return (
        _log_beta(a + candidate, b + stable)
        - _log_beta(a, b)
        - candidate * log(share)
        - stable * log1p(-share)
    )


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
