"""The guard's evidence as CloudWatch metric math, for alarms that need no controller.

With c bad events of t in all on the candidate, and w its share of the requests, the evidence
against a relative risk r is r^c / (1 + w(r − 1))^t: what `falaj.guard.Evidence` computes. Here w is
the share counted in the same window. Given the counts, a harmless candidate's bad events are drawn
without replacement; since r^c is convex in c, the expectation is at most that of drawing with
replacement (Hoeffding 1963, theorem 4), which is 1. Markov's inequality bounds each look, and the
number of looks in a rollout divides α.

Metric math has no logarithm of a sum of powers that does not overflow, so the alarm takes the
largest E of the mixture and pays for having chosen it by the number of alternatives: the mean of E
is at least its largest member divided by their number.

Source:
    Hoeffding (1963), JASA 58(301), doi:10.1080/01621459.1963.10500830; functions:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
from datetime import timedelta
from typing import Final

from falaj.guard import RELATIVE_RISKS

CANDIDATE_BAD: Final = "cb"
CANDIDATE_REQUESTS: Final = "cr"
ALL_BAD: Final = "tb"
ALL_REQUESTS: Final = "tr"
SHARE: Final = "w"

LOOKED_AT_EVERY: Final = timedelta(minutes=1)
"""How often CloudWatch evaluates an alarm whose period is a minute or more."""


def share_expression() -> str:
    """Write the candidate's share of the requests in the window."""
    return f"{CANDIDATE_REQUESTS} / {ALL_REQUESTS}"


def evidence_expression() -> str:
    """Write log₁₀ of the largest E of the mixture, from the ids above."""
    members = ", ".join(
        f"{CANDIDATE_BAD} * {math.log10(risk):.6g} - {ALL_BAD} * LOG10(1 + {SHARE} * {risk - 1:g})"
        for risk in RELATIVE_RISKS
    )
    return f"MAX([{members}])"


def evidence_threshold(*, false_rollback: float, watched_for: timedelta) -> float:
    """Compute the log₁₀ E at which the alarm fires.

    Args:
        false_rollback: α of the whole rollout, in (0, 1).
        watched_for: How long the rollout takes when nothing stops it.

    Example:
        >>> evidence_threshold(false_rollback=0.01, watched_for=timedelta(minutes=30))
        4.380211241711606
    """
    looks = max(1, math.ceil(watched_for / LOOKED_AT_EVERY))
    return math.log10(len(RELATIVE_RISKS) * looks / false_rollback)
