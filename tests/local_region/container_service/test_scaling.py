"""Promise: replicas follow queue time, GPUs and idleness as the template's alarms and policies say.

Time is virtual, metrics are put as replicas report them, the service is a count.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from local_region.cloudwatch.metrics import MetricId
from local_region.container_service.scaling import Scaling
from tests.local_region.container_service.alarmed import alarmed

SERVICE = "service/falaj/m"
MODEL = {"Model": "m"}
QUEUE, GPU = "QueueTime", "GpuUtilisation"


class Counted:
    """A service that is nothing but its number of tasks."""

    def __init__(self, count):
        self.desired_count, self.is_replacing = count, False

    def scale(self, count):
        """Want another number."""
        self.desired_count = count


class World:
    """A clock, alarms, a service and its policies."""

    def __init__(self, aws, cloudwatch, clock, count):
        self.service, self.clock, self.cloudwatch, self._aws = (
            Counted(count),
            clock,
            cloudwatch,
            aws,
        )
        self.scaling = Scaling(
            aws=aws,
            cloudwatch=cloudwatch,
            find=lambda resource_id: self.service if resource_id == SERVICE else None,
        )

    def track(self, metric, target, *, scales_in=True):
        """Follow a metric, as infra.constructs.gpu_scaling writes it."""
        self.scaling.put_policy(
            f"arn:{metric}",
            SERVICE,
            {
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": target,
                    "ScaleOutCooldown": 60,
                    "ScaleInCooldown": 300,
                    "DisableScaleIn": not scales_in,
                    "CustomizedMetricSpecification": {
                        "Namespace": "Falaj",
                        "MetricName": metric,
                        "Statistic": "Average",
                        "Dimensions": [{"Name": "Model", "Value": "m"}],
                    },
                }
            },
        )

    def step(self, kind, adjustment, alarm):
        """Step when an alarm goes off."""
        arn = f"arn:{kind}"
        step = {"MetricIntervalUpperBound": 0, "ScalingAdjustment": adjustment[1]}
        configuration = {
            "AdjustmentType": adjustment[0],
            "Cooldown": 300,
            "StepAdjustments": [step],
        }
        properties = {"StepScalingPolicyConfiguration": configuration}
        self.scaling.put_policy(arn, SERVICE, properties)
        self._aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"falaj-{kind}",
            ComparisonOperator="LessThanOrEqualToThreshold",
            AlarmActions=[arn],
            **alarm,
        )

    def minutes(self, count, values=None):
        """Let minutes go by in which every replica reports; return the counts seen.

        A value may depend on how many share the load.
        """
        seen = []
        for _ in range(count * 6):
            self.clock.leap(self.clock.now() + timedelta(seconds=10))
            for name, value in (values or {}).items():
                replicas = max(1, self.service.desired_count)
                reports = [value(replicas) if callable(value) else value] * replicas
                self.cloudwatch.store.put(
                    MetricId.of("Falaj", name, MODEL), reports, at=self.clock.now()
                )
            self.cloudwatch.evaluate_alarms()
            self.scaling.tick(self.clock.now())
            seen.append(self.service.desired_count)
        return seen


def shared(load):
    """A load that replicas share, up to the hundred percent that a gauge can show."""
    return lambda replicas: min(100, load / replicas)


def steps(seen):
    """Each number of replicas once, in order."""
    return list(dict.fromkeys(seen))


@contextmanager
def opened(count=1, *, least=1, most=4):
    """A world with a service of so many tasks."""
    with alarmed() as (clock, aws, cloudwatch):
        world = World(aws, cloudwatch, clock, count)
        world.scaling.put_target(SERVICE, minimum=least, maximum=most)
        yield world


def test_queue_time_brings_replicas_and_takes_them_away():
    """Three minutes at 2.5 times the target bring three; a quarter of an hour of none, one."""
    with opened() as world:
        world.track(QUEUE, 10)
        assert set(world.minutes(2, {QUEUE: shared(25)})) == {1}
        assert steps(world.minutes(10, {QUEUE: shared(25)})) == [1, 3]
        assert set(world.minutes(5, {QUEUE: 0})) == {3}
        assert world.minutes(16, {QUEUE: 0})[-1] == 1


def test_never_beyond_the_bounds():
    """A queue of a minute brings no more than there may be."""
    with opened(most=4) as world:
        world.track(QUEUE, 10)
        assert max(world.minutes(30, {QUEUE: 60_000})) == 4


def test_busy_gpus_bring_replicas_too():
    """The larger wish of both rules counts when scaling out."""
    with opened() as world:
        world.track(QUEUE, 10)
        world.track(GPU, 70)
        assert steps(world.minutes(10, {QUEUE: 1, GPU: shared(130)})) == [1, 2]


def test_scaling_in_needs_both_rules_to_agree():
    """Empty queues do not take a replica while the GPUs are busy; nor do idle GPUs alone."""
    with opened(3) as world:
        world.track(QUEUE, 10)
        world.track(GPU, 70)
        assert set(world.minutes(30, {QUEUE: 0, GPU: 68})) == {3}
        assert set(world.minutes(30, {QUEUE: 9.5, GPU: 10})) == {3}
        assert world.minutes(30, {QUEUE: 0, GPU: 10})[-1] == 1


def test_a_gpu_that_is_not_measured_keeps_its_replicas():
    """On a processor nobody reports utilisation: out by queue time, never in (fidelity table)."""
    with opened() as world:
        world.track(QUEUE, 10)
        world.track(GPU, 70)
        assert steps(world.minutes(10, {QUEUE: shared(25)})) == [1, 3]
        assert set(world.minutes(60, {QUEUE: 0})) == {3}


def test_no_replica_goes_while_a_release_replaces_another():
    """Application Auto Scaling scales out in a deployment, and in only after it."""
    with opened(3) as world:
        world.track(QUEUE, 10)
        world.service.is_replacing = True
        assert set(world.minutes(30, {QUEUE: 0})) == {3}
        assert world.minutes(5, {QUEUE: 20})[-1] == 4
        world.service.is_replacing = False
        assert world.minutes(30, {QUEUE: 0})[-1] == 1


IDLE = {
    "Threshold": 0.0,
    "EvaluationPeriods": 10,
    "DatapointsToAlarm": 10,
    "TreatMissingData": "breaching",
    "Namespace": "Falaj",
    "MetricName": "Asked",
    "Dimensions": [{"Name": "Model", "Value": "m"}],
    "Statistic": "Sum",
    "Period": 60,
}


@pytest.mark.parametrize("before", [1, 3])
def test_an_idle_service_goes_to_zero_and_stays_there(before):
    """Nobody asked for the whole idle time: none is kept, and tracking does not bring one back."""
    with opened(before, least=0) as world:
        world.track(QUEUE, 10, scales_in=False)
        world.minutes(12, {"Asked": 1})
        world.step("idle", ("ExactCapacity", 0), IDLE)
        assert set(world.minutes(8, {"Asked": 1})) == {before}
        seen = world.minutes(14)
        assert (seen[0], seen[-1]) == (before, 0)
        assert set(world.minutes(30)) == {0}


def test_who_wakes_a_service_keeps_it_awake():
    """The breaker sets one replica and counts who asks: the idle alarm clears before it acts."""
    with opened(1, least=0) as world:
        world.track(QUEUE, 10, scales_in=False)
        world.step("idle", ("ExactCapacity", 0), IDLE)
        assert world.minutes(14)[-1] == 0
        world.service.scale(1)
        assert set(world.minutes(20, {"Asked": 1, QUEUE: 1})) == {1}
        assert world.minutes(14)[-1] == 0
