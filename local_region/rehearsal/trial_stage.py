"""Runs an experiment in virtual time: real handlers, real assignment, real feedback, real analyst.

Only what comes of a request is drawn, at the rate that was chosen for the arm that answered it.
"""

import heapq
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from falaj.contract import (
    ANALYST_PARAMETER,
    HEADER_REQUEST_ID,
    HEADER_VARIANT,
    LIVE_ALIAS,
    desired_release_parameter,
)
from falaj.domain.codec import decode
from falaj.domain.rollout import LIVE, Phase as RolloutPhase, Rollout
from falaj.errors import ConfigurationError
from falaj.experiments.spec import Unit
from local_region.control_loop import Observation
from local_region.gateway.front_door import HEADER_EXECUTED_VERSION
from local_region.gateway.messages import Response
from local_region.lambda_service import Invoked
from local_region.placement import BUILD_FOLDER
from local_region.progress import Event
from local_region.region import Region
from local_region.rehearsal.cast import Cast, desired_of
from local_region.rehearsal.latencies import Latencies
from local_region.rehearsal.recording import Recording
from local_region.rehearsal.shared_clock import SharedClock
from local_region.rehearsal.subjects import Asking, Telling, Truth, askings, feedback
from local_region.rehearsal.trial import ArmResult, Trial, TrialResult
from local_region.rehearsal.virtual_region import virtual_region

LOOKED_EVERY: Final = timedelta(minutes=5)
"""The analyst's own rhythm; in between nothing can have been decided."""
SETTLING: Final = timedelta(minutes=20)
"""What follows the last unit's window: rounds, and the rollout's last move."""
_STEP: Final = timedelta(seconds=10)
"""Between two looks at the region; lines of functions are delivered as often."""
_OK: Final = 300
_LIVE: Final = frozenset({"running"})

Watch = Callable[[Recording, datetime, float], None]


async def rehearse_experiment(
    stable: Path,
    trial: Trial,
    *,
    candidate: Path | None = None,
    watch: Watch = lambda *_: None,
    account: str = "000000000000",
    build_folder: Path = BUILD_FOLDER,
) -> TrialResult:
    """Rehearse an experiment.

    Args:
        stable: The assembly that serves; a sticky experiment's arms are packaged in it.
        trial: The experiment and its truth.
        candidate: The assembly whose release takes the other half of a split; for experiments by
            request.
        watch: Told of progress.
        account: Two rehearsals at once in one process need two.
        build_folder: Where the interpreter's runtime and functions' code are kept between runs.

    Raises:
        ConfigurationError: An assembly is refused, or the experiment cannot be started on it.
    """
    async with virtual_region(
        stable,
        lambda clock: TrialStage(trial, clock, watch),
        seed=trial.seed,
        account=account,
        build_folder=build_folder,
    ) as (stage, region):
        return await stage.play(region, candidate)


@dataclass(slots=True)
class TrialStage:
    """One rehearsed experiment under way."""

    trial: Trial
    clock: SharedClock
    watch: Watch
    recording: Recording = field(default_factory=Recording)
    latencies: Latencies = field(init=False)
    _truth: Truth = field(init=False)
    _region: Region | None = None
    _cast: Cast | None = None
    _analyst: str = ""
    _arms: dict[str, str] = field(default_factory=dict)
    _told: list[Telling] = field(default_factory=list)
    _requests: int = 0
    _outcomes: int = 0

    def __post_init__(self) -> None:
        self.latencies = Latencies(self.clock, seed=self.trial.seed, faults=())
        self._truth = Truth(self.trial)

    def told(self, _: Event) -> None:
        """Hear nothing of alarms: an experiment is decided by its analyst."""

    def observation(self) -> Observation:
        """See lines and durations, one after the other."""
        return Observation(rewrite=self.latencies.of_line, duration=self.took, is_sequential=True)

    def took(self, invoked: Invoked) -> float:
        """Say how long an invocation took, in virtual time."""
        return self.latencies.of_invocation(invoked)

    @property
    def region(self) -> Region:
        """The region, once it is open."""
        return cast(Region, self._region)

    @property
    def cast(self) -> Cast:
        """Who takes part, once they are found."""
        return cast(Cast, self._cast)

    # ----------------------------------------------------------------------- the play
    async def play(self, region: Region, candidate: Path | None) -> TrialResult:
        """Start the experiment, let subjects ask, and go on until it is decided."""
        self._region = region
        spec = self.trial.spec
        found = self._cast = Cast.find(region, spec.model)
        self.clock.name_stable(found.stable.version)
        self.latencies.stable = found.stable.version
        self.latencies.timeout_s = found.stable.settings.timeout_s
        self._analyst = self._function()
        if spec.unit is Unit.REQUEST:
            await self._split(candidate)
        begun = self.clock.now()
        self.recording.release(begun, f"experiment {spec.name} starts")
        await self._ask(
            {
                "command": {
                    "verb": "start",
                    "spec": spec.to_dict(),
                    "actor": "rehearsal",
                    "reason": "rehearsed with a known truth",
                }
            }
        )
        status = await self._until_decided(begun)
        return await self._result(status, begun)

    def _function(self) -> str:
        ssm = self.region.backends.client("ssm")
        try:
            found = ssm.get_parameter(Name=ANALYST_PARAMETER)
        except ssm.exceptions.ParameterNotFound:
            raise ConfigurationError(
                [f"no stack writes {ANALYST_PARAMETER}: the assembly has no experiments"]
            ) from None
        return str(found["Parameter"]["Value"])

    async def _split(self, candidate: Path | None) -> None:
        """Roll the candidate out until it holds its last share."""
        if candidate is None:
            raise ConfigurationError(["an experiment by request needs a candidate's assembly"])
        await self._quietly(timedelta(minutes=2))
        await self.region.update(candidate)
        name = desired_release_parameter(self.trial.spec.model)
        found = self.region.backends.client("ssm").get_parameter(Name=name)
        desired = desired_of(found["Parameter"]["Value"])
        for _ in range(60):
            await self._quietly(timedelta(minutes=1))
            rollout = await self._rollout()
            if _holds(rollout, desired.release):
                control, arm = (each.name for each in self.trial.spec.arms)
                self._arms = {rollout.stable: control, rollout.candidate: arm}
                return
        raise ConfigurationError(["after an hour the rollout does not hold its last share"])

    async def _quietly(self, span: timedelta) -> None:
        """Let time pass in which nobody asks."""
        end = self.clock.now() + span
        while self.clock.now() < end:
            due = max(self.region.control.next_due(), self.clock.now() + _STEP)
            self.clock.leap(min(due, end))
            await self.region.tick()

    async def _until_decided(self, begun: datetime) -> Mapping[str, Any]:
        spec = self.trial.spec
        stream = askings(self.trial, cases=self.cast.golden, url=self.region.api_url, start=begun)
        coming, looked = next(stream, None), begun
        last = begun
        limit = begun + spec.max_duration + SETTLING
        status = await self._status()
        while status["phase"] in _LIVE and self.clock.now() < limit:
            due = max(self.region.control.next_due(), self.clock.now() + _STEP)
            coming, last = await self._serve_until(min(due, limit), stream, coming, last)
            self.clock.leap(min(due, limit))
            await self.region.tick()
            if self.clock.now() - looked >= LOOKED_EVERY:
                looked = self.clock.now()
                status = await self._status()
                self.watch(self.recording, looked, (looked - begun) / (limit - begun))
                # Nobody will ask any more, and every window is closed: nothing can change.
                if coming is None and looked > last + spec.outcome_window + SETTLING:
                    break
        return status

    async def _serve_until(
        self,
        due: datetime,
        stream: Iterator[Asking],
        coming: Asking | None,
        last: datetime,
    ) -> tuple[Asking | None, datetime]:
        """Serve who asks and take what is told until a moment, in order."""
        while True:
            asks_at = coming.at if coming is not None else due + _STEP
            tells_at = self._told[0].at if self._told else due + _STEP
            if min(asks_at, tells_at) > due:
                return coming, last
            if tells_at <= asks_at:
                telling = heapq.heappop(self._told)
                self.clock.leap(telling.at)
                await self._tell(telling)
            elif coming is not None:
                self.clock.leap(coming.at)
                await self._serve(coming)
                last, coming = coming.at, next(stream, None)

    async def _serve(self, asking: Asking) -> None:
        response = await self.region.front_door.answer(asking.request)
        await self.region.functions.drain()
        self._requests += response.status < _OK
        arm = self._arm(response)
        if arm is None or not asking.is_new:
            return
        inference = _header(response, HEADER_REQUEST_ID)
        drawn = self._truth.of(asking.subject or str(asking.number), arm)
        if drawn is not None and inference is not None:
            value, delay_s = drawn
            at = asking.at + timedelta(seconds=delay_s)
            telling = Telling(at=at, number=asking.number, inference_id=inference, value=value)
            heapq.heappush(self._told, telling)

    def _arm(self, response: Response) -> str | None:
        if self.trial.spec.unit is Unit.REQUEST:
            return self._arms.get(_header(response, HEADER_EXECUTED_VERSION) or "")
        return _header(response, HEADER_VARIANT)

    async def _tell(self, telling: Telling) -> None:
        request = feedback(self.trial, telling, url=self.region.api_url)
        response = await self.region.front_door.answer(request)
        if response.status >= _OK:
            raise ConfigurationError(
                [f"feedback was refused: {response.status} {response.body.decode()[:300]}"]
            )
        self._outcomes += 1

    # ---------------------------------------------------------------------- asking
    async def _ask(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.region.functions.invoke(
            self._analyst, None, json.dumps(payload).encode()
        )
        told: dict[str, Any] = json.loads(answer.payload)
        if answer.function_error:
            raise ConfigurationError([f"the analyst: {told.get('errorMessage', told)}"])
        return told

    async def _status(self) -> Mapping[str, Any]:
        spec = self.trial.spec
        told = await self._ask({"query": {"model": spec.model, "experiment": spec.name}})
        status: Mapping[str, Any] = told["status"]
        for entry in status["log"]:
            at = datetime.fromisoformat(entry["at"])
            text = f"{entry['event'].replace('_', ' ')}: {entry['reason']}"
            if not any(moment.text == text for moment in self.recording.timeline):
                self.recording.note(at, "decision", text)
        return status

    async def _rollout(self) -> Rollout:
        payload = json.dumps({"query": {"model": self.trial.spec.model}}).encode()
        answer = await self.region.functions.invoke(self.cast.controller, None, payload)
        return decode(Rollout, json.loads(answer.payload)["status"])

    # ---------------------------------------------------------------------- result
    async def _result(self, status: Mapping[str, Any], begun: datetime) -> TrialResult:
        spec = self.trial.spec
        ended = self.clock.now()
        if spec.unit is Unit.REQUEST and status["phase"] not in {*_LIVE, "held"}:
            for _ in range(10):
                if (await self._rollout()).phase not in LIVE:
                    break
                await self._quietly(timedelta(minutes=1))
        asked = {"model": spec.model, "experiment": spec.name}
        report = (await self._ask({"report": asked}))["report"]
        page = (await self._ask({"report": asked | {"form": "html"}}))["report"]
        alias = self.region.functions.get_alias(self.cast.function, LIVE_ALIAS)
        self.recording.note(ended, "end", f"{report['verdict']}: {report['sentence']}")
        return TrialResult(
            trial=self.trial,
            verdict=report["verdict"],
            phase=status["phase"],
            sentence=report["sentence"],
            reason=status["reason"],
            arms=tuple(_arm_results(self.trial, report)),
            units=report["units"],
            requests=self._requests,
            outcomes=self._outcomes,
            elapsed=ended - begun,
            final_alias={"version": alias.function_version, "weights": dict(alias.weights)},
            timeline=tuple(self.recording.timeline),
            report=report,
            page=page,
        )


def _arm_results(trial: Trial, report: Mapping[str, Any]) -> list[ArmResult]:
    """Put the truth beside the last look of each arm: the look that decided flatters."""
    found = []
    for each in report["metrics"]:
        if each["role"] != "success":
            continue
        looks = [look for look in each["looks"] if look["interval"]]
        last = looks[-1] if looks else None
        found.append(
            ArmResult(
                arm=each["arm"],
                true_effect=trial.effects.get(each["arm"], 0.0),
                estimate=last and last["difference"],
                interval=tuple(last["interval"]) if last else None,
            )
        )
    return found


def _holds(rollout: Rollout, candidate: str) -> bool:
    """Whether a split has come to its last share and holds it."""
    if rollout.release is None or rollout.candidate != candidate:
        return False
    is_last = rollout.step + 1 == len(rollout.release.plan.shares)
    return is_last and rollout.phase in {RolloutPhase.BAKING, RolloutPhase.EXTENDED}


def _header(response: Response, name: str) -> str | None:
    return next((value for key, value in response.headers if key.lower() == name), None)
