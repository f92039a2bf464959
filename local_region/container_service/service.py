"""A service: as many tasks as are desired, the unhealthy and the dead replaced, no answer lost.

A release replaces another as its strategy says: task by task, or beside it with a growing share of
the requests, watched by alarms.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html and
    …/service-task-replacement (an unhealthy task is replaced first and stopped then, as far as
    maximumPercent lets); …/deployment-type-ecs.html (minimumHealthyPercent is rounded up,
    maximumPercent down). Read 2026-11-22.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from falaj.domain.clock import Clock
from local_region.container_service.choosing import (
    Judged,
    beyond,
    in_the_way,
    most_tasks,
    surplus,
)
from local_region.container_service.deployment import Deployment
from local_region.container_service.failures import Failures
from local_region.container_service.fleet import Fleet, Make
from local_region.container_service.outside import Outside
from local_region.container_service.placing import Placing
from local_region.container_service.releases import Releases
from local_region.container_service.strategy import Stage
from local_region.container_service.target_group import Target, TargetGroup
from local_region.container_service.task import Task
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition


class Service:
    """The scheduler of one service.

    Args:
        settings: What is wanted.
        definitions: Task definitions by ARN.
        groups: Target groups by ARN.
        make: Makes tasks.
        clock: Tells the time.
        rng: Source of task ids.
        outside: What it reaches beyond its tasks.

    Attributes:
        desired_count: How many tasks are wanted now; scaling changes it.
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
        outside: Outside | None = None,
    ) -> None:
        self.settings = settings
        self.desired_count = settings.desired_count
        self._clock = clock
        outside = outside or Outside()
        self._releases = Releases(outside, clock)
        self._fleet = Fleet(
            definitions=definitions,
            groups=groups,
            make=make,
            clock=clock,
            rng=rng,
            on_end=self._ended,
            on_gone=outside.on_gone,
        )
        self._fleet.grace_s = settings.grace_s
        self._placing = Placing(outside)
        self._failures = Failures()
        self._is_closed = False

    # ---------------------------------------------------------------- questions
    @property
    def tasks(self) -> list[Task]:
        """Tasks that have not stopped, oldest first."""
        return self._fleet.tasks

    @property
    def running(self) -> list[Task]:
        """Tasks that are not about to stop."""
        return self._fleet.running

    @property
    def healthy(self) -> list[Task]:
        """Tasks that answer, of the definition that is wanted or still has the requests."""
        shifting = self._releases.shifting
        serving = shifting.source if shifting else self.settings.task_definition_arn
        return self._healthy_of(serving)

    @property
    def deployment(self) -> Deployment | None:
        """What replaces a release now; None while nothing is watched."""
        return self._releases.deployment

    @property
    def failed(self) -> str:
        """Why the last deployment was given up; empty if it was not."""
        return self._releases.failed

    @property
    def is_deploying(self) -> bool:
        """Whether tasks of another definition still run, or not all of the wanted one are up."""
        return (
            self.deployment is not None
            or len(self.healthy) < self.desired_count
            or self.is_replacing
        )

    @property
    def is_replacing(self) -> bool:
        """Whether tasks of another definition than the wanted one still run."""
        return any(not self._is_wanted(task) for task in self.running)

    @property
    def is_baking(self) -> bool:
        """Whether all new tasks of a deployment have come up, and it is watched further."""
        return self.deployment is not None and self.deployment.stage is not Stage.SCALE_UP

    @property
    def is_failing(self) -> bool:
        """Whether so many tasks have ended before they answered that no further one is hoped for.

        Without a circuit breaker ECS goes on trying; nobody here waits hours for that.
        """
        return bool(self.failed) or self._failures.are_many

    @property
    def last_failure(self) -> str:
        """Why the last task ended that had never answered."""
        return self._failures.last

    @property
    def is_steady(self) -> bool:
        """Whether exactly what is wanted runs, and all of it answers."""
        return not self.is_deploying and len(self.tasks) == self.desired_count

    def zones(self) -> Counter[str]:
        """Count the tasks that answer by their zone."""
        return self._placing.zones(self.healthy)

    @property
    def has_no_machine(self) -> bool:
        """Whether the last task that was wanted found no zone with a machine."""
        return self._placing.has_no_machine

    def targets(self, task: Task) -> list[tuple[TargetGroup, Target]]:
        """Return a task's targets with their groups."""
        return self._fleet.targets(task)

    # ------------------------------------------------------------------ changes
    def change(self, settings: ServiceSettings) -> None:
        """Take new settings; another task definition begins a deployment."""
        if settings.task_definition_arn != self.settings.task_definition_arn:
            self._failures.forget()
            self._releases.begin(settings)
        self.settings = settings
        self._fleet.grace_s = settings.grace_s
        self._releases.is_on_alternate &= settings.strategy.is_shifting

    def scale(self, count: int) -> None:
        """Want another number of tasks."""
        self.desired_count = count
        self.reconcile()

    def stop_task(self, id_: str, reason: str) -> bool:
        """Stop one task, as StopTask does; the service starts another. False if there is none."""
        task = self._fleet.find(id_)
        if task is None:
            return False
        task.reason = reason
        self._fleet.retire(task)
        self.reconcile()
        return True

    def lose(self, zones: frozenset[str]) -> int:
        """Let the tasks of some zones end with their machines; return how many."""
        lost = [task for task in self.tasks if self._placing.zone(task) in zones]
        for task in lost:
            task.reason = "its availability zone was lost"
            task.kill()
        return len(lost)

    def reconcile(self) -> None:
        """Start what is missing and stop what is too much, as far as the percentages let."""
        if self._is_closed:
            return
        for task in self.running:
            task.has_served = task.has_served or self._fleet.is_healthy(task)
        self._advance()
        self._releases.weigh(self.settings.registrations)
        if (shifting := self._releases.shifting) is not None:
            self._keep_both(shifting)
            return
        if len(self.healthy) >= self.desired_count and self.desired_count:
            self._failures.forget()
            if self.deployment is None:
                self._releases.last_good = self.settings.task_definition_arn
        self._start_missing()
        self._stop_surplus()

    async def close(self) -> None:
        """End every task at once."""
        self._is_closed = True
        self._fleet.kill()
        await self._fleet.ended()

    async def drain(self) -> None:
        """Stop every task, each after its last answer."""
        self._releases.deployment = None
        self.desired_count = 0
        self.reconcile()
        await self._fleet.ended()

    # -------------------------------------------------------------- deployments
    def _advance(self) -> None:
        deployment = self.deployment
        if deployment is None:
            return
        reason = self._releases.advance(
            is_up=self._is_up(deployment),
            failure=self.last_failure if self._has_given_up(deployment) else "",
        )
        if reason:
            self._go_back(reason)

    def _is_up(self, deployment: Deployment) -> bool:
        enough = len(self._healthy_of(deployment.target)) >= self.desired_count
        return enough and (deployment.strategy.is_shifting or not self.is_replacing)

    def _has_given_up(self, deployment: Deployment) -> bool:
        """Whether new tasks that stand beside the old do not live.

        ECS's circuit breaker is for rolling deployments only; others run into CloudFormation's
        limit of 36 hours, which nobody waits for here.
        """
        return deployment.strategy.is_shifting and self._failures.are_many

    def _go_back(self, reason: str) -> None:
        """Bring the last completed deployment back."""
        self._releases.give_up(reason)
        self.settings = replace(self.settings, task_definition_arn=self._releases.last_good)
        self._failures.forget()

    def _keep_both(self, deployment: Deployment) -> None:
        """Keep as many old tasks as new ones, each in groups of their own."""
        for task in self.running:
            if task.definition.arn not in {deployment.source, deployment.target}:
                self._fleet.retire(task)
        for arn in (deployment.source, deployment.target):
            self._keep(arn)

    def _keep(self, definition_arn: str) -> None:
        """Keep as many tasks of one definition as are desired."""
        tasks = [task for task in self.running if task.definition.arn == definition_arn]
        good = [task for task in tasks if not self._fleet.is_unhealthy(task)]
        for _ in range(0 if self._is_waiting else self.desired_count - len(good)):
            self._start(definition_arn)
        if len(self._healthy_of(definition_arn)) < self.desired_count:
            return
        for task in beyond(self._judged(tasks), self.desired_count):
            self._fleet.retire(task)

    # ----------------------------------------------------------- task by task
    @property
    def _is_waiting(self) -> bool:
        return self._failures.is_waiting(self._clock.now())

    def _start_missing(self) -> None:
        good = [t for t in self.running if self._is_wanted(t) and not self._fleet.is_unhealthy(t)]
        if self._is_waiting or not self.settings.is_runnable:
            return
        room = most_tasks(self.settings, self.desired_count) - len(self.running)
        if room <= 0 and len(good) < self.desired_count:
            gone = in_the_way(self._judged(self.running), self.settings, self.desired_count)
            for task in gone:
                self._fleet.retire(task)
            room = len(gone)
        for _ in range(min(room, self.desired_count - len(good))):
            self._start(self.settings.task_definition_arn)

    def _stop_surplus(self) -> None:
        if len(self.running) <= self.desired_count:
            return
        is_enough = len(self.healthy) >= self.desired_count
        for task in surplus(self._judged(self.running), self.desired_count, is_enough=is_enough):
            self._fleet.retire(task)

    def _judged(self, tasks: Sequence[Task]) -> list[Judged]:
        fleet = self._fleet
        return [
            Judged(
                task,
                is_wanted=self._is_wanted(task),
                is_unhealthy=fleet.is_unhealthy(task),
                is_healthy=fleet.is_healthy(task),
                is_protected=fleet.is_protected(task),
                age_order=fleet.age_order(task),
            )
            for task in tasks
        ]

    # ------------------------------------------------------------------ private
    def _start(self, definition_arn: str) -> None:
        deployment = self.deployment
        is_new = deployment is not None and definition_arn == deployment.target
        is_beside = is_new and self.settings.strategy.is_shifting
        side = self._releases.is_on_alternate ^ is_beside
        zone = self._placing.find(self.settings, self.running)
        if zone is None:
            return
        places = [each.place(is_alternate=side) for each in self.settings.registrations]
        self._placing.put(self._fleet.start(definition_arn, places), zone)

    def _ended(self, task: Task, is_unasked: bool) -> None:  # noqa: FBT001 - as the fleet tells it
        self._placing.forget(task)
        if is_unasked and not task.has_served:
            self._note_failure(task)
        self.reconcile()

    def _note_failure(self, task: Task) -> None:
        self._failures.note(task.reason, self._clock.now())
        has_tripped = self._failures.trips(self.desired_count)
        if self._releases.shifting is not None or not self.settings.has_breaker or not has_tripped:
            return
        good = self._releases.last_good
        if self.settings.rolls_back and good and good != self.settings.task_definition_arn:
            self._go_back(task.reason)
        else:
            self._releases.give_up(task.reason)
            self._failures.stop(self._clock.now())

    def _healthy_of(self, definition_arn: str) -> list[Task]:
        of_it = (task for task in self.running if task.definition.arn == definition_arn)
        return [task for task in of_it if self._fleet.is_healthy(task)]

    def _is_wanted(self, task: Task) -> bool:
        return task.definition.arn == self.settings.task_definition_arn
