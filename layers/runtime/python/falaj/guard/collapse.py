"""Evidence of collapse: the candidate answers next to nothing right, while stable does.

At a share of 10 % three bad requests in a row fall on a harmless candidate in one of a thousand
shared outages, so bad events alone can never stop total failure at the third with α = 0.1 %.
What stable answered right meanwhile says that there is no such outage; here it is counted.
"""

from math import log

from falaj.guard.checks import require_count, require_share

CANDIDATE_FAILS = 0.99
"""The alternative's chance that a request is bad on the candidate."""

STABLE_FAILS = 0.01
"""The alternative's chance that a request is bad on stable."""

COLLAPSE_LEVEL = 0.01
"""From this α up three bad events suffice alone, and nothing is kept for collapse."""

COLLAPSE_PART = 0.25
"""Below it, the part of `error`'s weight that looks for collapse (benchmarks/guard.py)."""

Served = tuple[int, int, int, int, float]
"""(candidate_bad, candidate_good, stable_bad, stable_good, share) at one share."""


def log_collapse(served: tuple[Served, ...]) -> float:
    """Return ln E against “no request is likelier to be bad on the candidate than on stable”.

    With candidate share w, c and s the alternative's two chances and p = w·c + (1 − w)·s, a request
    multiplies E by c/p or s/p if it is bad on the candidate or on stable, by (1 − c)/(1 − p) or
    (1 − s)/(1 − p) if it is good: by 1 on average for a candidate that is like stable, by less for
    a better one. Of stable's good answers no more count than the bad ones of the candidate would
    lead one to expect, (1 − w)/w for each: E only becomes smaller by that, and requests of a
    candidate that nobody counted are no evidence.

    Raises:
        GuardInputError: A count is negative or no integer, or a share lies outside (0, 1).

    Example:
        Three of three failed at a share of 10 %, and 27 of 27 of stable's did not:

        >>> log_collapse(((3, 0, 0, 27, 0.1),)) > log(10_000)
        True

        One good answer of the candidate undoes it:

        >>> log_collapse(((3, 1, 0, 27, 0.1),)) < log(1_000)
        True

    Source:
        docs/reference/guard.md, Claim 2.
    """
    total = 0.0
    for candidate_bad, candidate_good, stable_bad, stable_good, at_share in served:
        bad = require_count("candidate_bad", candidate_bad)
        share = require_share(at_share)
        either = share * CANDIDATE_FAILS + (1 - share) * STABLE_FAILS
        expected = bad * (1 - share) / share
        total += (
            bad * log(CANDIDATE_FAILS / either)
            + require_count("candidate_good", candidate_good)
            * log((1 - CANDIDATE_FAILS) / (1 - either))
            + require_count("stable_bad", stable_bad) * log(STABLE_FAILS / either)
            + min(require_count("stable_good", stable_good), expected)
            * log((1 - STABLE_FAILS) / (1 - either))
        )
    return total
