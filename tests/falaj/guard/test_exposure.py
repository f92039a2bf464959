"""Requests are compared under the share that was in force, or not at all."""

from datetime import UTC, datetime, timedelta

from falaj.domain.rollout import Segment
from falaj.domain.verdict import BadEvents, Counts
from falaj.guard import Bucket, tally

START = datetime(2026, 11, 22, tzinfo=UTC)


def at(seconds):
    """Return the instant that many seconds after the start."""
    return START + timedelta(seconds=seconds)


def bucket(seconds, candidate=1, stable=19, error=(0, 0)):
    """Ten seconds of service."""
    return Bucket(
        start=at(seconds),
        period_s=10,
        candidate_requests=candidate,
        stable_requests=stable,
        bad={"error": error},
    )


def test_minute_after_a_change_is_set_aside():
    """Requests routed by the old share may still fail: they are not counted for the new one."""
    segments = (Segment(share=0.05, since=at(0)),)
    counts = tally([bucket(0), bucket(50), bucket(60), bucket(70)], segments)
    assert counts[0].candidate_requests == 2


def test_bucket_that_straddles_a_change_is_dropped():
    """Half of it was served by another share."""
    segments = (
        Segment(share=0.05, since=at(0), until=at(605)),
        Segment(share=0.25, since=at(605)),
    )
    counts = tally([bucket(590), bucket(600), bucket(660), bucket(670)], segments)
    assert [part.candidate_requests for part in counts] == [1, 1]


def test_equal_shares_are_merged():
    """A pause and a resume at the same share leave one row."""
    segments = (
        Segment(share=0.05, since=at(0), until=at(200)),
        Segment(share=0.05, since=at(300)),
    )
    counts = tally([bucket(100, error=(1, 2)), bucket(400, error=(1, 0))], segments)
    bad = (BadEvents(objective="error", candidate=2, stable=2),)
    assert counts == (Counts(share=0.05, candidate_requests=2, stable_requests=38, bad=bad),)


def test_order_of_buckets_does_not_matter():
    """Metrics arrive late and out of order."""
    segments = (Segment(share=0.05, since=at(0)),)
    buckets = [bucket(100, error=(1, 0)), bucket(70), bucket(200, error=(0, 3))]
    assert tally(buckets, segments) == tally(buckets[::-1], segments)


def test_time_before_the_first_share_is_not_counted():
    """Stable's history is not this rollout's."""
    assert tally([bucket(-100)], (Segment(share=0.05, since=at(0)),))[0].stable_requests == 0


def test_nothing_served_is_empty():
    """No segment, no counts."""
    assert tally([bucket(0)], ()) == ()
