"""What a service reaches beyond its tasks: alarms, weights, places, and who is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local_region.container_service.fleet import Gone, nothing
from local_region.container_service.machines import ANYWHERE
from local_region.container_service.task_definition import ServiceSettings


def anywhere(_: ServiceSettings, __: Sequence[str]) -> str:
    """Place a task wherever there is room."""
    return ANYWHERE


def unknown_alarms(_: str) -> bool:
    """Take every alarm for quiet."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a service reaches beyond its tasks.

    Attributes:
        is_in_alarm: Says whether an alarm is in ALARM.
        weigh: Sets how much each target group of a rule is asked.
        tell: Told what becomes of deployments, in a sentence.
        on_gone: Told of the addresses of each task that has ended.
        place: Says in which zone a service's next task runs, given the zones of its others; None
            where there is no machine.
    """

    is_in_alarm: Callable[[str], bool] = unknown_alarms
    weigh: Callable[[str, Mapping[str, int]], None] = lambda _rule, _weights: None
    tell: Callable[[str], None] = lambda _: None
    on_gone: Gone = nothing
    place: Callable[[ServiceSettings, Sequence[str]], str | None] = anywhere
