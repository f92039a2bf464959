"""The guard's evidence as CloudWatch metric math, for alarms that need no controller.

**While both versions serve.** With c bad events of t in all on the candidate, and w its share of
the requests, the evidence against a relative risk r is r^c / (1 + w(r − 1))^t: what
`falaj.guard.Evidence` computes. Here w is the share counted in the same window. While the share
stays the same throughout a window, which requests the candidate got is, given how many, drawn at
random from all; so a harmless candidate's bad events are drawn without replacement, however the
rates change within the window. Since r^c is convex in c, the expectation is at most that of drawing
with replacement (Hoeffding 1963, theorem 4), which is 1; Markov's inequality bounds the chance that
a window is red.

**A window in which the share changes proves nothing**: if an outage of both versions begins with
the change, every bad event was drawn at the new share, while w counts requests from before it too.
So an alarm demands M of N adjacent windows, M at least 2, which together are no longer than a bake
(`watched_release`). Shares change at least a bake apart, so at most one of the N windows holds a
change, and a look is red only if M − 1 windows without one are: with a probability of at most
C(N, M−1)·τ^(M−1), where each window is red with at most τ whatever was before it. Whether and when
the share changes may depend on everything before; a window that is red and holds no change is red
just the same in the world in which the share was not going to change, so that the bound is that of
windows fixed beforehand. The number of looks and of alarms divides what they have of α.

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
from collections.abc import Callable
from dataclasses import dataclass
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
FATAL: Final = (10.0, 30.0, 100.0)
"""Alternatives for total failure, of equal weight: fewer to choose from, sooner sure."""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How an alarm looks.

    Attributes:
        period: Length of a window.
        needed: M, how many must be red, at least 2.
        of: N, among how many.
    """

    period: timedelta
    needed: int
    of: int

    @property
    def looked_at_every(self) -> timedelta:
        """How often CloudWatch evaluates: each minute, high-resolution alarms every ten seconds.

        Source:
            docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
        """
        return _MINUTE if self.period >= _MINUTE else timedelta(seconds=10)

    @property
    def span(self) -> timedelta:
        """All windows together."""
        return self.period * self.of


def share_expression() -> str:
    """Write the candidate's share of the requests in the window."""
    return f"{CANDIDATE_REQUESTS} / {ALL_REQUESTS}"


def compared_expression(*, is_fatal: bool = False) -> str:
    """Write log₁₀ of the largest weighted E against “no worse than stable”, from the ids above.

    Args:
        is_fatal: Whether total failure alone is looked for.
    """
    return _largest(
        lambda risk: f"{ALL_BAD} * LOG10(1 + {SHARE} * {risk - 1:g})", is_fatal=is_fatal
    )


def alone_expression(*, is_fatal: bool = False) -> str:
    """Write log₁₀ of the largest weighted E against “bad at no more than the tolerated rate”.

    Args:
        is_fatal: Whether total failure alone is looked for.
    """
    return _largest(
        lambda risk: f"{CANDIDATE_REQUESTS} * {math.log10(1 + TOLERATED_RATE * (risk - 1)):.6g}",
        is_fatal=is_fatal,
    )


def evidence_threshold(*, false_rollback: float, watched_for: timedelta, windows: Windows) -> float:
    """Compute the log₁₀ E that each window must reach.

    Args:
        false_rollback: α of the whole rollout, in (0, 1); the alarms have `ALARMS_PART` of it.
        watched_for: How long the rollout takes at most when nobody holds it.
        windows: How the alarm looks.

    Example:
        >>> two = Windows(period=timedelta(minutes=5), needed=2, of=2)
        >>> round(
        ...     evidence_threshold(
        ...         false_rollback=0.01, watched_for=timedelta(hours=2), windows=two
        ...     ),
        ...     3,
        ... )
        6.283
    """
    looks = max(1, math.ceil(watched_for / windows.looked_at_every))
    clean = windows.needed - 1
    ways = math.comb(windows.of, clean)
    return math.log10(EVIDENCE_ALARMS * looks * ways / (ALARMS_PART * false_rollback)) / clean


def _largest(cost: Callable[[float], str], *, is_fatal: bool) -> str:
    weights = (
        dict.fromkeys(FATAL, 1 / len(FATAL))
        if is_fatal
        else dict(zip(RELATIVE_RISKS, RISK_WEIGHTS, strict=True))
    )
    members = ", ".join(
        f"{CANDIDATE_BAD} * {math.log10(risk):.6g} - {cost(risk)} - {-math.log10(weight):.4g}"
        for risk, weight in weights.items()
    )
    return f"MAX([{members}])"
