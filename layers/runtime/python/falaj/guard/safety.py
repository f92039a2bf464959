"""Proof that the candidate does not harm: always-valid upper bounds on its risk.

Silence is not safety: with no bad event at all nothing bounds the *relative* risk, and only enough
requests bound the rate itself.

Counts at several shares are joined by multiplying their e-values, alternative by alternative.
"""

from math import inf, log, log1p

from falaj.guard.checks import (
    require_count,
    require_level,
    require_positive,
    require_share,
)
from falaj.guard.logspace import log_mean_exp, times

SAFER = (0.0, 0.1, 0.25, 0.5, 0.75)
"""Alternatives mixed: the candidate's risk is this fraction of the one to be ruled out."""

_LOG_SAFER = tuple(log(part) if part else -inf for part in SAFER)

BadByShare = tuple[tuple[int, int, float], ...]
"""(candidate_bad, stable_bad, share) for each stretch of constant share."""


def log_relative_risk_below(bad: BadByShare, relative_risk: float) -> float:
    """Return ln E against “the candidate's risk is at least `relative_risk` times stable's”.

    Args:
        bad: Bad events by version, for each share, in (0, 1).
        relative_risk: The ρ to be ruled out, above 0.

    Raises:
        GuardInputError: A count, a share or the relative risk is out of range.

    Example:
        >>> log_relative_risk_below(((5, 400, 0.05),), 2.0) > log(20)
        True
    """
    risk = require_positive("relative_risk", relative_risk)
    logs = [0.0] * len(SAFER)
    for candidate_bad, stable_bad, at_share in bad:
        candidate = require_count("candidate_bad", candidate_bad)
        total = candidate + require_count("stable_bad", stable_bad)
        share = require_share(at_share)
        log_base = log1p(share * (risk - 1.0))
        for index, part in enumerate(SAFER):
            log_stable = log_base - log1p(share * (part * risk - 1.0))
            logs[index] += times(candidate, _LOG_SAFER[index]) + total * log_stable
    return log_mean_exp(tuple(logs))


def relative_risk_upper_bound(bad: BadByShare, level: float = 0.05) -> float:
    """Return a bound above the relative risk that always holds, but for a chance of `level`.

    Returns:
        The smallest relative risk that is ruled out; infinity while nothing is, as with no bad
        event on stable.

    Raises:
        GuardInputError: A count, a share or the level is out of range.

    Example:
        >>> relative_risk_upper_bound(((0, 0, 0.05),))
        inf
        >>> 1.0 < relative_risk_upper_bound(((10, 190, 0.05),)) < 3.0
        True
    """
    wanted = -log(require_level("level", level))
    largest = 1e6
    if log_relative_risk_below(bad, largest) < wanted:
        return inf
    # ln E grows with the risk to be ruled out, so the boundary is found by halving, in logarithms.
    low, high = log(1e-9), log(largest)
    for _ in range(64):
        middle = (low + high) / 2
        if log_relative_risk_below(bad, 2.718281828459045**middle) >= wanted:
            high = middle
        else:
            low = middle
    return float(2.718281828459045**high)


def log_rate_below(bad: int, requests: int, rate: float) -> float:
    """Return ln E against “each request is bad with a probability of at least `rate`”.

    Args:
        bad: The candidate's bad requests, at most `requests`.
        requests: The candidate's requests.
        rate: The rate to be ruled out, in (0, 1).

    Raises:
        GuardInputError: A count or the rate is out of range.

    Example:
        No bad request in 226 rules out 2 % at the 2.5 % level, where a fixed sample needs 183:

        >>> log_rate_below(0, 225, 0.02) < log(40) <= log_rate_below(0, 226, 0.02)
        True
    """
    bad, requests = require_count("bad", bad), require_count("requests", requests)
    rate = require_level("rate", rate)
    good = requests - min(bad, requests)
    return log_mean_exp(
        tuple(
            times(bad, log_part) + good * (log1p(-part * rate) - log1p(-rate))
            for part, log_part in zip(SAFER, _LOG_SAFER, strict=True)
        )
    )


def rate_upper_bound(bad: int, requests: int, level: float = 0.05) -> float:
    """Return a bound above the candidate's bad rate that always holds, but for a chance of `level`.

    Returns:
        The smallest rate that is ruled out; 1 while nothing is.

    Raises:
        GuardInputError: A count or the level is out of range.

    Example:
        >>> rate_upper_bound(0, 0)
        1.0
        >>> 0.003 < rate_upper_bound(0, 1000) < 0.005
        True
    """
    wanted = -log(require_level("level", level))
    largest = 1.0 - 1e-12
    if log_rate_below(bad, requests, largest) < wanted:
        return 1.0
    low, high = 0.0, largest
    for _ in range(64):
        middle = (low + high) / 2
        if middle > 0.0 and log_rate_below(bad, requests, middle) >= wanted:
            high = middle
        else:
            low = middle
    return high
