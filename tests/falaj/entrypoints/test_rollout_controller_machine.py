"""The rollout's interleavings again, with the whole controller over strict AWS calls.

`tests/falaj/domain/test_rollout_machine.py` plays them against the pure function. Here the same
rules run the controller itself: real boto3 clients, the local region's Lambda control plane, kills
between any two calls that write, and a second controller in the middle of the first one's work.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import precondition, rule

from falaj.aws.desired import DesiredReleases
from falaj.contract import ALARM_PREFIX
from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.decision import DecisionRecord
from falaj.domain.observation import AliasState
from falaj.domain.rollout import Phase
from falaj.domain.verdict import Outcome
from falaj.errors import DependencyError, FalajError
from falaj.guard import Bucket
from local_region.lambda_service.refusals import LambdaApiError
from tests.falaj.domain.rollout_world import EPOCH, RefusedError
from tests.falaj.domain.test_rollout_machine import MINUTE, Interleavings
from tests.falaj.rollout_region import FUNCTION, Crash, HandClock, RolloutRegion

WISH = {"detail-type": "Parameter Store Change", "detail": {"name": "/falaj/models/m/x"}}
TRAFFIC = {
    Outcome.SAFE: (2000, 1.0, 0),
    Outcome.INCONCLUSIVE: (10, 1.0, 0),
    Outcome.INVALID: (2000, 0.2, 0),
    Outcome.ROLL_BACK: (2000, 1.0, 500),
}
"""Candidate's requests, stable's as a part of what the share says, candidate's bad requests."""


class PlantedEvidence:
    """Counts that lead the real guard to the outcome the machine wants."""

    outcome = Outcome.INCONCLUSIVE

    def slow_thresholds_ms(self, *_, **__):
        """Nothing is slow here."""
        return {}

    def buckets(self, _, rollout, *, now):
        """One second of traffic in each stretch of constant share."""
        del now
        if self.outcome is None:
            raise DependencyError(service="cloudwatch", doing="return metrics", reason="told")
        requests, kept, bad = TRAFFIC[self.outcome]
        for segment in rollout.segments:
            share = segment.share
            stable = round(requests * (1 - share) / share * kept) if share else 0
            yield Bucket(
                start=segment.since + timedelta(seconds=61),
                period_s=1,
                candidate_requests=requests,
                stable_requests=stable,
                bad={"error": (bad, 0)},
            )


class LateSsm:
    """SSM, which may once more return what was wanted before."""

    def __init__(self, desired):
        self._desired, self.stale = desired, None

    def read(self, model):
        """The wish, or an older one."""
        wish = self._desired.read(model)
        return replace(wish, release=self.stale) if wish and self.stale else wish


class Published:
    """The versions there are, as a set that publishes what is added."""

    def __init__(self, region):
        self._region = region

    def __contains__(self, version):
        return version in set(self)

    def __iter__(self):
        views = self._region.functions.plane.list_versions(FUNCTION)
        return (view.version for view in views if view.version != "$LATEST")

    def __ge__(self, other):
        return set(self) >= other

    def add(self, version):
        """Publish; Lambda chooses the number."""
        assert self._region.publish(version) == version


class Alias:
    """The alias as the machine looks at it."""

    def __init__(self, region):
        self._region = region
        self.published = Published(region)

    @property
    def state(self):
        """Version and weights."""
        version, weights = self._region.alias
        return AliasState(version=version, weights=weights)

    @property
    def history(self):
        """Every state it was set to."""
        return [
            AliasState(version=version, weights=weights)
            for version, weights in self._region.functions.history
        ]

    def delete(self, version):
        """Delete a version by hand."""
        try:
            self._region.functions.plane.delete_function(FUNCTION, version)
        except LambdaApiError as refusal:
            raise RefusedError(str(refusal)) from refusal


class Alarms(dict):
    """Alarms, each change of which CloudWatch is told."""

    def __init__(self, region):
        super().__init__()
        self._region = region

    def __setitem__(self, name, alarm):
        super().__setitem__(name, alarm)
        full = f"{ALARM_PREFIX}m-{name}"
        if full not in self._region.cloudwatch.alarms:
            text = AlarmText(
                model="m", version=alarm.version, effect=alarm.effect, kind=name, says="told"
            )
            self._region.plain("cloudwatch").put_metric_alarm(
                AlarmName=full,
                AlarmDescription=alarm_text(text),
                Namespace="Falaj",
                MetricName="Bad",
                Statistic="Sum",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
            )
        state = "ALARM" if alarm.is_red else "OK"
        self._region.cloudwatch.set_alarm_state(full, "told", "{}", state)

    def clear(self):
        """All are green."""
        for name, alarm in list(self.items()):
            self[name] = replace(alarm, is_red=False)
        super().clear()


class RegionWorld:
    """What the machine needs of a world, made of AWS calls."""

    def __init__(self):
        self.region = RolloutRegion(clock=HandClock(EPOCH))
        self.alias = Alias(self.region)
        self.alarms = Alarms(self.region)
        self.evidence = PlantedEvidence()
        self.ssm = LateSsm(DesiredReleases(self.region.client("ssm")))
        self.broken = Broken(self.region)
        self._desired = self._command = None
        self._newest = 0
        self.generations = []
        self.store = self.region.world().store
        self.start()

    @property
    def verified(self):
        """Versions whose golden cases have passed."""
        return self.region.functions.verified

    @property
    def is_out(self):
        """Whether no version answers its golden cases."""
        return self.region.functions.is_out

    @is_out.setter
    def is_out(self, is_out):
        self.region.functions.is_out = is_out

    def start(self):
        """Start a process that remembers nothing."""
        self.controller = self.region.controller(self.world())

    def world(self):
        """The controller's world, with planted evidence."""
        return replace(self.region.world(), evidence=self.evidence, desired=self.ssm)

    def load(self):
        """The status as it is stored, whatever is dark."""
        dark, self.region.dark = self.region.dark, set()
        watcher, self.region.on_request = self.region.on_request, None
        try:
            return self.store.load("m").rollout
        finally:
            self.region.dark, self.region.on_request = dark, watcher

    @property
    def desired(self):
        """What the stack wants."""
        return self._desired

    @desired.setter
    def desired(self, release):
        is_late = self._desired is not None and release.serial < self._newest
        self._desired = release
        self.ssm.stale = release if is_late else None
        if not is_late:
            self._newest = release.serial
            plan = release.plan
            self.region.want(
                release.version,
                min_warm=release.min_warm,
                plan={
                    "plan": plan.kind.value,
                    "steps": list(plan.steps),
                    "bake": plan.bake_s,
                    "on_inconclusive": plan.on_inconclusive.value,
                    "max_extensions": plan.max_extensions,
                    "max_duration": plan.max_duration_s,
                    "rollback_window": plan.rollback_window_s,
                },
            )

    @property
    def command(self):
        """The newest command."""
        return self._command

    @command.setter
    def command(self, command):
        self._command = command
        dark, self.region.dark = self.region.dark, set()
        assert self.store.append_command("m", command).serial == command.serial
        self.region.dark = dark

    @property
    def verdict(self):
        """What the guard is led to."""
        return self.evidence.outcome

    @verdict.setter
    def verdict(self, verdict):
        self.evidence.outcome = verdict.outcome if verdict else None

    @property
    def dark(self):
        """What does not answer."""
        return tuple(self.region.dark)

    @dark.setter
    def dark(self, services):
        self.region.dark = set(services)

    @property
    def records(self):
        """Decision records by generation."""
        found = [
            DecisionRecord.from_json(text.decode())
            for key, text in self.region.records().items()
            if key.endswith(".json")
        ]
        assert len({record.after.generation for record in found}) == len(found)
        return {record.after.generation: record for record in found}

    def run(self, now):
        """Wake the controller."""
        self.region.clock.at = now
        with suppress(FalajError):
            self.controller(WISH)
        self.generations.append(self.load().generation)


class Broken(set):
    """Versions that answer their golden cases wrong."""

    def __init__(self, region):
        super().__init__()
        self._region = region

    def add(self, version):
        """Plant a wrong answer."""
        super().add(version)
        self._region.functions.broken[version] = "wrong"


class StrictInterleavings(Interleavings):
    """The machine over the strict region."""

    def make_world(self):
        """Make the region."""
        return RegionWorld()

    def teardown(self):
        """Read the records, and forget the region."""
        super().teardown()
        self.world.region.close()

    @property
    def now(self):
        """The controller's clock."""
        return EPOCH + timedelta(seconds=self.seconds + self.skew)

    @rule(crash_after=st.one_of(st.none(), st.integers(0, 30)))
    def controller_runs(self, crash_after):
        """One waking, whose process may be killed before any of its writes."""
        left = [crash_after]

        def kill(_, is_write):
            if is_write and left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Crash

        self.world.region.on_request = kill
        try:
            self.world.run(self.now)
        except Crash:
            self.world.start()
        finally:
            self.world.region.on_request = None

    @rule(point=st.integers(1, 40))
    def two_controllers(self, point):
        """Another controller runs through while one is at work."""
        region, other = self.world.region, self.world.region.controller(self.world.world())
        left = [point]

        def between(_, __):
            left[0] -= 1
            if left[0] == 0:
                region.on_request = None
                with suppress(FalajError):
                    other(WISH)

        region.on_request = between
        self.world.run(self.now)
        region.on_request = None

    @precondition(lambda self: self.world.load().phase is not Phase.IDLE)
    @rule()
    def everything_settles(self):
        """Within a minute of the last event, with everything answering, nothing is left to do."""
        self.world.dark = ()
        self.seconds += MINUTE
        for _ in range(3):
            self.world.run(self.now)
        before = (self.world.load(), self.world.alias.state)
        self.world.run(self.now)
        assert (self.world.load(), self.world.alias.state) == before
        self._assert_settled(self.world.load())


IS_LONG = settings.get_current_profile_name() == "long"
StrictInterleavings.TestCase.settings = settings(
    max_examples=settings.default.max_examples if IS_LONG else 15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStrictInterleavings = StrictInterleavings.TestCase
"""300 steps, some of which are two controllers at once; the domain's machine plays 25,000 more.

`--hypothesis-profile=long` plays a thousand interleavings, 20,000 steps, in a quarter of an hour.
"""
