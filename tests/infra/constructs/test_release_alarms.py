"""Promise: each alarm fires on the harm it names, on the candidate alone, and on nothing else."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from catalogue.release import GuardSettings, ReleasePlan
from falaj.domain.alarm_text import read_alarm_text
from falaj.domain.observation import AlarmEffect
from falaj.domain.plan import PlanKind
from infra.constructs.release_alarms import ReleaseAlarms
from infra.constructs.watched_release import Watched
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.board import AlarmBoard
from local_region.cloudwatch.function_metrics import Invocation, record
from local_region.cloudwatch.metrics import MetricId, MetricStore

# isort: split
# After infra, which names jsii's Node.
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STABLE, CANDIDATE = "12", "13"
KINDS = {"evidence", "evidence-fallback", "total-failure", "errors", "near-timeout", "throttles"}


def made(plan):
    """The six alarms of a plan, as CloudFormation would create them for version 13."""
    stack = Stack(App(), "S")
    watched = Watched(
        model="m",
        digest="0123456789abcdef",
        function_name="predict",
        version=CANDIDATE,
        timeout_s=10,
        plan=plan,
    )
    ReleaseAlarms(stack, "Alarms", watched=watched)
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    resolved = [_resolved(resource["Properties"]) for resource in found.values()]
    return {
        read_alarm_text(p["AlarmDescription"]).kind: Alarm.from_properties(
            p, name=p["AlarmName"], arn=f"arn:{p['AlarmName']}"
        )
        for p in resolved
    }


@pytest.fixture(scope="module")
def alarms():
    """Those of a canary that bakes ten minutes."""
    return made(ReleasePlan(bake=timedelta(minutes=10), guard=GuardSettings(false_rollback=0.01)))


@pytest.fixture(scope="module")
def alarms_alone():
    """Those of a release that gets everything at once."""
    return made(ReleasePlan(plan=PlanKind.ALL_AT_ONCE))


def _resolved(value):
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        text, names = value["Fn::Sub"]
        for name, given in names.items():
            text = text.replace("${" + name + "}", given)
        return text
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    return [_resolved(item) for item in value] if isinstance(value, list) else value


def whole(rate, second):
    """Return how many of so many a second come in one: as even as whole numbers are."""
    return int(rate * (second + 1)) - int(rate * second)


class World:
    """Traffic of both versions, minute by minute, and the alarms that turned red."""

    def __init__(self, alarms):
        self.store = MetricStore()
        self.red = set()
        self.now = START
        board = AlarmBoard(self.store, self._changed)
        for alarm in alarms.values():
            board.put(alarm, START)
        self._board = board

    def _changed(self, change):
        if change.after is AlarmState.ALARM:
            self.red.add(read_alarm_text(change.alarm.description).kind)

    def minute(self, version, requests, bad=0):
        """Serve a minute's requests of one version."""
        for second in range(requests):
            at = self.now + timedelta(seconds=second % 60)
            for dimensions in ({"Model": "m"}, {"Model": "m", "Release": version}):
                is_bad = 1.0 if second < bad else 0.0
                self.store.put(MetricId.of("Falaj", "Requests", dimensions), [1.0], at=at)
                self.store.put(MetricId.of("Falaj", "Bad", dimensions), [is_bad], at=at)

    def served(self, candidate, stable, rate, *, seconds=range(60)):
        """Serve requests on both versions in some seconds of a minute; they fail at one rate."""
        for second in seconds:
            at = self.now + timedelta(seconds=second)
            for version, requests in ((CANDIDATE, candidate), (STABLE, stable)):
                ones = whole(requests / len(seconds), second)
                bad = whole(requests * rate / len(seconds), second)
                for dimensions in ({"Model": "m"}, {"Model": "m", "Release": version}):
                    for name, count in (("Requests", ones), ("Bad", bad)):
                        values = [1.0] * count + [0.0] * (ones - count)
                        self.store.put(MetricId.of("Falaj", name, dimensions), values, at=at)

    def drawn(self, rng, share, rate, *, per_second, seconds):
        """Let each request draw its version, as Lambda does, and fail at one rate on either."""
        for second in seconds:
            at = self.now + timedelta(seconds=second)
            ours = sum(rng.random() < share for _ in range(per_second))
            for version, requests in ((CANDIDATE, ours), (STABLE, per_second - ours)):
                bad = [float(rng.random() < rate) for _ in range(requests)]
                for dimensions in ({"Model": "m"}, {"Model": "m", "Release": version}):
                    for name, values in (("Requests", [1.0] * requests), ("Bad", bad)):
                        self.store.put(MetricId.of("Falaj", name, dimensions), values, at=at)

    def invoked(self, version, count=1, **ending):
        """Let Lambda publish its own metrics of calls by the alias."""
        for _ in range(count):
            record(
                self.store,
                Invocation(
                    function="predict",
                    qualifier="live",
                    is_alias=True,
                    executed_version=version,
                    at=self.now,
                    **ending,
                ),
            )

    def ends(self):
        """Let the minute pass and evaluate."""
        for _ in range(6):
            self.now += timedelta(seconds=10)
            self._board.evaluate(self.now)


@pytest.fixture
def world(alarms):
    """A quiet afternoon."""
    return World(alarms)


def test_there_is_one_alarm_of_each_kind(alarms):
    """The design's table, less the controller's own heartbeat."""
    assert set(alarms) == KINDS


def test_every_rollback_alarm_names_its_version(alarms):
    """A late alarm can never be taken for one on a newer release."""
    texts = [read_alarm_text(alarm.description) for alarm in alarms.values()]
    assert {
        (text.version, text.effect) for text in texts if text.effect is AlarmEffect.ROLL_BACK
    } == {(CANDIDATE, AlarmEffect.ROLL_BACK)}
    assert [text.kind for text in texts if text.effect is AlarmEffect.PAUSE] == ["throttles"]


def test_a_healthy_canary_turns_nothing_red(world):
    """Ten minutes of one bad request in a thousand on each version."""
    for _ in range(10):
        world.minute(STABLE, 950, bad=1)
        world.minute(CANDIDATE, 50)
        world.invoked(STABLE, 19, duration_ms=20)
        world.invoked(CANDIDATE, duration_ms=20)
        world.ends()
    assert world.red == set()


def test_total_failure_is_seen_within_its_first_minute(world):
    """Every request of the candidate fails; no controller is needed to see it."""
    world.minute(STABLE, 950)
    world.minute(CANDIDATE, 50, bad=50)
    world.ends()
    assert world.red == {"total-failure"}


def test_a_tenfold_error_rate_is_seen_by_the_fallback(world):
    """5 % instead of 0.5 %: the threshold on shares does not see it, the evidence does."""
    for _ in range(10):
        world.minute(STABLE, 950, bad=5)
        world.minute(CANDIDATE, 50, bad=3)
        world.ends()
    assert world.red == {"evidence-fallback"}


@pytest.mark.parametrize(("before_s", "rate"), [(5, 0.3), (20, 1.0), (40, 1.0), (55, 0.5)])
@pytest.mark.parametrize(("first", "then"), [(0, 50), (50, 250), (250, 500)])
def test_an_outage_that_begins_with_a_shift_is_not_the_candidate_s(
    world, first, then, before_s, rate
):
    """Both versions begin to fail the very second in which the share grows."""
    for _ in range(5):
        world.served(first, 1000 - first, 0.0)
        world.ends()
    parts = before_s / 60, 1 - before_s / 60
    calm, outage = range(before_s), range(before_s, 60)
    world.served(first * parts[0], (1000 - first) * parts[0], 0.0, seconds=calm)
    world.served(then * parts[1], (1000 - then) * parts[1], rate, seconds=outage)
    world.ends()
    for _ in range(10):
        world.served(then, 1000 - then, rate)
        world.ends()
    assert world.red == set()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("first", "then"), [(0.0, 0.05), (0.05, 0.25), (0.25, 0.5)])
def test_an_outage_under_heavy_traffic_is_not_the_candidate_s(world, first, then, seed):
    """50 requests a second, drawn at random: the more there are, the surer a wrong alarm is."""
    rng = random.Random(f"{then}/{seed}")
    begins = rng.randrange(2, 59)
    heavy = {"per_second": 50}
    for _ in range(2):
        world.drawn(rng, first, 0.0, seconds=range(60), **heavy)
        world.ends()
    world.drawn(rng, first, 0.0, seconds=range(begins), **heavy)
    world.drawn(rng, then, 0.3, seconds=range(begins, 60), **heavy)
    world.ends()
    for _ in range(10):
        world.drawn(rng, then, 0.3, seconds=range(60), **heavy)
        world.ends()
    assert world.red == set()


def test_a_shared_outage_rolls_nothing_back(world):
    """Both versions fail alike: the cause is elsewhere."""
    for _ in range(5):
        world.minute(STABLE, 950, bad=950)
        world.minute(CANDIDATE, 50, bad=50)
        world.invoked(STABLE, 95, is_error=True, duration_ms=10_000)
        world.invoked(CANDIDATE, 5, is_error=True, duration_ms=10_000)
        world.ends()
    assert world.red == set()


def test_crashes_of_the_candidate_are_seen_though_it_reports_nothing(world):
    """A process that dies writes no metrics; Lambda counts its errors."""
    for _ in range(2):
        assert world.red == set()
        world.invoked(STABLE, 95, duration_ms=20)
        world.invoked(CANDIDATE, 8, is_error=True)
        world.ends()
    assert world.red == {"errors"}


def test_crashes_of_stable_are_not_blamed_on_the_candidate(world):
    """ExecutedVersion keeps the two apart."""
    world.invoked(STABLE, 95, is_error=True)
    world.invoked(CANDIDATE, 5, duration_ms=20)
    world.ends()
    assert world.red == set()


@pytest.mark.parametrize(
    ("slow_minutes", "expected"),
    [((True, False, False), set()), ((True, False, True), {"near-timeout"})],
)
def test_near_timeout_needs_two_of_three_minutes(world, slow_minutes, expected):
    """A slow minute is an accident."""
    for is_slow in slow_minutes:
        world.invoked(STABLE, 95, duration_ms=20)
        world.invoked(CANDIDATE, 10, duration_ms=9_600 if is_slow else 20)
        world.ends()
    assert world.red == expected


def test_three_minutes_near_timeout_hold_one_change_of_share(alarms):
    """Where a bake is shorter than three minutes, two windows must do."""
    short = made(ReleasePlan(bake=timedelta(minutes=2)))["near-timeout"].threshold
    usual = alarms["near-timeout"].threshold
    assert (short.datapoints_to_alarm, short.evaluation_periods) == (2, 2)
    assert (usual.datapoints_to_alarm, usual.evaluation_periods) == (2, 3)


def test_throttles_are_seen_on_the_alias(world):
    """A throttled request ran on no version."""
    for _ in range(2):
        world.invoked(None, is_throttled=True)
        world.ends()
    assert world.red == {"throttles"}


def test_the_controller_s_evidence_rings_within_ten_seconds(alarms, world):
    """LogEvidence at 0 or above is the guard's verdict."""
    dimensions = {"Model": "m", "Release": CANDIDATE}
    world.store.put(MetricId.of("Falaj", "LogEvidence", dimensions), [0.0], at=START)
    world._board.evaluate(START + timedelta(seconds=10))
    assert world.red == {"evidence"}
    assert alarms["evidence"].period_s == 10


def test_no_alarm_looks_at_more_than_a_bake(alarms):
    """A period longer than the bake could end before the alarm has looked once."""
    assert max(alarm.period_s for alarm in alarms.values()) <= 600


@pytest.mark.parametrize("bake_minutes", [2, 3, 4, 7, 10, 60])
def test_what_compares_holds_one_change_of_share(bake_minutes):
    """All its windows together are no longer than a bake."""
    bake = timedelta(minutes=bake_minutes)
    compares = [alarm for alarm in made(ReleasePlan(bake=bake)).values() if len(alarm.queries) > 1]
    spans = [alarm.period_s * alarm.threshold.evaluation_periods for alarm in compares]
    assert len(spans) == 4
    assert max(spans) <= bake.total_seconds()
    assert min(alarm.threshold.datapoints_to_alarm for alarm in compares) == 2


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.01, set()),
        (0.1, {"evidence-fallback"}),
        (0.6, {"evidence-fallback", "total-failure"}),
    ],
)
def test_all_at_once_is_judged_by_what_is_tolerated(alarms_alone, rate, expected):
    """No stable beside it: 1 % of bad requests is borne, 10 % is not."""
    world = World(alarms_alone)
    world.served(0, 500, 0.0)
    world.ends()
    for _ in range(12):
        world.served(500, 0, rate)
        world.ends()
    assert world.red == expected


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ({"is_error": True}, {"errors"}),
        ({"is_error": True, "duration_ms": 10_000}, {"errors", "near-timeout"}),
        ({"duration_ms": 20}, set()),
    ],
)
def test_all_at_once_is_seen_to_crash_and_hang(alarms_alone, ending, expected):
    """It reports nothing itself; Lambda counts."""
    world = World(alarms_alone)
    for _ in range(3):
        world.invoked(CANDIDATE, 50, **ending)
        world.ends()
    assert world.red == expected


def test_stable_that_crashed_before_all_at_once_locks_out_no_fix(alarms_alone):
    """What came before the release is not its fault."""
    world = World(alarms_alone)
    for _ in range(5):
        world.minute(STABLE, 50, bad=50)
        world.invoked(STABLE, 50, is_error=True, duration_ms=10_000)
        world.ends()
    for _ in range(10):
        world.minute(CANDIDATE, 50)
        world.invoked(CANDIDATE, 50, duration_ms=20)
        world.ends()
    assert world.red == set()


def test_total_failure_after_promotion_is_seen(world):
    """Nothing is left to compare with, but most requests fail, and the way back is warm."""
    world.served(500, 0, 0.6)
    world.ends()
    assert world.red == {"total-failure"}


def test_descriptions_stay_within_cloudwatch_s_limit(alarms):
    """AlarmDescription holds 1,024 characters (API_PutMetricAlarm.html)."""
    assert max(len(alarm.description) for alarm in alarms.values()) <= 1024
    assert all(json.loads(a.description.rpartition(" · falaj ")[2]) for a in alarms.values())
