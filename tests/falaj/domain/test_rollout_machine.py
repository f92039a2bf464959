"""In whatever order deploys, alarms, commands, crashes and clocks come, a rollout keeps bounds."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from falaj.domain.decision import decide
from falaj.domain.observation import AlarmEffect, AlarmState, Command, Verb
from falaj.domain.plan import OnInconclusive, Plan, PlanKind, Release
from falaj.domain.rollout import Event, Hold, Phase
from falaj.domain.verdict import Outcome
from tests.falaj.domain.rollout_world import (
    Crash,
    MemoryWorld,
    RefusedError,
    later,
    settle,
    tick,
    verdict,
)

MINUTE = 60.0

PLANS = st.builds(
    Plan,
    kind=st.sampled_from(PlanKind),
    steps=st.sampled_from([(0.05,), (0.05, 0.25, 0.5), (0.01, 0.5)]),
    bake_s=st.sampled_from([60.0, 120.0]),
    on_inconclusive=st.sampled_from(OnInconclusive),
    max_extensions=st.integers(0, 2),
    max_duration_s=st.just(600.0),
    rollback_window_s=st.sampled_from([0.0, 300.0, 3600.0]),
)


class Interleavings(RuleBasedStateMachine):
    """One model, one controller (sometimes two), and everything that can go wrong around them.

    A subclass may play the same interleavings against another world: it gives `make_world`.
    """

    def make_world(self):
        """Make the world that is played against."""
        return MemoryWorld()

    @initialize()
    def begin(self):
        """Start with one version in service and nothing wanted."""
        self.world = self.make_world()
        self.seconds = 0.0
        self.skew = 0.0
        self.newest = 1
        self.serial = 0
        self.commands = 0
        self.harmful: set[str] = set()
        self.checked_history = 0

    # ------------------------------------------------------------------ the world moves
    @rule(plan=PLANS, is_broken=st.booleans(), is_harmful=st.booleans(), warm=st.integers(0, 1))
    def deploy(self, plan, is_broken, is_harmful, warm):
        """A stack publishes a version and wants it."""
        self.newest += 1
        version = str(self.newest)
        self.world.alias.published.add(version)
        if is_broken and not is_harmful:
            self.world.broken.add(version)
        if is_harmful:
            self.harmful.add(version)
        self._want(version, plan, warm)

    @rule(plan=PLANS, back=st.integers(1, 3))
    def roll_stack_back(self, plan, back):
        """CloudFormation wants an earlier version again, if it still exists."""
        version = str(max(1, self.newest - back))
        if version in self.world.alias.published:
            self._want(version, plan, 0)

    @rule()
    def read_wish_late(self):
        """SSM returns what the stack wanted before."""
        if self.world.desired is not None:
            self.world.desired = replace(self.world.desired, serial=self.serial - 1, version="1")

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0, 200.0, 4000.0]))
    def wait(self, seconds):
        """Time passes."""
        self.seconds += seconds

    @rule(minutes=st.integers(-10, 10))
    def set_clock(self, minutes):
        """The controller's clock is wrong by up to ten minutes."""
        self.skew = minutes * MINUTE

    @rule(outcome=st.sampled_from([Outcome.SAFE, Outcome.INCONCLUSIVE, Outcome.INVALID, None]))
    def measure(self, outcome):
        """The guard answers for whatever the alias shows; harm shows once there is a share."""
        self.world.verdict = verdict(outcome) if outcome else None

    @rule(lost=st.booleans())
    def alarms_fire(self, lost):
        """Harm shows for a harmful version that has a share; the event may be lost."""
        for version in self._exposed() & self.harmful:
            self._set_red(version)
            if version == self.world.load().candidate:
                self.world.verdict = verdict(Outcome.ROLL_BACK)
        if not lost:
            self.controller_runs(crash_after=None)

    @rule(copies=st.integers(1, 3))
    def event_arrives_again(self, copies):
        """A duplicated, late or reordered event wakes the controller; it looks at what is."""
        for _ in range(copies):
            self.controller_runs(crash_after=None)

    @rule(version=st.integers(1, 8))
    def late_alarm(self, version):
        """An alarm about some older version goes red now."""
        if version < self.newest:
            self._set_red(str(version))

    @rule()
    def alarms_clear(self):
        """All alarms are green again."""
        self.world.alarms.clear()

    @rule(is_red=st.booleans())
    def throttles(self, is_red):
        """The function is throttled, or no longer."""
        self._set_alarm("throttles", AlarmEffect.PAUSE, "", is_red=is_red)

    @rule(is_red=st.booleans())
    def heartbeat(self, is_red):
        """The controller missed its ticks, or caught up."""
        self._set_alarm("heartbeat", AlarmEffect.FREEZE, "", is_red=is_red)

    @rule(dark=st.sampled_from([(), ("s3",), ("kms", "dynamodb")]))
    def go_dark(self, dark):
        """Something the controller depends on does not answer."""
        self.world.dark = dark

    @rule(is_out=st.booleans())
    def outage(self, is_out):
        """No version answers its golden cases, or all do again."""
        self.world.is_out = is_out

    @rule(
        verb=st.sampled_from(Verb),
        skip_guard=st.booleans(),
        is_late=st.booleans(),
    )
    def operator(self, verb, skip_guard, is_late):
        """Somebody asks for something, perhaps about a version that is history."""
        self.commands += 1
        candidate = self.world.load().candidate or "1"
        self.world.command = Command(
            serial=self.commands,
            verb=verb,
            version="1" if is_late else candidate,
            reason="because",
            actor="amal",
            skip_guard=skip_guard and verb is Verb.PROMOTE,
        )

    @rule(version=st.integers(1, 8))
    def delete_version(self, version):
        """Somebody tidies up by hand; Lambda refuses what the alias names."""
        try:
            self.world.alias.delete(str(version))
        except RefusedError:
            assert str(version) in self._exposed() | {self.world.alias.state.version}

    # -------------------------------------------------------------- the controller runs
    @rule(crash_after=st.one_of(st.none(), st.integers(0, 5)))
    def controller_runs(self, crash_after):
        """One tick, which may die between any two of its writes."""
        with suppress(Crash):
            tick(self.world, later(self.seconds + self.skew), crash_after=crash_after)

    @rule()
    def two_controllers(self):
        """Two read the same and both act; one of them loses every compare-and-swap."""
        rollout, seen = self.world.load(), self.world.observe()
        now = later(self.seconds + self.skew)
        records = [decide(rollout, seen, now) for _ in range(2)]
        assert records[0] == records[1]
        tick(self.world, now)
        saved = self.world.load()
        try:
            if records[1].after.generation != rollout.generation:
                self.world.save(records[1].after, expected_generation=rollout.generation)
                raise AssertionError("the second controller's status was saved")
        except RefusedError:
            assert self.world.load() == saved

    @precondition(lambda self: self.world.load().phase is not Phase.IDLE)
    @rule()
    def everything_settles(self):
        """Within a minute of the last event, ticks ask for nothing more."""
        self.seconds += MINUTE
        now = later(self.seconds + self.skew)
        settle(self.world, now, ticks=12)
        before = (self.world.load(), self.world.alias.state)
        tick(self.world, now)
        assert (self.world.load(), self.world.alias.state) == before
        self._assert_settled(self.world.load())

    # ---------------------------------------------------------------------- must hold
    @invariant()
    def weights_sum_to_one(self):
        """Stable's rest and the candidate's weight are a whole."""
        weights = self.world.alias.state.weights
        assert len(weights) <= 1
        assert all(0.0 < share < 1.0 for share in weights.values())

    @invariant()
    def alias_names_published_and_verified_versions(self):
        """No caller meets a version that does not exist or failed its golden cases."""
        for state in self.world.alias.history[self.checked_history :]:
            assert {state.version, *state.weights} <= self.world.verified
        state = self.world.alias.state
        assert {state.version, *state.weights} <= self.world.alias.published
        self.checked_history = len(self.world.alias.history)

    @invariant()
    def generation_only_grows(self):
        """No decision is overwritten by an older one."""
        generations = self.world.generations
        assert all(before <= after for before, after in pairwise(generations))

    def teardown(self):
        """Read the decision records once it is over."""
        self._check_one_rollback_per_bad_release()
        self._check_only_a_newer_wish_moves_anything()
        self._check_shares_grow_only_when_allowed()
        self._check_no_candidate_is_blamed_for_an_outage()

    def _check_one_rollback_per_bad_release(self):
        """A release is rolled back for harm at most once, and for its own alarm or verdict."""
        seen = set()
        for record in self._records():
            entry, before = record.after.log[-1], record.before
            if entry.event is not Event.HARMED:
                continue
            key = (before.candidate, before.release.serial)
            assert key not in seen
            seen.add(key)
            alarms = [alarm for alarm in record.observation.alarms if alarm.is_red]
            red = {alarm.version for alarm in alarms}
            told = record.observation.verdict
            is_told = told is not None and told.outcome is Outcome.ROLL_BACK
            assert before.candidate in red or is_told

    def _check_only_a_newer_wish_moves_anything(self):
        """A wish read late starts nothing and withdraws nothing."""
        for record in self._records():
            before, entry = record.before.release, record.after.log[-1]
            if before and entry.event in {Event.RELEASED, Event.WITHDRAWN, Event.ADOPTED}:
                assert record.observation.desired.serial > before.serial

    def _check_shares_grow_only_when_allowed(self):
        """No share grew while something was dark or the heartbeat was missing."""
        for record in self._records():
            entry = record.after.log[-1]
            if entry.event in {Event.STEPPED, Event.FINISHED}:
                assert record.observation.freeze_reason == ""

    def _check_no_candidate_is_blamed_for_an_outage(self):
        """Only a version that answers wrong, or is gone, ends for its golden cases."""
        for record in self._records():
            if record.after.log[-1].event is Event.UNVERIFIED:
                candidate = record.before.candidate
                is_there = {candidate, record.before.stable} <= set(record.observation.published)
                assert candidate in self.world.broken or not is_there

    # -------------------------------------------------------------------------- means
    def _assert_settled(self, rollout):
        state, desired = self.world.alias.state, self.world.desired
        if rollout.phase in {Phase.PROMOTED, Phase.ROLLED_BACK}:
            is_there = rollout.serving in self.world.alias.published
            assert (state.version, dict(state.weights)) == (rollout.serving, {}) or not is_there
        if rollout.is_live and rollout.hold is not Hold.STRANDED:
            red = [alarm for alarm in self.world.alarms.values() if alarm.is_red]
            assert rollout.candidate not in {alarm.version for alarm in red}
        assert desired.serial <= rollout.release.serial or desired.version == rollout.candidate

    def _want(self, version, plan, warm):
        self.serial += 1
        self.world.desired = Release(
            model="m", serial=self.serial, version=version, plan=plan, min_warm=warm
        )

    def _exposed(self):
        return {self.world.alias.state.version, *self.world.alias.state.weights}

    def _set_red(self, version):
        self._set_alarm(f"evidence-{version}", AlarmEffect.ROLL_BACK, version, is_red=True)

    def _set_alarm(self, name, effect, version, *, is_red):
        self.world.alarms[name] = AlarmState(
            name=name, effect=effect, version=version, is_red=is_red, since=later(self.seconds)
        )

    def _records(self):
        return list(self.world.records.values())


Interleavings.TestCase.settings = settings(
    max_examples=1000,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestInterleavings = Interleavings.TestCase
