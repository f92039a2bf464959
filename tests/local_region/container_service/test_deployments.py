"""Promise: a release takes over as the template says, is rolled back by its alarms, loses nothing.

The first half plays the scheduler over a virtual clock with tasks that are none; the second runs
real containers.
"""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest

from local_region.clock import VirtualClock
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.container_service.outside import Outside
from local_region.container_service.service import Service
from local_region.container_service.strategy import Stage
from local_region.container_service.target_group import GroupSettings, TargetGroup
from local_region.container_service.task import TaskState
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition
from tests.local_region.container_service.conftest import definition, opened

ARN = "arn:aws:ecs:me-central-1:0:service/falaj/slow"
CANARY = {
    "Strategy": "CANARY",
    "BakeTimeInMinutes": 5,
    "CanaryConfiguration": {"CanaryPercent": 10, "CanaryBakeTimeInMinutes": 15},
    "Alarms": {"AlarmNames": ["bad"], "Enable": True, "Rollback": True},
}
LINEAR = {
    **CANARY,
    "Strategy": "LINEAR",
    "LinearConfiguration": {"StepPercent": 40, "StepBakeTimeInMinutes": 10},
}
ROLLING = {
    "BakeTimeInMinutes": 5,
    "Alarms": CANARY["Alarms"],
    "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
}


class IdleTask:
    """A task without a process: up at once, gone when it is told; or one that does not live."""

    def __init__(self, id_, definition, *, lives=True):
        self.id, self.definition = id_, definition
        self.state, self.reason, self.has_served = TaskState.PENDING, "", False
        self.protected_until = None
        self.pids = {}
        self._lives, self._over = lives, asyncio.Event()

    def address(self, container, port):
        """Nobody calls it."""
        del container, port

    async def run(self):
        """Run until it is told to stop."""
        if not self._lives:
            self.reason = "it broke"
            return
        self.state = TaskState.RUNNING
        await self._over.wait()

    async def stop(self):
        """Stop."""
        self._over.set()

    def kill(self):
        """End."""
        self._over.set()

    def clear(self):
        """Leave nothing."""


class Scheduler:
    """One service of idle tasks, its groups, its rule's weights, its alarms."""

    def __init__(self, configuration, count=2):
        self.clock, self.alarms, self.told = VirtualClock(), set(), []
        self.weights = {}
        self.groups = {
            name: TargetGroup(GroupSettings.from_properties({}, arn=name), random.Random(1))
            for name in ("blue", "green")
        }
        self.configuration, self.count = configuration, count
        empty = {"ContainerDefinitions": []}
        names = ("td:1", "td:2", "td:3", "td:bad")
        self.service = Service(
            self.settings("td:1"),
            definitions={n: TaskDefinition.from_properties(empty, arn=n) for n in names},
            groups=self.groups,
            make=lambda id_, what: IdleTask(id_, what, lives=what.arn != "td:bad"),
            clock=self.clock,
            rng=random.Random(2),
            outside=Outside(
                is_in_alarm=lambda name: name in self.alarms,
                weigh=lambda _, weights: self.weights.update(weights),
                tell=self.told.append,
            ),
        )

    def settings(self, task_definition):
        """What the template says of the service."""
        advanced = {"AlternateTargetGroupArn": "green", "ProductionListenerRule": "rule"}
        behind = {
            "ContainerName": "server",
            "ContainerPort": 8000,
            "TargetGroupArn": "blue",
            "AdvancedConfiguration": advanced,
        }
        properties = {
            "TaskDefinition": task_definition,
            "DesiredCount": self.count,
            "LoadBalancers": [behind],
            "DeploymentConfiguration": self.configuration,
        }
        return ServiceSettings.from_properties(properties, arn=ARN)

    async def release(self, task_definition):
        """Deploy a task definition."""
        self.service.change(self.settings(task_definition))
        await self.settle()

    async def settle(self):
        """Let tasks come up, pass their checks and go."""
        for _ in range(12):
            self.service.reconcile()
            await asyncio.sleep(0)
            for group in self.groups.values():
                for target in list(group.targets.values()):
                    group.checked(target.id, has_passed=True)
            retired = [t for t in self.service.tasks if t.state is TaskState.DEACTIVATING]
            for task in retired:
                await task.stop()
        self.service.reconcile()

    async def passed(self, minutes):
        """Let minutes go by."""
        for _ in range(minutes):
            self.clock.leap(self.clock.now() + timedelta(minutes=1))
            await self.settle()

    @property
    def share(self):
        """Percent of the requests by side."""
        return {name: weight / 10 for name, weight in self.weights.items()}

    @property
    def running(self):
        """How many tasks run, by definition."""
        return dict(Counter(task.definition.arn for task in self.service.running))


def play(story, configuration, **values):
    """Play a story on a loop of its own."""

    async def played():
        stage = Scheduler(configuration, **values)
        await stage.settle()
        assert stage.running == {"td:1": stage.count}
        await story(stage)
        await stage.service.close()

    asyncio.run(played())


def test_a_canary_gets_its_share_then_everything():
    """Both fleets stand whole; blue and green change places for the release after."""

    async def story(stage):
        await stage.release("td:2")
        assert stage.running == {"td:1": 2, "td:2": 2}
        assert stage.share == {"blue": 90, "green": 10}
        assert {t.id for t in stage.service.healthy} <= set(stage.groups["blue"].targets)
        await stage.passed(14)
        assert stage.share == {"blue": 90, "green": 10}
        await stage.passed(1)
        assert stage.share == {"blue": 0, "green": 100}
        assert stage.running == {"td:1": 2, "td:2": 2}
        await stage.passed(5)
        assert (stage.running, stage.service.deployment) == ({"td:2": 2}, None)
        assert stage.share == {"blue": 0, "green": 100}
        await stage.release("td:3")
        assert stage.share == {"green": 90, "blue": 10}
        await stage.passed(20)
        assert (stage.running, stage.share) == ({"td:3": 2}, {"green": 0, "blue": 100})

    play(story, CANARY)


def test_a_linear_release_grows_step_by_step():
    """40 %, 80 %, all: ten minutes each, then the bake time."""

    async def story(stage):
        await stage.release("td:2")
        seen = []
        for _ in range(5):
            seen.append(stage.share["green"])
            await stage.passed(5)
        assert seen == [40, 40, 80, 80, 100]
        assert stage.running == {"td:2": 2}

    play(story, LINEAR)


@pytest.mark.parametrize("minutes", [3, 17])
@pytest.mark.parametrize("configuration", [CANARY, LINEAR], ids=["canary", "linear"])
def test_an_alarm_puts_every_request_back(configuration, minutes):
    """At a share or while it bakes: the old fleet stood by, and answers again at once."""

    async def story(stage):
        await stage.release("td:2")
        await stage.passed(minutes)
        assert stage.share["green"] > 0
        stage.alarms.add("bad")
        stage.service.reconcile()
        assert stage.share == {"blue": 100, "green": 0}
        await stage.settle()
        assert (stage.running, stage.service.failed) == ({"td:1": 2}, "alarm bad went off")
        assert stage.told[-1] == "deployment of td:2 is rolled back: alarm bad went off"
        assert stage.service.settings.task_definition_arn == "td:1"

    play(story, configuration)


def test_after_a_rollback_the_mend_is_deployed_unwatched_while_it_rings():
    """ECS watches no alarm when one is in ALARM as a deployment begins: the fix must get out."""

    async def story(stage):
        await stage.release("td:2")
        stage.alarms.add("bad")
        await stage.settle()
        assert stage.running == {"td:1": 2}
        await stage.release("td:3")
        await stage.passed(20)
        assert (stage.running, stage.service.failed) == ({"td:3": 2}, "")

    play(story, CANARY)


def test_new_tasks_that_do_not_live_get_no_request():
    """Three that end before they answered, and the deployment is over; nothing was shifted."""

    async def story(stage):
        await stage.release("td:bad")
        for _ in range(10):
            assert stage.share == {"blue": 100, "green": 0}
            assert stage.running["td:1"] == 2
            await stage.passed(1)
        assert stage.service.failed == "it broke"
        assert stage.running == {"td:1": 2}

    play(story, CANARY)


def test_another_release_takes_the_place_of_one_under_way():
    """The old fleet keeps its requests, the first candidate goes, the second starts at nothing."""

    async def story(stage):
        await stage.release("td:2")
        await stage.passed(3)
        stage.service.change(stage.settings("td:3"))
        stage.service.reconcile()
        assert stage.share == {"blue": 100, "green": 0}
        await stage.settle()
        assert stage.running == {"td:1": 2, "td:3": 2}
        await stage.passed(20)
        assert stage.running == {"td:3": 2}

    play(story, CANARY)


def test_going_back_to_the_old_release_ends_the_deployment():
    """Who takes a change back while its canary runs has what was before, at once."""

    async def story(stage):
        await stage.release("td:2")
        await stage.release("td:1")
        assert (stage.running, stage.service.deployment) == ({"td:1": 2}, None)
        assert stage.share == {"blue": 100, "green": 0}

    play(story, CANARY)


def test_both_fleets_scale_while_a_canary_runs():
    """More load means more of both; a dead task of either is replaced in its own group."""

    async def story(stage):
        await stage.release("td:2")
        stage.service.scale(3)
        await stage.settle()
        assert stage.running == {"td:1": 3, "td:2": 3}
        victim = next(t for t in stage.service.running if t.definition.arn == "td:1")
        await victim.stop()
        await stage.settle()
        assert stage.running == {"td:1": 3, "td:2": 3}
        assert len(stage.groups["blue"].targets) == len(stage.groups["green"].targets) == 3
        stage.service.scale(1)
        await stage.settle()
        assert stage.running == {"td:1": 1, "td:2": 1}

    play(story, CANARY)


def test_a_rolling_release_bakes_under_its_alarms():
    """All tasks are new, and for the bake time an alarm still brings the old ones back."""

    async def story(stage):
        await stage.release("td:2")
        assert stage.running == {"td:2": 2}
        assert stage.service.deployment.stage is Stage.BAKE_TIME
        stage.alarms.add("bad")
        await stage.settle()
        assert stage.running == {"td:1": 2}
        stage.alarms.clear()
        await stage.release("td:3")
        await stage.passed(5)
        assert (stage.running, stage.service.deployment) == ({"td:3": 2}, None)
        stage.alarms.add("bad")
        await stage.passed(5)
        assert stage.running == {"td:3": 2}

    play(story, ROLLING)


def test_a_rolling_release_that_does_not_live_is_rolled_back():
    """The circuit breaker counts three failed starts; half of the fleet never went away."""

    async def story(stage):
        await stage.release("td:bad")
        for _ in range(10):
            await stage.passed(1)
            assert stage.running["td:1"] >= 1
        assert stage.service.failed == "it broke"
        assert (stage.running, stage.service.deployment) == ({"td:1": 2}, None)

    play(story, {**ROLLING, "MinimumHealthyPercent": 50})


def test_a_service_at_zero_deploys_without_tasks():
    """Nobody is there to be shifted; the next one to be woken is the new release."""

    async def story(stage):
        stage.service.scale(0)
        await stage.settle()
        await stage.release("td:2")
        await stage.passed(21)
        stage.service.scale(1)
        await stage.settle()
        assert stage.running == {"td:2": 1}

    play(story, CANARY)


def run(story, models):
    """Play a story with real containers, of which two are there."""

    async def played():
        async with opened(models) as fleet:
            for name in ("td:1", "td:2"):
                made = definition(models, arn=name, FALAJ_RELEASE=name)
                fleet.containers.definitions[name] = made
            fleet.put(DeploymentConfiguration=HALF, **GRACE)
            await fleet.steady()
            fleet.aws.client("cloudwatch").put_metric_alarm(**QUIET)
            await story(fleet)

    asyncio.run(played())


HALF = {
    **CANARY,
    "CanaryConfiguration": {"CanaryPercent": 50, "CanaryBakeTimeInMinutes": 15},
}
GRACE = {"HealthCheckGracePeriodSeconds": "600"}
QUIET = {
    "AlarmName": "bad",
    "Namespace": "Falaj",
    "MetricName": "Bad",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


async def deploy(fleet, name="td:2"):
    """Begin a canary under the load of three callers; return what ends them."""
    fleet.put(TaskDefinition=name, DeploymentConfiguration=HALF, **GRACE)
    done = asyncio.Event()

    async def one():
        while not done.is_set():
            await fleet.ask()

    working = [asyncio.ensure_future(one()) for _ in range(3)]

    async def over():
        done.set()
        await asyncio.gather(*working)

    return over


async def minutes(fleet, count):
    """Let minutes go by, with health checks of the real containers."""
    for _ in range(count):
        fleet.clock.leap(fleet.clock.now() + timedelta(minutes=1))
        await fleet.containers.tick()


async def of_both(fleet, releases):
    """Wait until both releases have answered since."""
    seen = len(fleet.releases)
    await fleet.until(lambda: set(fleet.releases[seen:]) >= releases)


def test_a_real_canary_takes_over_without_a_loss(model_folder):
    """Two real fleets under load: shares by the clock, both answer, then only the new one."""

    async def story(fleet):
        over = await deploy(fleet)
        assert set(fleet.releases) <= {"td:1"}
        await fleet.containers.until_up(fleet.service)
        assert fleet.service.is_baking
        await of_both(fleet, {"td:1", "td:2"})
        await minutes(fleet, 15)
        assert fleet.service.deployment.percent == 100
        (old,) = fleet.containers.balancing.groups["rest"].targets.values()
        await fleet.until(lambda: not old.outstanding)
        seen = len(fleet.releases)
        await fleet.until(lambda: len(fleet.releases) > seen + 5)
        assert set(fleet.releases[seen:]) == {"td:2"}
        await minutes(fleet, 5)
        await fleet.steady()
        await over()
        assert set(fleet.answers) == {200}
        assert [task.definition.arn for task in fleet.service.tasks] == ["td:2"]

    run(story, model_folder)


def test_a_real_alarm_takes_the_requests_from_a_canary(model_folder):
    """The alarm is CloudWatch's; not one request is lost on the way back, over both fleets."""

    async def story(fleet):
        over = await deploy(fleet)
        await fleet.containers.until_up(fleet.service)
        await of_both(fleet, {"td:1", "td:2"})
        fleet.cloudwatch.board.set_state("bad", AlarmState.ALARM, "for a test", fleet.clock.now())
        await fleet.containers.tick()
        assert "alarm bad went off" in fleet.service.failed
        await fleet.until(lambda: fleet.service.is_steady)
        seen = len(fleet.releases)
        await fleet.until(lambda: len(fleet.releases) > seen + 5)
        assert set(fleet.releases[seen:]) == {"td:1"}
        await over()
        assert set(fleet.answers) == {200}
        assert [task.definition.arn for task in fleet.service.tasks] == ["td:1"]

    run(story, model_folder)
