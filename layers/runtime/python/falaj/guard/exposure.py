"""Which requests may be compared: each bucket of counts under the share that was in force."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from falaj.domain.plan import SET_ASIDE_S
from falaj.domain.rollout import Segment
from falaj.domain.verdict import BadEvents, Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What both versions served in one period of a metric.

    Attributes:
        start: When the period began.
        period_s: Its length, seconds.
        candidate_requests: Requests the candidate served.
        stable_requests: Requests stable served.
        bad: Objective → (candidate's bad requests, stable's bad requests).
    """

    start: datetime
    period_s: int
    candidate_requests: int
    stable_requests: int
    bad: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def tally(
    buckets: Iterable[Bucket],
    segments: Sequence[Segment],
    *,
    set_aside_s: int = SET_ASIDE_S,
) -> tuple[Counts, ...]:
    """Add up the buckets that lie wholly within one share, at least a minute after it was set.

    A request that was routed by the old share may fail, and alias changes may spread, after the new
    share is set: that minute is set aside. The minute *before* a change is kept: its events were
    seen while the change was decided, and dropping events because of what they led to would bias
    the rest. A bucket that straddles the change is dropped whole; nothing was decided on it, for
    it was not over.

    Args:
        buckets: Any order; each period once.
        segments: The rollout's stretches of constant share.
        set_aside_s: Seconds set aside after each change.

    Returns:
        Counts for each distinct share, oldest first, so that equal shares are merged.
    """
    requests: dict[float, list[int]] = {}
    bad: dict[float, dict[str, list[int]]] = {}
    for segment in segments:
        requests.setdefault(segment.share, [0, 0])
        bad.setdefault(segment.share, defaultdict(lambda: [0, 0]))
    for bucket in buckets:
        share = _share_of(bucket, segments, timedelta(seconds=set_aside_s))
        if share is None:
            continue
        requests[share][0] += bucket.candidate_requests
        requests[share][1] += bucket.stable_requests
        for objective, (candidate, stable) in bucket.bad.items():
            bad[share][objective][0] += candidate
            bad[share][objective][1] += stable
    return tuple(
        Counts(
            share=share,
            candidate_requests=candidate,
            stable_requests=stable,
            bad=tuple(
                BadEvents(objective=objective, candidate=c, stable=s)
                for objective, (c, s) in sorted(bad[share].items())
            ),
        )
        for share, (candidate, stable) in requests.items()
    )


def _share_of(bucket: Bucket, segments: Sequence[Segment], set_aside: timedelta) -> float | None:
    end = bucket.start + timedelta(seconds=bucket.period_s)
    for segment in segments:
        is_late_enough = bucket.start >= segment.since + set_aside
        if is_late_enough and (segment.until is None or end <= segment.until):
            return segment.share
    return None
