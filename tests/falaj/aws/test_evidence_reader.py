"""The guard is fed with what CloudWatch counted, each request once and under its own share."""

from datetime import timedelta

import pytest

from falaj.aws.evidence_reader import Compared, EvidenceReader
from falaj.domain.rollout import Rollout, Segment
from falaj.errors import DependencyError
from falaj.guard import tally
from local_region.cloudwatch.function_metrics import Invocation, record
from tests.falaj.rollout_region import EPOCH, FUNCTION, RolloutRegion

COMPARED = Compared(model="m", function=FUNCTION, candidate="2", stable="1")


@pytest.fixture
def region():
    """A region in which version 1 serves."""
    found = RolloutRegion()
    yield found
    found.close()


def at(seconds):
    """An instant after the share was set."""
    return EPOCH + timedelta(seconds=seconds)


def counted(region, *segments, now, thresholds=None):
    """Counts by share."""
    rollout = Rollout(model="m", segments=segments, slow_thresholds_ms=thresholds or {})
    reader = EvidenceReader(region.client("cloudwatch"))
    counts = tally(reader.buckets(COMPARED, rollout, now=now), segments)
    return [
        (
            part.share,
            part.candidate_requests,
            part.stable_requests,
            {bad.objective: (bad.candidate, bad.stable) for bad in part.bad},
        )
        for part in counts
    ]


def lost(region, version, seconds):
    """A request that ended without an answer: Lambda alone counts it."""
    call = Invocation(
        function=FUNCTION,
        qualifier="live",
        is_alias=True,
        executed_version=version,
        at=at(seconds),
        is_error=True,
    )
    record(region.cloudwatch.store, call)


def test_the_minute_after_a_change_is_set_aside(region):
    """Requests that the old share routed are not held against the new one."""
    for seconds in (30, 70):
        region.serve("2", requests=1, bad=1, at=at(seconds))
        region.serve("1", requests=19, at=at(seconds))
    found = counted(region, Segment(share=0.05, since=EPOCH), now=at(90))
    assert found == [(0.05, 1, 19, {"error": (1, 0), "invalid_output": (0, 0)})]


def test_each_share_has_its_own_counts(region):
    """What was served at 5 % is not compared under 50 %."""
    for seconds, requests in ((100, 1), (300, 10)):
        region.serve("2", requests=requests, at=at(seconds))
        region.serve("1", requests=20, at=at(seconds))
    segments = (
        Segment(share=0.05, since=EPOCH, until=at(200)),
        Segment(share=0.5, since=at(200)),
    )
    found = counted(region, *segments, now=at(320))
    assert [(share, mine, theirs) for share, mine, theirs, _ in found] == [
        (0.05, 1, 20),
        (0.5, 10, 20),
    ]


def test_crashes_and_timeouts_are_requests_and_errors(region):
    """A candidate that never answers is bad, although its runtime counts nothing."""
    region.serve("1", requests=19, at=at(130))
    lost(region, "2", 130)
    found = counted(region, Segment(share=0.05, since=EPOCH), now=at(150))
    assert found == [(0.05, 1, 19, {"error": (1, 0), "invalid_output": (0, 0)})]


def test_slow_requests_are_those_above_stables_percentile(region):
    """A warm request slower than stable's frozen percentile counts, for both versions."""
    region.serve("2", requests=4, latency_ms=(5.0, 10.0, 10.1, 99.0), at=at(70))
    region.serve("1", requests=2, latency_ms=(9.0, 11.0), at=at(70))
    thresholds = {"slow_p90": 10.0, "slow_p99": 50.0}
    segment = Segment(share=0.5, since=EPOCH)
    ((_, _, _, bad),) = counted(region, segment, now=at(90), thresholds=thresholds)
    assert (bad["slow_p90"], bad["slow_p99"]) == ((2, 1), (1, 0))


def test_a_split_of_two_weeks_is_read_in_few_requests(region):
    """Old hours are read by the hour, and nothing is counted twice or left out."""
    day = 86_400
    for seconds in (3600, 5 * day + 7, 10 * day - 30):
        region.serve("2", requests=1, at=at(seconds))
        region.serve("1", requests=1, at=at(seconds))
    region.requests.clear()
    segment = Segment(share=0.5, since=EPOCH)
    assert counted(region, segment, now=at(10 * day))[0][1:3] == (3, 3)
    assert len(region.requests) == 4


def test_thresholds_are_those_of_stables_busiest_recent_hour(region):
    """The percentiles are frozen from what stable lately did, warm."""
    for value in range(1, 101):
        region.count("Latency", "1", float(value), at=at(-600))
    region.count("Latency", "1", 5000.0, at=at(-4000))
    reader = EvidenceReader(region.client("cloudwatch"))
    found = reader.slow_thresholds_ms("m", "1", now=EPOCH)
    assert found == {"slow_p90": pytest.approx(90.1), "slow_p99": pytest.approx(99.01)}


def test_a_stable_that_answered_nothing_has_no_thresholds(region):
    """Nothing is called slow when there is nothing to be slower than."""
    reader = EvidenceReader(region.client("cloudwatch"))
    assert reader.slow_thresholds_ms("m", "1", now=EPOCH) == {}


def test_darkness_is_not_silence(region):
    """CloudWatch that does not answer is an error, never a count of zero."""
    region.dark.add("cloudwatch")
    with pytest.raises(DependencyError, match="cloudwatch did not return metrics"):
        counted(region, Segment(share=0.05, since=EPOCH), now=at(90))
