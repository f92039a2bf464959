"""The tasks of one service: started, registered with their groups, retired, ended.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
    (DEACTIVATING: targets are deregistered before SIGTERM is sent). Read 2026-11-22.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from falaj.domain.clock import Clock
from local_region.background import begin
from local_region.container_service.target_group import Address, Target, TargetGroup
from local_region.container_service.target_health import HealthState
from local_region.container_service.task import Task, TaskState
from local_region.container_service.task_definition import Place, TaskDefinition

_LOOK_S: Final = 0.02

Make = Callable[[str, TaskDefinition], Task]
"""Makes a task of an id and a definition."""

Gone = Callable[[Sequence[Address]], Awaitable[None]]
"""Told where a task that has ended used to listen."""


async def nothing(_: Sequence[Address]) -> None:
    """Do nothing about a task that has ended."""


class Fleet:
    """Tasks, from their start to their end.

    Args:
        definitions: Task definitions by ARN.
        groups: Target groups by ARN.
        make: Makes tasks.
        clock: Tells the time.
        rng: Source of task ids.
        on_end: Told of each task that has ended, and whether nobody had asked it to.
        on_gone: Told of the addresses of each task that has ended.

    Attributes:
        grace_s: How long after its start a task's failed checks are passed over.
    """

    def __init__(
        self,
        *,
        definitions: Mapping[str, TaskDefinition],
        groups: Mapping[str, TargetGroup],
        make: Make,
        clock: Clock,
        rng: random.Random,
        on_end: Callable[[Task, bool], None],
        on_gone: Gone = nothing,
    ) -> None:
        self.grace_s = 0.0
        self._definitions, self._groups = definitions, groups
        self._make, self._clock, self._rng = make, clock, rng
        self._on_end, self._on_gone = on_end, on_gone
        self._tasks: dict[str, Task] = {}
        self._places: dict[str, tuple[Place, ...]] = {}
        self._started: dict[str, datetime] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._unfit: set[str] = set()

    # ---------------------------------------------------------------- questions
    @property
    def tasks(self) -> list[Task]:
        """Tasks that have not stopped, oldest first."""
        return list(self._tasks.values())

    @property
    def running(self) -> list[Task]:
        """Tasks that are not about to stop."""
        return [t for t in self.tasks if t.state in {TaskState.PENDING, TaskState.RUNNING}]

    def find(self, id_: str) -> Task | None:
        """Return a task that has not stopped."""
        return self._tasks.get(id_)

    def targets(self, task: Task) -> list[tuple[TargetGroup, Target]]:
        """Return a task's targets with their groups."""
        named = (self._groups.get(place.group_arn) for place in self._places.get(task.id, ()))
        return [
            (group, group.targets[task.id]) for group in named if group and task.id in group.targets
        ]

    def age_order(self, task: Task) -> float:
        """Return what sorts tasks from the youngest to the oldest."""
        return -self._started[task.id].timestamp()

    def is_protected(self, task: Task) -> bool:
        """Say whether neither scaling nor a deployment may take a task away now.

        Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html.
        """
        return task.protected_until is not None and self._clock.now() < task.protected_until

    def is_healthy(self, task: Task) -> bool:
        """Say whether a task runs and all its targets pass their checks."""
        return task.state is TaskState.RUNNING and all(
            target.health.state is HealthState.HEALTHY for _, target in self.targets(task)
        )

    def is_unhealthy(self, task: Task) -> bool:
        """Say whether a task must be replaced."""
        started = self._started.get(task.id)
        if started is None:
            return True
        if self._clock.now() < started + timedelta(seconds=self.grace_s):
            return False
        return any(t.health.state is HealthState.UNHEALTHY for _, t in self.targets(task))

    # ------------------------------------------------------------------ changes
    def start(self, definition_arn: str, places: Sequence[Place]) -> Task:
        """Start a task, register it where it will listen, and return it."""
        id_ = f"{self._rng.getrandbits(128):032x}"
        task = self._make(id_, self._definitions[definition_arn])
        self._tasks[id_], self._started[id_] = task, self._clock.now()
        self._places[id_] = tuple(places)
        for place in places:
            where = (place.container, place.port)
            target = Target(id_, lambda where=where: task.address(*where))  # type: ignore[misc]
            self._groups[place.group_arn].register(target)
        self._follow(self._live(task))
        return task

    def retire(self, task: Task) -> None:
        """Stop a task once its targets have answered what they were asked."""
        if self.is_unhealthy(task):
            self._unfit.add(task.id)
            task.reason = task.reason or "it failed its health checks"
        task.state = TaskState.DEACTIVATING
        self._started.pop(task.id, None)
        for group, target in self.targets(task):
            group.deregister(target.id, self._clock.now())
        self._follow(self._retired(task))

    def kill(self) -> None:
        """End every task at once."""
        for task in self.tasks:
            task.kill()

    async def ended(self) -> None:
        """Wait until every task that runs now has ended."""
        await asyncio.gather(*self._running, return_exceptions=True)

    # ------------------------------------------------------------------ private
    async def _live(self, task: Task) -> None:
        await task.run()
        addresses = [t.address for _, t in self.targets(task)]
        for group, _ in self.targets(task):
            group.remove(task.id)
        del self._tasks[task.id], self._places[task.id]
        is_asked_to = self._started.pop(task.id, None) is None and task.id not in self._unfit
        self._unfit.discard(task.id)
        self._on_end(task, not is_asked_to)
        await self._on_gone([address for address in addresses if address is not None])
        task.clear()

    async def _retired(self, task: Task) -> None:
        groups = [group for group, _ in self.targets(task)]
        while not all(group.is_drained(task.id, self._clock.now()) for group in groups):
            if task.state is not TaskState.DEACTIVATING:
                return
            await asyncio.sleep(_LOOK_S)
        await task.stop()

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        running = begin(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
