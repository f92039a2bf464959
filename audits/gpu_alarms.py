"""Proof that each alarm of a GPU service fires, and that ECS and scaling hear of it.

The new release stands in either fleet in turn, since AWS changes their roles with each release.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from audits.alarm_wiring import Break
from audits.findings import Finding, Firing, Proof
from audits.gpu_world import (
    IDLE,
    NONE,
    RELEASE_HARMS,
    STABLE_HARMS,
    GpuHarm,
    GpuServed,
    GpuWorld,
)
from audits.metric_faults import metric_faults
from audits.template_values import Resource
from falaj.contract import ENV_MODEL_NAME, ENV_RELEASE, HTTP_PORT
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm, AlarmSettingsError
from local_region.cloudwatch.metrics import MetricId

SERVICE: Final = "AWS::ECS::Service"
KINDS: Final = frozenset(
    {
        SERVICE,
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::ECS::TaskDefinition",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
    }
)
AT_WORK_S: Final = 120
"""How long a service is asked before nobody asks any more."""
MARGIN_S: Final = 120
ROLLING_SHARE: Final = 0.5
LONGEST_ANSWER_S: Final = 29.0
"""After that a caller of the API has gone."""


def has_service(resources: Sequence[Resource]) -> bool:
    """Whether these are a GPU service's."""
    return any(resource.kind == SERVICE for resource in resources)


def try_service(stack: str, resources: Sequence[Resource]) -> tuple[list[Proof], list[Finding]]:
    """Try the alarms of one service's stack.

    Args:
        stack: The stack's name.
        resources: Its resources of the kinds named here, and its alarms.
    """
    trial = _GpuTrial(stack, resources)
    trial.judge()
    return trial.proofs, trial.findings


class _GpuTrial:
    def __init__(self, stack: str, resources: Sequence[Resource]) -> None:
        self._stack, self._resources = stack, resources
        self.findings: list[Finding] = []
        self.proofs: list[Proof] = []
        self._alarms = {alarm.name: alarm for alarm in self._read()}
        self._service = self._of_kind(SERVICE)[0].properties
        self._served = self._read_service()
        configured = self._service["DeploymentConfiguration"].get("Alarms", {})
        is_on = configured.get("Enable") and configured.get("Rollback")
        self._named = list(configured.get("AlarmNames", [])) if is_on else []

    def judge(self) -> None:
        """Plant every harm and say what each alarm did."""
        for name in self._named:
            if name not in self._alarms:
                self._note(name, "ECS is to heed it, and there is no such alarm", "make it first")
        if not self._named:
            self._note(
                self._served.model, "no alarm takes its release back", "name GpuAlarms in Alarms"
            )
        # Steady harm shows its whole effect once every window is full.
        named = [self._alarms[name] for name in self._named if name in self._alarms]
        filled_s = max((_window_s(alarm) for alarm in named), default=0) + MARGIN_S
        lasts_s = min(self._served.bake_s, filled_s)
        fired = {harm: self._red_in_either_fleet(harm, lasts_s) for harm in RELEASE_HARMS}
        quiet = {NONE: self._red(lasts_s)}
        quiet |= {harm: self._red(lasts_s, old=harm) for harm in STABLE_HARMS}
        idle = self._idle()
        emitted = self._emitted()
        for alarm in self._alarms.values():
            faults = list(metric_faults(alarm, emitted))
            if alarm.name in self._named:
                faults += self._rollback_faults(alarm, fired, quiet)
                self._prove(alarm, fired, "ECS takes the release back")
            else:
                faults += self._scaling_faults(alarm, idle)
                self._prove(alarm, {IDLE: idle}, "scaling takes replicas away")
            self.findings += [_finding(self._stack, alarm.name, fault) for fault in faults]
        self._cover(fired)
        self._scaling_metrics(emitted)

    def _rollback_faults(
        self,
        alarm: Alarm,
        fired: Mapping[GpuHarm, Mapping[str, int]],
        quiet: Mapping[GpuHarm, Mapping[str, int]],
    ) -> Iterator[Break]:
        false = [harm for harm, red in quiet.items() if alarm.name in red]
        window_s = _window_s(alarm)
        if false:
            yield Break(
                problem="it takes the new release back for what befalls the other "
                f"({false[0].says})",
                mend="take off what the other release says of itself",
            )
        elif window_s > self._served.bake_s:
            yield Break(
                problem=f"it needs {window_s} s of harm, and a share is watched "
                f"{self._served.bake_s} s",
                mend="shorten its datapoints, or lengthen release.bake",
            )
        elif not any(alarm.name in red for red in fired.values()):
            yield Break(
                problem="no harm turns it red", mend="set a threshold that total harm crosses"
            )

    def _scaling_faults(self, alarm: Alarm, idle: Mapping[str, int]) -> Iterator[Break]:
        policies = {
            policy.ref for policy in self._of_kind("AWS::ApplicationAutoScaling::ScalingPolicy")
        }
        actions = alarm.actions.get(AlarmState.ALARM, ())
        if not set(actions) & policies:
            yield Break(
                problem="it moves no scaling policy of this stack", mend="name one in AlarmActions"
            )
        elif alarm.name not in idle and "surplus" not in alarm.name:
            yield Break(
                problem="it stays green though nobody asks", mend="count what callers ask for"
            )

    def _cover(self, fired: Mapping[GpuHarm, Mapping[str, int]]) -> None:
        for harm, red in fired.items():
            if self._named and not red.keys() & set(self._named):
                self._note(
                    self._served.model,
                    f"no alarm takes back a release of which {harm.says.removeprefix('its ')}",
                    "add the alarm of GpuAlarms that sees it",
                )

    def _scaling_metrics(self, emitted: Sequence[MetricId]) -> None:
        for policy in self._of_kind("AWS::ApplicationAutoScaling::ScalingPolicy"):
            tracked = policy.properties.get("TargetTrackingScalingPolicyConfiguration")
            if not tracked:
                continue
            spec = tracked["CustomizedMetricSpecification"]
            dimensions = {item["Name"]: item["Value"] for item in spec["Dimensions"]}
            metric = MetricId.of(spec["Namespace"], spec["MetricName"], dimensions)
            if metric not in emitted:
                self._note(
                    str(policy.properties["PolicyName"]),
                    f"it tracks {metric.name}, which no replica publishes so",
                    "track what the container tells (docs/reference/container.md)",
                )

    def _red_in_either_fleet(self, harm: GpuHarm, seconds: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for fleet in range(len(self._served.fleets)):
            for name, after_s in self._red(seconds, new=harm, new_fleet=fleet).items():
                found[name] = min(after_s, found.get(name, after_s))
        return found

    def _red(
        self, seconds: int, *, new: GpuHarm = NONE, old: GpuHarm = NONE, new_fleet: int = 0
    ) -> dict[str, int]:
        world = GpuWorld(self._alarms.values(), self._served, new_fleet=new_fleet)
        begun = world.now
        world.passes(seconds, new=new, old=old)
        return {name: int((at - begun).total_seconds()) for name, at in world.red.items()}

    def _idle(self) -> dict[str, int]:
        """Let everybody stop asking after a while of work."""
        world = GpuWorld(self._alarms.values(), self._served)
        world.passes(AT_WORK_S)
        world.red.clear()
        begun = world.now
        world.passes(self._longest_window_s + MARGIN_S, new=IDLE, old=IDLE)
        return {name: int((at - begun).total_seconds()) for name, at in world.red.items()}

    def _emitted(self) -> list[MetricId]:
        found: dict[MetricId, None] = {}
        for fleet in range(len(self._served.fleets)):
            world = GpuWorld((), self._served, new_fleet=fleet)
            for harm in (NONE, *RELEASE_HARMS):
                world.passes(60, new=harm)
            found |= dict.fromkeys(world.store)
        return list(found)

    @property
    def _longest_window_s(self) -> int:
        return max(
            (a.period_s * a.threshold.evaluation_periods for a in self._alarms.values()), default=0
        )

    def _read(self) -> Iterator[Alarm]:
        for resource in self._of_kind("AWS::CloudWatch::Alarm"):
            try:
                yield Alarm.from_properties(
                    resource.properties, name=resource.ref, arn=resource.arn
                )
            except AlarmSettingsError as error:
                self._note(resource.ref, str(error), "write what CloudWatch takes")

    def _read_service(self) -> GpuServed:
        containers = self._of_kind("AWS::ECS::TaskDefinition")[0].properties["ContainerDefinitions"]
        environment = {
            item["Name"]: item["Value"]
            for container in containers
            for item in container.get("Environment", [])
        }
        configuration = self._service["DeploymentConfiguration"]
        share, bake_minutes = _first_share(configuration)
        return GpuServed(
            model=environment[ENV_MODEL_NAME],
            release=environment[ENV_RELEASE],
            balancer=self._balancer(),
            fleets=tuple(
                f"{group.ref}.TargetGroupFullName"
                for group in self._of_kind("AWS::ElasticLoadBalancingV2::TargetGroup")
                if group.properties["Port"] == HTTP_PORT
            ),
            share=share,
            bake_s=60 * bake_minutes,
            timeout_s=LONGEST_ANSWER_S,
        )

    def _balancer(self) -> str:
        """Return the balancer that the alarms name: all the same, or the metric is nobody's."""
        for alarm in self._alarms.values():
            for query in alarm.queries:
                found = dict(query.metric.dimensions).get("LoadBalancer") if query.metric else None
                if found:
                    return found
        return ""

    def _of_kind(self, kind: str) -> list[Resource]:
        return [resource for resource in self._resources if resource.kind == kind]

    def _prove(self, alarm: Alarm, fired: Mapping[GpuHarm, Mapping[str, int]], then: str) -> None:
        firings = [
            Firing(harm=harm.says, after_s=red[alarm.name])
            for harm, red in fired.items()
            if alarm.name in red
        ]
        fires = tuple(sorted(firings, key=lambda firing: firing.after_s))
        self.proofs.append(Proof(stack=self._stack, alarm=alarm.name, fires=fires, then=then))

    def _note(self, alarm: str, problem: str, mend: str) -> None:
        self.findings.append(_finding(self._stack, alarm, Break(problem=problem, mend=mend)))


def _window_s(alarm: Alarm) -> int:
    """How long harm must last to fill what the alarm needs."""
    return alarm.period_s * alarm.threshold.datapoints_to_alarm


def _finding(stack: str, alarm: str, fault: Break) -> Finding:
    return Finding(stack=stack, alarm=alarm, problem=fault.problem, mend=fault.mend)


def _first_share(configuration: Mapping[str, Any]) -> tuple[float, int]:
    """Return the new release's first share and for how many minutes it is watched."""
    canary, linear = (configuration.get(f"{name}Configuration") for name in ("Canary", "Linear"))
    if canary:
        return canary["CanaryPercent"] / 100, int(canary["CanaryBakeTimeInMinutes"])
    if linear:
        return linear["StepPercent"] / 100, int(linear["StepBakeTimeInMinutes"])
    return ROLLING_SHARE, int(configuration["BakeTimeInMinutes"])
