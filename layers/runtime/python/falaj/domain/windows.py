"""Which periods of a metric to ask for, so that each bucket lies within one share."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from falaj.domain.plan import SET_ASIDE_S
from falaj.domain.rollout import Segment

FINE_S: Final = 10
FINE_FOR_S: Final = 3 * 3600 - 300
"""Periods under a minute are kept three hours; five minutes are left for clocks that differ.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
"""
MINUTE_S: Final = 60
HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time at one share, and the period to ask for.

    Attributes:
        share: The candidate's share.
        start: A multiple of the period.
        end: A multiple of the period; it may lie ahead of now when the share is still in force.
        period_s: Seconds.
    """

    share: float
    start: datetime
    end: datetime
    period_s: int


def windows(
    segments: Sequence[Segment], now: datetime, *, finest_s: int = FINE_S
) -> Iterator[Window]:
    """Cut the comparable part of each segment into windows that do not overlap.

    Short periods lose least at the edges; long ones keep a split of two weeks within what one
    request may return. The period depends on time alone, never on what was counted.

    Args:
        segments: The rollout's stretches of constant share.
        now: The controller's clock.
        finest_s: Shortest period at which the metric is stored.

    Example:
        >>> opened = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)
        >>> segment = Segment(share=0.05, since=opened)
        >>> (window,) = windows([segment], datetime(2026, 1, 1, 12, 2, 1, tzinfo=UTC))
        >>> f"{window.start:%X} {window.end:%X} {window.period_s}"
        '12:01:10 12:02:10 10'
    """
    for segment in segments:
        begin = segment.since.timestamp() + SET_ASIDE_S
        end = (segment.until or now).timestamp()
        is_fine = finest_s < MINUTE_S and now.timestamp() - begin < FINE_FOR_S
        period = finest_s if is_fine else MINUTE_S
        start = math.ceil(begin / period) * period
        stop = (math.floor if segment.until else math.ceil)(end / period) * period
        for first, last, length in _cut(start, stop, period):
            if last > first:
                yield Window(
                    share=segment.share,
                    start=datetime.fromtimestamp(first, UTC),
                    end=datetime.fromtimestamp(last, UTC),
                    period_s=length,
                )


def _cut(start: int, stop: int, period: int) -> tuple[tuple[int, int, int], ...]:
    """Take whole hours in the middle of a stretch that is longer than a day."""
    if stop - start <= _DAY_S:
        return ((start, stop, period),)
    first, last = math.ceil(start / HOUR_S) * HOUR_S, math.floor(stop / HOUR_S) * HOUR_S
    return ((start, first, period), (first, last, HOUR_S), (last, stop, period))
