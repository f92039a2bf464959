"""Which tasks of a service stay and which go: choices among judged tasks, as the percentages let.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/service-task-replacement and
    …/deployment-type-ecs.html (minimumHealthyPercent is rounded up, maximumPercent down). Read
    2026-11-22.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from local_region.container_service.task import Task
from local_region.container_service.task_definition import ServiceSettings


class Judged(NamedTuple):
    """A task and what counts of it.

    Attributes:
        task: The task.
        is_wanted: Whether it is of the wanted definition.
        is_unhealthy: Whether it must be replaced.
        is_healthy: Whether it answers.
        is_protected: Whether nobody may take it away now.
        age_order: Sorts from the youngest to the oldest.
    """

    task: Task
    is_wanted: bool
    is_unhealthy: bool
    is_healthy: bool
    is_protected: bool
    age_order: float

    @property
    def worth(self) -> tuple[bool, bool, bool, float]:
        """Who stays: the wanted, the not unhealthy, the healthy, the old; lowest goes first."""
        return (self.is_wanted, not self.is_unhealthy, self.is_healthy, self.age_order)


def most_tasks(settings: ServiceSettings, desired: int) -> int:
    """Return how many tasks may run at once."""
    return max(math.floor(desired * settings.maximum_percent / 100), desired)


def in_the_way(running: Sequence[Judged], settings: ServiceSettings, desired: int) -> list[Task]:
    """Choose what does not count, where nothing can be started beside it."""
    least = math.ceil(desired * settings.minimum_healthy_percent / 100)
    unhealthy = [each.task for each in running if each.is_unhealthy]
    healthy = [each for each in running if not each.is_unhealthy]
    old = [each.task for each in healthy if not each.is_wanted and not each.is_protected]
    return unhealthy + old[: max(0, len(healthy) - least)]


def surplus(running: Sequence[Judged], desired: int, *, is_enough: bool) -> list[Task]:
    """Choose what is too much, the least worth first.

    Args:
        running: Tasks that are not about to stop.
        desired: How many are wanted.
        is_enough: Whether as many answer as are wanted; else only young ones of the wanted go.
    """
    free = [each for each in sorted(running, key=_worth) if not each.is_protected]
    gone = free[: max(0, len(running) - desired)]
    return [each.task for each in gone if is_enough or (each.is_wanted and not each.is_unhealthy)]


def beyond(running: Sequence[Judged], desired: int) -> list[Task]:
    """Choose what is too much of one definition, the least worth first."""
    gone = sorted(running, key=_worth)[: max(0, len(running) - desired)]
    return [each.task for each in gone if not each.is_protected]


def _worth(each: Judged) -> tuple[bool, bool, bool, float]:
    return each.worth
