"""Proof, from `cdk.out` alone, that every alarm fires on the harm it is there for.

Each alarm is taken from its template and put into a small world in which harm is planted on the
candidate, under exactly the dimensions that the runtime, Lambda and the controller publish. A
rollback alarm must turn red within the bake and stay quiet when only stable is harmed, and when
both versions are from the moment the share grows; its change of state must reach the controller
through an enabled rule that may invoke it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from audits import gpu_alarms
from audits.alarm_wiring import Break, Wiring
from audits.alarm_world import (
    NONE,
    OTHER_HARMS,
    VERSION_HARMS,
    Harm,
    Served,
    Surroundings,
    World,
)
from audits.findings import Finding, Firing, Proof, Report
from audits.metric_faults import metric_faults
from audits.template_values import STABLE, Resource, read_resources
from falaj.contract import (
    ALARM_PREFIX,
    CAPACITY_ALARM_PREFIX,
    ENV_DRIFT,
    ENV_MODEL_NAME,
    MODELS_PARAMETER_ROOT,
)
from falaj.domain.alarm_text import AlarmText, read_alarm_text
from falaj.domain.observation import AlarmEffect
from falaj.domain.release import DesiredRelease
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm, AlarmSettingsError
from local_region.cloudwatch.metrics import MetricId

KINDS: Final = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)
PATIENCE_S: Final = 900
"""How long an alarm that no bake bounds may take: the controller's own."""
MARGIN_S: Final = 120
"""Two evaluations more than the longest window needs."""
OFF_THE_MINUTE_S: Final = 40
"""When in a minute the share changes in the trial: windows that end with minutes hold both."""

THEN: Final[Mapping[AlarmEffect | None, str]] = {
    AlarmEffect.ROLL_BACK: "the controller rolls back",
    AlarmEffect.PAUSE: "the controller pauses the rollout",
    AlarmEffect.FREEZE: "no rollout is promoted until it is green",
    None: "people are told",
}
SHEDS: Final = "tenants of the last priorities wait"


def audit(cdk_out: Path) -> tuple[Finding, ...]:
    """Return every fault of every alarm; none when each can fire.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    return examine(cdk_out).findings


def examine(cdk_out: Path) -> Report:
    """Try every alarm of an assembly.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    findings: list[Finding] = []

    def unreadable(stack: str, logical_id: str, reason: str) -> None:
        mend = "write an expression that has a value"
        findings.append(Finding(stack=stack, alarm=logical_id, problem=reason, mend=mend))

    resources = read_resources(cdk_out, KINDS | gpu_alarms.KINDS, unreadable)
    wiring = Wiring.of(resources)
    proofs: list[Proof] = []
    for stack in dict.fromkeys(resource.stack for resource in resources):
        mine = [resource for resource in resources if resource.stack == stack]
        if gpu_alarms.has_service(mine):
            proven, found = gpu_alarms.try_service(stack, mine)
            proofs += proven
            findings += found
            continue
        trial = _Trial.of(stack, resources, wiring)
        proofs += trial.proofs
        findings += trial.findings
    return Report(proofs=tuple(proofs), findings=tuple(findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """An alarm on trial."""

    alarm: Alarm
    text: AlarmText | None

    @property
    def effect(self) -> AlarmEffect | None:
        return self.text.effect if self.text else None

    @property
    def is_of_capacity(self) -> bool:
        """Whether the load shedder heeds it, and no rollout."""
        return self.alarm.name.startswith(CAPACITY_ALARM_PREFIX)

    @property
    def then(self) -> str:
        """What follows when it is red."""
        return SHEDS if self.is_of_capacity else THEN[self.effect]

    @property
    def window_s(self) -> int:
        """How long harm must last to fill what the alarm needs."""
        return self.alarm.period_s * self.alarm.threshold.datapoints_to_alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quiet:
    """What turned red, by harm, where a rollback alarm must not.

    Attributes:
        quiet: Under no harm, and under harm to stable alone.
        shared: Under harm to both versions that begins with a change of share.
    """

    quiet: Mapping[Harm, Mapping[str, int]]
    shared: Mapping[Harm, frozenset[str]]


class _Trial:
    """One stack's alarms, tried in one world for each harm."""

    def __init__(self, stack: str, around: Surroundings, wiring: Wiring) -> None:
        self._stack, self._around, self._wiring = stack, around, wiring
        self.findings: list[Finding] = []
        self.proofs: list[Proof] = []

    @classmethod
    def of(cls, stack: str, resources: Sequence[Resource], wiring: Wiring) -> "_Trial":
        """Try a stack's alarms."""
        mine = [resource for resource in resources if resource.stack == stack]
        served = _served(mine)
        queues = tuple(r.ref for r in mine if r.kind == "AWS::SQS::Queue")
        watched = () if served else tuple(_watched(resources))
        trial = cls(stack, Surroundings(served=served, queues=queues, watched=watched), wiring)
        subjects = list(trial.subjects(mine))
        if served is not None and not any(s.effect is AlarmEffect.ROLL_BACK for s in subjects):
            trial.note(
                f"model {served.desired.model}",
                Break(
                    problem="no alarm rolls its release back",
                    mend="add ReleaseAlarms to its stack",
                ),
            )
        trial.judge(subjects)
        return trial

    def note(self, alarm: str, fault: Break) -> None:
        """Add a finding."""
        self.findings.append(
            Finding(stack=self._stack, alarm=alarm, problem=fault.problem, mend=fault.mend)
        )

    def subjects(self, resources: Sequence[Resource]) -> Iterator[_Subject]:
        """Yield the stack's alarms; note those that CloudWatch would refuse."""
        for resource in resources:
            if resource.kind != "AWS::CloudWatch::Alarm":
                continue
            try:
                alarm = Alarm.from_properties(
                    resource.properties, name=resource.ref, arn=resource.arn
                )
            except AlarmSettingsError as error:
                self.note(
                    resource.ref, Break(problem=str(error), mend="write what CloudWatch takes")
                )
                continue
            yield _Subject(alarm=alarm, text=read_alarm_text(alarm.description))

    def judge(self, subjects: Sequence[_Subject]) -> None:
        """Plant every harm and say what each alarm did."""
        if not subjects:
            return
        alarms = [subject.alarm for subject in subjects]
        # Steady harm shows its whole effect once every window is full; a longer bake adds nothing.
        filled_s = max(subject.window_s for subject in subjects) + MARGIN_S
        if self._around.served is None:
            filled_s = PATIENCE_S
        lasts_s = min(self._bake_s, filled_s)
        harms = (*VERSION_HARMS, *OTHER_HARMS) if self._around.served else OTHER_HARMS
        fired = {harm: self._red(alarms, lasts_s, candidate=harm) for harm in harms}
        quiet = {NONE: self._red(alarms, lasts_s)}
        if self._around.served:
            quiet |= {h: self._red(alarms, lasts_s, stable=h) for h in VERSION_HARMS}
        shared = {h: self._shared(alarms, lasts_s, h) for h in self._shared_harms}
        for subject in subjects:
            self._one(subject, fired, _Quiet(quiet=quiet, shared=shared), lasts_s)
        self._cover(subjects, fired)

    @property
    def _share(self) -> float:
        return self._around.served.share if self._around.served else 0.0

    @property
    def _shared_harms(self) -> tuple[Harm, ...]:
        """What may befall both versions at once; with all traffic there is no other."""
        return VERSION_HARMS if 0 < self._share < 1 else ()

    def _red(
        self,
        alarms: Sequence[Alarm],
        seconds: int,
        *,
        candidate: Harm = NONE,
        stable: Harm = NONE,
    ) -> dict[str, int]:
        """Return the seconds after which each alarm turned red."""
        world, begun = self._world(alarms, seconds, candidate=candidate, stable=stable)
        return {name: int((at - begun).total_seconds()) for name, at in world.red.items()}

    def _shared(self, alarms: Sequence[Alarm], seconds: int, harm: Harm) -> frozenset[str]:
        """Return what turns red when harm befalls both versions, as the candidate gets a share."""
        world = World(alarms, self._around, share=0.0)
        world.passes(seconds + OFF_THE_MINUTE_S)
        world.shifts(self._share)
        world.passes(seconds, candidate=harm, stable=harm)
        return frozenset(world.red)

    def _world(
        self,
        alarms: Sequence[Alarm],
        seconds: int,
        *,
        candidate: Harm = NONE,
        stable: Harm = NONE,
    ) -> tuple[World, datetime]:
        """Let harm last; return the world and when the harm began."""
        world = World(alarms, self._around, share=self._share)
        around = candidate if candidate in OTHER_HARMS else NONE
        if self._around.served is None:
            world.settles(PATIENCE_S)  # what watches the controller has watched it for long
        begun = world.now
        hit = NONE if around is not NONE else candidate
        world.passes(seconds, candidate=hit, stable=stable, around=around)
        return world, begun

    def _one(
        self,
        subject: _Subject,
        fired: Mapping[Harm, Mapping[str, int]],
        quiet: _Quiet,
        lasts_s: int,
    ) -> None:
        name = subject.alarm.name
        firings = [
            Firing(harm=harm.says, after_s=red[name]) for harm, red in fired.items() if name in red
        ]
        false = [harm for harm, red in quiet.quiet.items() if name in red]
        blamed = [harm for harm, red in quiet.shared.items() if name in red]
        fires = tuple(sorted(firings, key=lambda firing: firing.after_s))
        self.proofs.append(Proof(stack=self._stack, alarm=name, fires=fires, then=subject.then))
        faults = [*self._name_faults(subject), *self._delivery_faults(subject)]
        metrics = list(metric_faults(subject.alarm, self._emitted))
        if metrics:
            faults += metrics
        elif false and (subject.effect is AlarmEffect.ROLL_BACK or NONE in false):
            faults.append(_false_alarm(false[0]))
        elif blamed and subject.effect is AlarmEffect.ROLL_BACK:
            faults.append(_blames(blamed[0]))
        elif subject.window_s > self._bake_s:
            faults.append(_too_slow(subject, self._bake_s))
        elif not firings:
            faults.append(self._dead(subject, fired, lasts_s))
        for fault in faults:
            self.note(name, fault)

    @property
    def _bake_s(self) -> int:
        return self._around.served.bake_s if self._around.served else PATIENCE_S

    @cached_property
    def _emitted(self) -> tuple[MetricId, ...]:
        """Everything that is published once everything has happened."""
        world = World((), self._around, share=self._share)
        for harm in (NONE, *VERSION_HARMS):
            world.passes(60, candidate=harm)
        for harm in OTHER_HARMS:
            world.passes(60, around=harm)
        return tuple(world.store)

    def _name_faults(self, subject: _Subject) -> Iterator[Break]:
        served, text = self._around.served, subject.text
        if served is None or subject.is_of_capacity:
            return
        if text is None:
            yield Break(
                problem="its description does not say what red means for a rollout",
                mend="write it with falaj.domain.alarm_text",
            )
            return
        if text.model != served.desired.model:
            yield Break(
                problem=f"it speaks of model {text.model!r} in the stack of "
                f"{served.desired.model!r}",
                mend="name the stack's own model",
            )
        if text.effect is AlarmEffect.ROLL_BACK and text.version != served.desired.release:
            yield Break(
                problem=f"it rolls back version {text.version or 'none'!s}, but this stack "
                "publishes another",
                mend="take the version from the AWS::Lambda::Version of this stack",
            )

    def _delivery_faults(self, subject: _Subject) -> Iterator[Break]:
        if subject.is_of_capacity:
            yield from self._wiring.breaks_to_shedder(subject.alarm)
            return
        if subject.text is not None:
            if not subject.alarm.name.startswith(ALARM_PREFIX):
                yield Break(
                    problem=f"its name does not begin with {ALARM_PREFIX!r}, and the controller "
                    "reads no other alarms",
                    mend=f"name it {ALARM_PREFIX}…",
                )
            yield from self._wiring.breaks(subject.alarm)
        if subject.effect in {None, AlarmEffect.FREEZE} and not subject.alarm.actions.get(
            AlarmState.ALARM
        ):
            yield Break(
                problem="it has no action: nobody is told", mend="add a topic to its actions"
            )

    def _dead(self, subject: _Subject, harms: Iterable[Harm], lasts_s: int) -> Break:
        """Say how near the alarm came."""
        alarm = subject.alarm
        seen: list[float] = []
        for harm in harms:
            world = self._world([alarm], lasts_s, candidate=harm)[0]
            seen += [
                point for point in alarm.datapoints(world.store, world.now) if point is not None
            ]
        threshold = alarm.threshold
        if not seen:
            return Break(
                problem="what it computes never has a value, whatever goes wrong",
                mend="fill what may be missing (FILL) and check its expression",
            )
        nearest = max(seen) if "Greater" in threshold.comparison else min(seen)
        return Break(
            problem=f"under total harm it reaches {nearest:g}, and its threshold is "
            f"{threshold.comparison} {threshold.value:g}",
            mend="set a threshold that total harm crosses",
        )

    def _cover(self, subjects: Sequence[_Subject], fired: Mapping[Harm, Mapping[str, int]]) -> None:
        """Note a harm that no rollback alarm sees."""
        served = self._around.served
        if served is None or self.findings:
            return
        names = {s.alarm.name for s in subjects if s.effect is AlarmEffect.ROLL_BACK}
        for harm in VERSION_HARMS:
            if not names & fired[harm].keys():
                self.note(
                    f"model {served.desired.model}",
                    Break(
                        problem=f"no alarm rolls back a candidate at share {served.share:g} of "
                        f"which {harm.says.removeprefix('its ')}",
                        mend="add to its stack the alarm of ReleaseAlarms that sees it",
                    ),
                )


def _false_alarm(harm: Harm) -> Break:
    if harm is NONE:
        return Break(
            problem="it is red though nothing is wrong", mend="set a threshold that health keeps"
        )
    return Break(
        problem=f"it blames the candidate when only stable is harmed ({harm.says})",
        mend="count the candidate alone: Release, or ExecutedVersion beside Resource",
    )


def _blames(harm: Harm) -> Break:
    return Break(
        problem="it blames the candidate for what befalls both versions as the share grows "
        f"({harm.says})",
        mend="compare with stable in the same window, and let two windows be red that are together "
        "no longer than the bake",
    )


def _too_slow(subject: _Subject, bake_s: int) -> Break:
    return Break(
        problem=f"it needs {subject.window_s} s of harm, but a step bakes {bake_s} s",
        mend="shorten its period or its datapoints, or lengthen release.bake",
    )


def _watched(resources: Sequence[Resource]) -> Iterator[str]:
    """Yield the models whose functions count what they are asked."""
    for resource in resources:
        if resource.kind == "AWS::Lambda::Function":
            variables = resource.properties.get("Environment", {}).get("Variables", {})
            if ENV_DRIFT in variables:
                yield variables[ENV_MODEL_NAME]


def _served(resources: Sequence[Resource]) -> Served | None:
    """Return the model whose desired release a stack writes."""
    for resource in resources:
        if resource.kind != "AWS::SSM::Parameter":
            continue
        name = str(resource.properties["Name"])
        if name.startswith(f"{MODELS_PARAMETER_ROOT}/") and name.endswith("/desired-release"):
            desired = DesiredRelease.from_dict(json.loads(resource.properties["Value"]))
            return Served(desired=desired, stable=STABLE)
    return None
