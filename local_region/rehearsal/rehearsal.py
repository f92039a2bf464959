"""Runs a rollout in virtual time: stable's stacks, a release, traffic, faults, until it is over."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

from falaj.contract import (
    LIVE_ALIAS,
    METRIC_COLD_STARTS,
    METRIC_SHADOW_BAD,
    METRIC_SHADOW_REQUESTS,
    decision_key,
    desired_release_parameter,
)
from falaj.domain.codec import decode
from falaj.domain.decision import DecisionRecord
from falaj.domain.plan import Plan, PlanKind
from falaj.domain.release import DesiredRelease
from falaj.domain.rollout import Phase, Rollout
from falaj.errors import ConfigurationError
from local_region.cloudwatch.emf import Published
from local_region.control_loop import Observation
from local_region.gateway.front_door import HEADER_EXECUTED_VERSION
from local_region.issuer import FOLDER
from local_region.lambda_service import Invoked, LogLine
from local_region.placement import BUILD_FOLDER
from local_region.progress import (
    AlarmChanged,
    Event,
    ParameterChanged,
    StackApplied,
    Working,
)
from local_region.region import Region
from local_region.rehearsal import boundary
from local_region.rehearsal.cast import Cast, desired_of
from local_region.rehearsal.endings import (
    SETTLING,
    expires_at,
    is_over,
    longest_s,
    patience_s,
    verdict_of,
)
from local_region.rehearsal.faults import FaultKind
from local_region.rehearsal.latencies import Latencies
from local_region.rehearsal.outages import Outages, zone_of
from local_region.rehearsal.recording import Recording
from local_region.rehearsal.scenario import Result, Scenario
from local_region.rehearsal.shared_clock import SharedClock
from local_region.rehearsal.traffic import Arrival, Peekable, arrivals
from local_region.rehearsal.virtual_region import virtual_region
from local_region.rehearsal.zone_loss import SHED_LINE, ZoneLoss

LEAD_IN: Final = timedelta(minutes=5)
STORM: Final = timedelta(minutes=1)
"""How long a cold storm blows; for so long no request finds a warm environment."""
_STEP: Final = timedelta(seconds=1)
_SERVER_ERROR: Final = 500
_UNSEEN: Final = "golden cases, feedback and experiments can see it, metrics cannot"
Watch = Callable[[Recording, datetime, float], None]
"""Told of progress: what is remembered, the virtual time, and the share of the maximum that is
over, in [0, 1]."""


Say = Callable[[str], None]
"""Told, in a sentence, what has begun."""


def unwatched(_: Recording, __: datetime, ___: float) -> None:
    """Nobody watches."""


def unheard(_: str) -> None:
    """Nobody listens."""


async def rehearse(
    stable: Path,
    candidate: Path,
    scenario: Scenario,
    *,
    watch: Watch = unwatched,
    say: Say = unheard,
    account: str = "000000000000",
    build_folder: Path = BUILD_FOLDER,
    issuer_folder: Path = FOLDER,
    lead_in: timedelta = LEAD_IN,
) -> Result:
    """Rehearse the rollout from one synthesis to the other.

    Args:
        stable: The assembly that serves now.
        candidate: The assembly whose release is rolled out.
        scenario: Under which conditions.
        watch: Told of progress.
        say: Told what begins: the region, the stacks in it, the release.
        account: Two rehearsals at once in one process need two.
        build_folder: Where the interpreter's runtime and functions' code are kept between runs.
        issuer_folder: Where the token issuer is that callers' tokens come from.
        lead_in: How long stable is served before the release, so that its usual latency is known.

    Raises:
        ConfigurationError: An assembly is refused, or does not hold what is to be rehearsed.
    """
    say("opening the region")
    async with virtual_region(
        stable,
        lambda clock: Stage(scenario, clock, watch, say, issuer_folder),
        seed=scenario.seed,
        account=account,
        build_folder=build_folder,
        faults=scenario.faults,
        issuer_folder=issuer_folder,
    ) as (stage, region):
        return await stage.play(region, candidate, lead_in)


@dataclass(slots=True)
class Stage:
    """One rehearsal under way."""

    scenario: Scenario
    clock: SharedClock
    watch: Watch
    say: Say
    issuer_folder: Path
    recording: Recording = field(default_factory=Recording)
    latencies: Latencies = field(init=False)
    _region: Region | None = None
    _cast: Cast | None = None
    _candidate: str = ""
    _storm_until: datetime | None = None
    _is_shadowing: bool = False
    _outages: Outages = field(init=False)
    _known: Rollout | None = None
    _loss: ZoneLoss | None = None

    def __post_init__(self) -> None:
        self._outages = Outages(self.scenario.outages)
        self.latencies = Latencies(self.clock, seed=self.scenario.seed, faults=self.scenario.faults)

    # ------------------------------------------------------------- the region's word
    def observation(self) -> Observation:
        """See lines, hangs and durations, one after the other."""
        return Observation(
            rewrite=self.recorded, duration=self.took, is_sequential=True, heed=self.heeds
        )

    def told(self, event: Event) -> None:
        """Remember alarms, and say what takes long."""
        if isinstance(event, Working):
            self.say(event.sentence)
        if isinstance(event, StackApplied) and event.changes:
            count = len(event.changes)
            self.say(f"{event.stack}: {count} change{'s' * (count > 1)}")
        if isinstance(event, AlarmChanged):
            self.recording.alarm(event.change)
        if isinstance(event, ParameterChanged) and self._loss is not None:
            self._loss.heard_of(event.name)

    def heeds(self, line: LogLine) -> bool:
        """Take the line of a process that hangs: its time is up at once, in virtual time."""
        if SHED_LINE in line.text:
            self.latencies.was_refused(line.request_id)
        if line.text != boundary.HANG:
            return False
        self.region.functions.expire(line.environment)
        return True

    def recorded(self, line: LogLine, metrics: Iterable[Published]) -> Iterable[Published]:
        """Count a copy that a shadow answered, and write virtual latencies over measured ones."""
        metrics = tuple(metrics)
        counts = {item.metric.name: sum(item.values) for item in metrics}
        if line.version == self._candidate:
            self.recording.cold_starts += round(counts.get(METRIC_COLD_STARTS, 0.0))
        if METRIC_SHADOW_REQUESTS in counts:
            is_bad = counts[METRIC_SHADOW_BAD] > 0
            self.recording.answered(self.clock.now(), is_candidate=True, is_bad=is_bad)
        return self.latencies.of_line(line, metrics)

    def took(self, invoked: Invoked) -> float:
        """Count a copy that a shadow died of, and say how long an invocation took."""
        if invoked.is_error and self._is_shadowing and invoked.qualifier == self._candidate:
            self.recording.answered(self.clock.now(), is_candidate=True, is_bad=True)
        milliseconds = self.latencies.of_invocation(invoked)
        if self._loss is not None:
            self._loss.took(invoked, milliseconds)
        return milliseconds

    @property
    def region(self) -> Region:
        """The region, once it is open."""
        return cast(Region, self._region)

    @property
    def loss(self) -> ZoneLoss:
        """What losing zones does, once the cast is known."""
        return cast(ZoneLoss, self._loss)

    @property
    def cast(self) -> Cast:
        """Who takes part, once they are found."""
        return cast(Cast, self._cast)

    # ----------------------------------------------------------------------- the play
    async def play(self, region: Region, candidate: Path, lead_in: timedelta) -> Result:
        """Serve stable for a while, release the candidate, and go on until it is over."""
        self._region = region
        found = self._cast = Cast.find(region, self.scenario.model)
        self._loss = ZoneLoss.of(
            self.scenario, region, found.function, clock=self.clock, issuer=self.issuer_folder
        )
        self.clock.name_stable(found.stable.version)
        self.latencies.stable = found.stable.version
        self.latencies.timeout_s = found.stable.settings.timeout_s
        stream = arrivals(
            cases=found.golden,
            model=self.scenario.model,
            url=region.api_url,
            rps=self.scenario.traffic_rps,
            seed=self.scenario.seed,
            start=self.clock.now(),
            callers=self.scenario.callers,
        )
        traffic = Peekable(stream)
        minutes = f"{lead_in.total_seconds() / 60:g} minutes of virtual time"
        self.say(f"{minutes} of stable alone, so that its latency is known")
        await self._until(self.clock.now() + lead_in, traffic)
        before = await self._ask()
        self.recording.skip_decisions(before)
        plan, version = await self._release(candidate)
        rollout = await self._until_over(plan, traffic)
        return self._result(rollout, version)

    async def _release(self, candidate: Path) -> tuple[Plan, DesiredRelease]:
        """Bring the region to the candidate's synthesis, as a deployment would."""
        self.say("releasing the candidate")
        await self.region.update(candidate)
        name = desired_release_parameter(self.scenario.model)
        found = self.region.backends.client("ssm").get_parameter(Name=name)
        desired = desired_of(found["Parameter"]["Value"])
        if desired.release == self.cast.stable.version:
            fault = (
                f"both syntheses want version {desired.model_version} of "
                f"{self.scenario.model!r}: there is nothing to roll out"
            )
            raise ConfigurationError([fault])
        self._candidate = desired.release
        self.recording.release(
            self.clock.now(),
            f"version {desired.model_version} is wanted instead of "
            f"{self.cast.desired.model_version}",
        )
        if self.scenario.begins_s == 0:
            self._begin_faults()
        return Plan.from_dict(desired.plan), desired

    async def _until_over(self, plan: Plan, traffic: Peekable) -> Rollout:
        start = self.clock.now()
        longest = longest_s(plan) + sum(o.duration_s for o in self.scenario.outages)
        rollout = await self._ask()
        while not is_over(rollout, self._candidate) or self._outages.lost_zones:
            gone = (self.clock.now() - start).total_seconds()
            until_s = longest + patience_s(rollout)
            if gone >= until_s:
                break
            delivered = await self._advance(start + timedelta(seconds=until_s), traffic)
            if delivered:
                rollout = await self._looked(plan)
                self.watch(self.recording, self.clock.now(), min(1.0, gone / until_s))
        until = expires_at(rollout, plan)
        return rollout if until is None else await self._wait(plan, until)

    async def _wait(self, plan: Plan, until: datetime) -> Rollout:
        """Leap over the weeks in which a split is held and nobody decides; none has a request."""
        days = plan.max_duration_s / timedelta(days=1).total_seconds()
        text = f"no request is sent until the split ends without a winner, {days:g} days old"
        self.recording.note(self.clock.now(), "wait", text)
        rollout = await self._ask()
        self.clock.leap(max(until, self.clock.now()))
        late = self.clock.now() + SETTLING
        while not is_over(rollout, self._candidate) and self.clock.now() < late:
            if await self.region.tick():
                rollout = await self._looked(plan)
            self.clock.leap(max(self.region.control.next_due(), self.clock.now() + _STEP))
        return rollout

    async def _looked(self, plan: Plan) -> Rollout:
        """Ask what the controller says, and remember it."""
        rollout = await self._ask()
        self.recording.decided(rollout, self._evidence)
        self._follow_alias()
        self._follow_shadow(plan, rollout)
        self.recording.looked(self.clock.now(), rollout)
        return rollout

    def _evidence(self, generation: int) -> float | None:
        """Read log₁₀(α·E) from the record of a decision; None if it was made on none."""
        s3 = self.region.backends.client("s3")
        key = decision_key(self.scenario.model, generation)
        try:
            found = s3.get_object(Bucket=self.cast.decisions, Key=key)
        except s3.exceptions.NoSuchKey:
            return None
        verdict = DecisionRecord.from_json(found["Body"].read().decode()).observation.verdict
        return None if verdict is None else verdict.log_evidence

    async def _until(self, moment: datetime, traffic: Peekable) -> None:
        while self.clock.now() < moment:
            await self._advance(moment, traffic)

    async def _advance(self, limit: datetime, traffic: Peekable) -> int:
        """Leap to the next thing that happens, do it, and return what events it delivered."""
        now = self.clock.now()
        due = self.region.control.next_due()
        if due <= now:
            due = now + _STEP
        due = min(due, limit, self._fault_begins() or limit, self._outages.next_end() or limit)
        while (arrival := traffic.next) is not None and arrival.at <= due:
            traffic.take()
            self.clock.leap(arrival.at)
            await self._send(arrival)
        self.clock.leap(due)
        if self._fault_begins() == due:
            self._begin_faults()
        self._end_outages()
        delivered = await self.region.tick()
        if who := self.loss.new_level():
            self.recording.note(self.clock.now(), "shed", who)
        return delivered

    async def _send(self, arrival: Arrival) -> None:
        if self._storm_until is not None and arrival.at < self._storm_until:
            for version in self._stormed():
                self.region.functions.end_idle(self.cast.function, version)
        throttled = self.loss.room.throttled
        response = await self.region.front_door.answer(self.loss.signed(arrival))
        executed = next(
            (value for name, value in response.headers if name == HEADER_EXECUTED_VERSION), None
        )
        at_s = self.recording.seconds(arrival.at) if self.recording.zero else -1.0
        self.loss.answered(arrival, response, at_s=at_s)
        if self.loss.room.throttled == throttled:
            self.recording.unanswered += executed is None
            self.recording.answered(
                arrival.at,
                is_candidate=executed is not None and executed == self._candidate,
                is_bad=response.status >= _SERVER_ERROR,
            )
        self._outages.sent(is_bad=executed is None or response.status >= _SERVER_ERROR)
        await self.region.functions.drain()

    async def _ask(self) -> Rollout:
        """Ask the controller, as an operator would."""
        payload = json.dumps({"query": {"model": self.scenario.model}}).encode()
        answer = await self.region.functions.invoke(self.cast.controller, None, payload)
        if answer.function_error:
            if self._outages.dark and self._known is not None:
                return self._known  # the controller cannot read its own memory; nobody can ask
            raise ConfigurationError(
                [f"the rollout controller does not answer: {answer.payload.decode()[:300]}"]
            )
        self._known = decode(Rollout, json.loads(answer.payload)["status"])
        return self._known

    # ------------------------------------------------------------------------- faults
    def _follow_alias(self) -> None:
        alias = self.region.functions.get_alias(self.cast.function, LIVE_ALIAS)
        share = alias.weights.get(self._candidate, 0.0)
        if alias.function_version == self._candidate:
            share = 1.0 - sum(alias.weights.values())
        is_first = self.recording.shared(self.clock.now(), share)
        if is_first and self.scenario.begins_s is None:
            self._begin_faults()

    def _follow_shadow(self, plan: Plan, rollout: Rollout) -> None:
        """Note when copies begin, which is a shadow's first share."""
        is_over = rollout.phase not in {Phase.BAKING, Phase.EXTENDED}
        if self._is_shadowing or is_over or plan.kind is not PlanKind.SHADOW:
            return
        self._is_shadowing = True
        text = f"the candidate is shown copies of {plan.shadow_share:.0%} of requests"
        self.recording.note(self.clock.now(), "share", text, share=0.0)
        if self.scenario.begins_s is None:
            self._begin_faults()

    def _fault_begins(self) -> datetime | None:
        zero, begins_s = self.recording.zero, self.scenario.begins_s
        if zero is None or begins_s is None or self.clock.has_begun:
            return None
        return max(self.clock.now(), zero + timedelta(seconds=begins_s))

    def _begin_faults(self) -> None:
        if self.clock.has_begun:
            return
        self.clock.begin_faults()
        now, faults = self.clock.now(), self.scenario.faults
        for fault in faults:
            reach = "both versions" if fault.is_shared else "the candidate"
            unseen = f" ({_UNSEEN})" if fault.kind is FaultKind.LABEL_FLIP else ""
            self.recording.note(now, "fault", f"{fault} in {reach}{unseen}")
        if any(fault.kind is FaultKind.COLD_STORM for fault in faults):
            self._storm_until = now + STORM
        self._begin_outages(now)

    def _begin_outages(self, now: datetime) -> None:
        self._outages.begin(now, self._share())
        self.region.darken(self._outages.dark)
        self.loss.follow(len(self._outages.lost_zones), now)
        for span in self._outages.spans:
            if span.outage.zone:
                span.environments = self.region.functions.end_where(
                    lambda name, zone=span.outage.zone: zone_of(name) == zone  # type: ignore[misc]
                )
            lost = f", {span.environments} warm environments with it" if span.outage.zone else ""
            text = f"{span.outage.says} for {span.outage.duration_s:g} s{lost}"
            self.recording.note(now, "fault", text)

    def _end_outages(self) -> None:
        for span in self._outages.ended(self.clock.now(), self._share()):
            self.region.darken(self._outages.dark)
            self.loss.follow(len(self._outages.lost_zones), self.clock.now())
            over = "is back" if span.outage.zone else "answers again"
            name = span.outage.says.rpartition(" ")[0].removesuffix(" is").removesuffix(" answers")
            text = (
                f"{name} {over}; {span.bad} of {span.requests} requests were bad meanwhile, "
                f"{span.told_of_share}"
            )
            self.recording.note(self.clock.now(), "fault", text)

    def _share(self) -> float:
        """Return the candidate's share of requests, as the alias has it."""
        alias = self.region.functions.get_alias(self.cast.function, LIVE_ALIAS)
        if alias.function_version == self._candidate:
            return 1.0 - sum(alias.weights.values())
        return alias.weights.get(self._candidate, 0.0)

    def _stormed(self) -> Iterator[str]:
        yield self._candidate
        if any(f.is_shared for f in self.scenario.faults if f.kind is FaultKind.COLD_STORM):
            yield self.cast.stable.version

    # ------------------------------------------------------------------------- result
    def _result(self, rollout: Rollout, desired: DesiredRelease) -> Result:
        recording, spans = self.recording, self.recording.spans
        self._outages.close(self._share())
        ending, reason, cause = verdict_of(rollout, self._candidate)
        recording.note(self.clock.now(), "end", f"{ending.value}: {reason}")
        alias = self.region.functions.get_alias(self.cast.function, LIVE_ALIAS)
        candidate_requests = sum(span.candidate for span in spans)
        stable_requests = sum(span.stable for span in spans)
        return Result(
            scenario=self.scenario,
            from_version=str(self.cast.desired.model_version),
            to_version=str(desired.model_version),
            plan=desired.plan,
            verdict=ending,
            reason=reason,
            cause=cause,
            requests=stable_requests + (0 if self._is_shadowing else candidate_requests),
            unanswered=recording.unanswered,
            candidate_requests=candidate_requests,
            candidate_bad=sum(span.candidate_bad for span in spans),
            candidate_cold_starts=recording.cold_starts,
            stable_requests=stable_requests,
            stable_bad=sum(span.stable_bad for span in spans),
            virtual_seconds=recording.seconds(self.clock.now()),
            final_alias={"version": alias.function_version, "weights": dict(alias.weights)},
            outages=tuple(span.to_dict(recording.seconds) for span in self._outages.spans),
            throttled=self.loss.room.throttled,
            minutes=tuple(minute.to_dict() for minute in self.loss.tally.minutes),
            timeline=tuple(recording.timeline),
            spans=spans,
            levels=tuple(recording.levels),
        )
