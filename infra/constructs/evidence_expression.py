"""The guard's evidence as CloudWatch metric math, for alarms that need no controller.

**While both versions serve.** With c bad events of t in all on the candidate, and w its share of
the requests, the evidence against a relative risk r is r^c / (1 + w(r − 1))^t: what
`falaj.guard.Evidence` computes. Here w is the share counted in the same window. While the share
stays the same throughout a window, which requests the candidate got is, given how many, drawn at
random from all; so a harmless candidate's bad events are drawn without replacement, however the
rates change within the window. Since r^c is convex in c, the expectation is at most that of drawing
with replacement (Hoeffding 1963, theorem 4), which is 1. Markov's inequality bounds each look.

**A window in which the share changes proves nothing**: if an outage of both versions begins with
the change, every bad event was drawn at the new share, while w counts requests from before it too.
So these alarms take two adjacent windows, both red, which together are no longer than a bake
(`release_alarms`). Shares change at least a bake apart, so at most one of the two holds a change,
and a look is red only if a window without one is. Whether and when the share changes may depend on
everything before; a window that is red and holds no change is red just the same in the world in
which it was not going to change, so that the bound is that of a window fixed beforehand.

**With all traffic on the candidate** there is nothing to compare. Each request then takes an
event's place and the tolerated rate p the share's: r^c / (1 + p(r − 1))^n, at most 1 on average
while each of n requests is bad with a probability of at most p.

Metric math has no logarithm of a sum of powers that does not overflow, so an alarm takes the
largest weighted member of the mixture, which is at most the mixture: never more than the guard's
own evidence of the same window.

Source:
    Hoeffding (1963), JASA 58(301), doi:10.1080/01621459.1963.10500830; functions:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from falaj.guard import ALARMS_PART, DEFAULT_OBJECTIVES, RELATIVE_RISKS, RISK_WEIGHTS

CANDIDATE_BAD: Final = "cb"
CANDIDATE_REQUESTS: Final = "cr"
ALL_BAD: Final = "tb"
ALL_REQUESTS: Final = "tr"
SHARE: Final = "w"

TOLERATED_RATE: Final = DEFAULT_OBJECTIVES["error"].tolerated_rate
"""What is borne of a candidate that has all traffic."""
EVIDENCE_ALARMS: Final = 4
"""How many kinds of alarm share the alarms' part of α: those with an expression from here."""
LOOKED_AT_EVERY: Final = timedelta(minutes=1)
"""How often CloudWatch evaluates an alarm whose period is a minute or more."""


def share_expression() -> str:
    """Write the candidate's share of the requests in the window."""
    return f"{CANDIDATE_REQUESTS} / {ALL_REQUESTS}"


def compared_expression() -> str:
    """Write log₁₀ of the largest weighted E against “no worse than stable”, from the ids above."""
    return _largest(
        f"{CANDIDATE_BAD} * {math.log10(risk):.6g} - {ALL_BAD} * LOG10(1 + {SHARE} * {risk - 1:g})"
        for risk in RELATIVE_RISKS
    )


def alone_expression() -> str:
    """Write log₁₀ of the largest weighted E against “bad at no more than the tolerated rate”."""
    return _largest(
        f"{CANDIDATE_BAD} * {math.log10(risk):.6g} - {CANDIDATE_REQUESTS} * "
        f"{math.log10(1 + TOLERATED_RATE * (risk - 1)):.6g}"
        for risk in RELATIVE_RISKS
    )


def evidence_threshold(*, false_rollback: float, watched_for: timedelta) -> float:
    """Compute the log₁₀ E at which an alarm fires.

    Args:
        false_rollback: α of the whole rollout, in (0, 1); the alarms have `ALARMS_PART` of it.
        watched_for: How long the rollout takes at most when nobody holds it.

    Example:
        >>> round(evidence_threshold(false_rollback=0.01, watched_for=timedelta(hours=2)), 3)
        5.982
    """
    looks = max(1, math.ceil(watched_for / LOOKED_AT_EVERY))
    return math.log10(EVIDENCE_ALARMS * looks / (ALARMS_PART * false_rollback))


def _largest(members: Iterable[str]) -> str:
    weighted = (
        f"{member} - {-math.log10(weight):.4g}"
        for member, weight in zip(members, RISK_WEIGHTS, strict=True)
    )
    return f"MAX([{', '.join(weighted)}])"
