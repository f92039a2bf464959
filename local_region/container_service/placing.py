"""In which zone each task of a service runs."""

from collections import Counter
from collections.abc import Iterable

from local_region.container_service.machines import ANYWHERE
from local_region.container_service.outside import Outside
from local_region.container_service.task import Task
from local_region.container_service.task_definition import ServiceSettings


class Placing:
    """Zones of one service's tasks.

    Args:
        outside: Knows where there are machines, and tells where there are none.

    Attributes:
        has_no_machine: Whether the last task that was wanted found no zone with a machine.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._zones: dict[str, str] = {}
        self.has_no_machine = False

    def zones(self, tasks: Iterable[Task]) -> Counter[str]:
        """Count tasks by their zone."""
        return Counter(self.zone(task) for task in tasks)

    def zone(self, task: Task) -> str:
        """Return a task's zone."""
        return self._zones.get(task.id, ANYWHERE)

    def find(self, settings: ServiceSettings, running: Iterable[Task]) -> str | None:
        """Find a zone for one task more; None, and somebody is told, where no machine is left."""
        zone = self._outside.place(settings, list(self.zones(running).elements()))
        if zone is None and not self.has_no_machine:
            self._outside.tell("was unable to place a task: no zone that is left has a machine")
        self.has_no_machine = zone is None
        return zone

    def put(self, task: Task, zone: str) -> None:
        """Note where a task was started."""
        self._zones[task.id] = zone

    def forget(self, task: Task) -> None:
        """Forget a task that has ended."""
        self._zones.pop(task.id, None)
