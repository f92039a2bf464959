"""A service: as many tasks as are desired, the unhealthy and the dead replaced, no answer lost.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html and
    …/service-task-replacement (an unhealthy task is replaced first and stopped then, as far as
    maximumPercent lets); …/deployment-type-ecs.html (minimumHealthyPercent is rounded up,
    maximumPercent down); …/deployment-circuit-breaker.html (half the desired count of failures, at
    least 3 and at most 200, ends a deployment). On a stop, targets are deregistered before SIGTERM
    is sent: task-lifecycle-explanation.html (DEACTIVATING). Read 2026-11-22.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from falaj.domain.clock import Clock
from local_region.container_service.target_group import Address, Target, TargetGroup
from local_region.container_service.target_health import HealthState
from local_region.container_service.task import Task, TaskState
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition

_FEWEST_FAILURES, _MOST_FAILURES = 3, 200
_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 60.0
"""Between starts of tasks that do not live; ECS's own grows to minutes."""
_LOOK_S: Final = 0.02

Make = Callable[[str, TaskDefinition], Task]
"""Makes a task of an id and a definition."""

Gone = Callable[[Sequence[Address]], Awaitable[None]]
"""Told where a task that has ended used to listen."""


async def nothing(_: Sequence[Address]) -> None:
    """Do nothing about a task that has ended."""


class Service:
    """The scheduler of one service.

    Args:
        settings: What is wanted.
        definitions: Task definitions by ARN.
        groups: Target groups by ARN.
        make: Makes tasks.
        clock: Tells the time.
        rng: Source of task ids.
        on_gone: Told of the addresses of each task that has ended.

    Attributes:
        desired_count: How many tasks are wanted now; scaling changes it.
        last_failure: Why the last task ended that had never answered.
        failed: Why the present deployment was given up; empty while it was not.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        definitions: Mapping[str, TaskDefinition],
        groups: Mapping[str, TargetGroup],
        make: Make,
        clock: Clock,
        rng: random.Random,
        on_gone: Gone = nothing,
    ) -> None:
        self.settings = settings
        self.desired_count = settings.desired_count
        self.failed = ""
        self.last_failure = ""
        self._definitions, self._groups = definitions, groups
        self._make, self._clock, self._rng, self._on_gone = make, clock, rng, on_gone
        self._tasks: dict[str, Task] = {}
        self._started: dict[str, datetime] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._unfit: set[str] = set()
        self._failures = 0
        self._not_before: datetime | None = None
        self._last_good = ""
        self._is_closed = False

    # ---------------------------------------------------------------- questions
    @property
    def tasks(self) -> list[Task]:
        """Tasks that have not stopped, oldest first."""
        return list(self._tasks.values())

    @property
    def running(self) -> list[Task]:
        """Tasks that are not about to stop."""
        return [t for t in self.tasks if t.state in {TaskState.PENDING, TaskState.RUNNING}]

    @property
    def healthy(self) -> list[Task]:
        """Tasks of the wanted definition that answer."""
        return [t for t in self.running if self._is_wanted(t) and self._is_healthy(t)]

    @property
    def is_deploying(self) -> bool:
        """Whether tasks of another definition still run, or not all of the wanted one are up."""
        return len(self.healthy) < self.desired_count or self.is_replacing

    @property
    def is_replacing(self) -> bool:
        """Whether tasks of another definition than the wanted one still run."""
        return any(not self._is_wanted(task) for task in self.running)

    @property
    def is_failing(self) -> bool:
        """Whether so many tasks have ended before they answered that no further one is hoped for.

        Without a circuit breaker ECS goes on trying; nobody here waits hours for that.
        """
        return bool(self.failed) or self._failures >= _FEWEST_FAILURES

    @property
    def is_steady(self) -> bool:
        """Whether exactly what is wanted runs, and all of it answers."""
        return not self.is_deploying and len(self.tasks) == self.desired_count

    def targets(self, task: Task) -> list[tuple[TargetGroup, Target]]:
        """Return a task's targets with their groups."""
        found = [(self._groups[r.group_arn], task.id) for r in self.settings.registrations]
        return [(group, group.targets[id_]) for group, id_ in found if id_ in group.targets]

    # ------------------------------------------------------------------ changes
    def change(self, settings: ServiceSettings) -> None:
        """Take new settings; another task definition begins a deployment."""
        if settings.task_definition_arn != self.settings.task_definition_arn:
            self.failed, self._failures, self._not_before = "", 0, None
        self.settings = settings

    def scale(self, count: int) -> None:
        """Want another number of tasks."""
        self.desired_count = count
        self.reconcile()

    def stop_task(self, id_: str, reason: str) -> bool:
        """Stop one task, as StopTask does; the service starts another. False if there is none."""
        task = self._tasks.get(id_)
        if task is None:
            return False
        task.reason = reason
        self._retire(task)
        self.reconcile()
        return True

    def reconcile(self) -> None:
        """Start what is missing and stop what is too much, as far as the percentages let."""
        if self._is_closed:
            return
        for task in self.running:
            task.has_served = task.has_served or self._is_healthy(task)
        if len(self.healthy) >= self.desired_count and self.desired_count:
            self._last_good = self.settings.task_definition_arn
            self._failures, self._not_before = 0, None
        self._start_missing()
        self._stop_surplus()

    async def close(self) -> None:
        """End every task at once."""
        self._is_closed = True
        for task in self.tasks:
            task.kill()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def drain(self) -> None:
        """Stop every task, each after its last answer."""
        self.desired_count = 0
        self.reconcile()
        await asyncio.gather(*self._running, return_exceptions=True)

    # ------------------------------------------------------------------ private
    def _start_missing(self) -> None:
        most = max(
            math.floor(self.desired_count * self.settings.maximum_percent / 100), self.desired_count
        )
        good = [t for t in self.running if self._is_wanted(t) and not self._is_unhealthy(t)]
        now = self._clock.now()
        is_waiting = self._not_before is not None and now < self._not_before
        if is_waiting or not self.settings.is_runnable:
            return
        room = most - len(self.running)
        if room <= 0 and len(good) < self.desired_count:
            room = self._make_room()
        for _ in range(min(room, self.desired_count - len(good))):
            self._start(now)

    def _make_room(self) -> int:
        """Stop what does not count, where nothing can be started beside it."""
        least = math.ceil(self.desired_count * self.settings.minimum_healthy_percent / 100)
        unhealthy = [t for t in self.running if self._is_unhealthy(t)]
        healthy = [t for t in self.running if not self._is_unhealthy(t)]
        old = [t for t in healthy if not self._is_wanted(t) and not self._is_protected(t)]
        gone = unhealthy + old[: max(0, len(healthy) - least)]
        for task in gone:
            self._retire(task)
        return len(gone)

    def _stop_surplus(self) -> None:
        surplus = len(self.running) - self.desired_count
        if surplus <= 0:
            return
        enough = len(self.healthy) >= self.desired_count
        order = sorted(self.running, key=self._worth)
        for task in [task for task in order if not self._is_protected(task)][:surplus]:
            if enough or (self._is_wanted(task) and not self._is_unhealthy(task)):
                self._retire(task)

    def _worth(self, task: Task) -> tuple[bool, bool, bool, float]:
        """Who stays: the wanted, the not unhealthy, the healthy, the old; lowest goes first."""
        return (
            self._is_wanted(task),
            not self._is_unhealthy(task),
            self._is_healthy(task),
            -self._started[task.id].timestamp(),
        )

    def _start(self, now: datetime) -> None:
        id_ = f"{self._rng.getrandbits(128):032x}"
        task = self._make(id_, self._definitions[self.settings.task_definition_arn])
        self._tasks[id_], self._started[id_] = task, now
        for registration in self.settings.registrations:
            place = (registration.container, registration.port)
            target = Target(id_, lambda place=place: task.address(*place))  # type: ignore[misc]
            self._groups[registration.group_arn].register(target)
        self._follow(self._live(task))

    async def _live(self, task: Task) -> None:
        await task.run()
        addresses = [t.address for _, t in self.targets(task)]
        for registration in self.settings.registrations:
            self._groups[registration.group_arn].remove(task.id)
        del self._tasks[task.id]
        is_asked_to = self._started.pop(task.id, None) is None and task.id not in self._unfit
        self._unfit.discard(task.id)
        if not is_asked_to and not task.has_served:
            self._note_failure(task)
        self.reconcile()
        await self._on_gone([address for address in addresses if address is not None])
        task.clear()

    def _note_failure(self, task: Task) -> None:
        self._failures += 1
        self.last_failure = task.reason
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (self._failures - 1))
        self._not_before = self._clock.now() + timedelta(seconds=delay_s)
        most = min(_MOST_FAILURES, max(_FEWEST_FAILURES, math.ceil(self.desired_count / 2)))
        if not self.settings.has_breaker or self._failures < most:
            return
        self.failed = task.reason
        good = self._last_good
        if self.settings.rolls_back and good and good != self.settings.task_definition_arn:
            self.settings = replace(self.settings, task_definition_arn=good)
            self._failures, self._not_before = 0, None
        else:
            self._not_before = datetime.max.replace(tzinfo=self._clock.now().tzinfo)

    def _retire(self, task: Task) -> None:
        """Stop a task once its targets have answered what they were asked."""
        if self._is_unhealthy(task):
            self._unfit.add(task.id)
            task.reason = task.reason or "it failed its health checks"
        task.state = TaskState.DEACTIVATING
        self._started.pop(task.id, None)
        for group, target in self.targets(task):
            group.deregister(target.id, self._clock.now())
        self._follow(self._retired(task))

    async def _retired(self, task: Task) -> None:
        groups = [group for group, _ in self.targets(task)]
        while not all(group.is_drained(task.id, self._clock.now()) for group in groups):
            if task.state is not TaskState.DEACTIVATING:
                return
            await asyncio.sleep(_LOOK_S)
        await task.stop()

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        running = asyncio.ensure_future(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def _is_protected(self, task: Task) -> bool:
        """Say whether neither scaling nor a deployment may take a task away now.

        Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html.
        """
        return task.protected_until is not None and self._clock.now() < task.protected_until

    def _is_wanted(self, task: Task) -> bool:
        return task.definition.arn == self.settings.task_definition_arn

    def _is_healthy(self, task: Task) -> bool:
        targets = self.targets(task)
        return task.state is TaskState.RUNNING and all(
            target.health.state is HealthState.HEALTHY for _, target in targets
        )

    def _is_unhealthy(self, task: Task) -> bool:
        started = self._started.get(task.id)
        if started is None:
            return True
        if self._clock.now() < started + timedelta(seconds=self.settings.grace_s):
            return False
        return any(t.health.state is HealthState.UNHEALTHY for _, t in self.targets(task))
