"""Which zones have machines for a service, and in which of them its next task runs.

A task starts here as a process at once; only where its machine would be is reckoned: in a zone of
the service's subnets and of its capacity provider's Auto Scaling group, that offers one of the
group's instance types, and is not lost. Among these the one with the fewest of its tasks is taken.
Fargate has room in every zone of the service's subnets.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html ("best effort
    spread of tasks across Availability Zones") and …/service-event-messages-list.html ("was unable
    to place a task because no container instance met all of its requirements");
    docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html (when a zone is
    unavailable the group launches in the others). Read 2026-11-22.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from policies.region import FACTS_FILE

FARGATE = "FARGATE"
"""AWS's own capacity provider: it has room in every zone that a service names, and no machines.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html.
"""
ANYWHERE = ""
"""The zone of a task whose service says nothing of machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineGroup:
    """An Auto Scaling group.

    Attributes:
        subnets: Where it starts machines.
        types: Instance types it may start.
        most: Machines at once.
    """

    subnets: tuple[str, ...]
    types: tuple[str, ...]
    most: int


@cache
def offers() -> Mapping[str, tuple[str, ...]]:
    """Return the zones that offer each GPU instance type."""
    facts = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    return {kind: tuple(zones) for kind, zones in facts["gpu_by_az_id"].items()}


class Machines:
    """What the templates say of subnets, groups and capacity providers.

    Attributes:
        lost: Zones that are lost now.
    """

    def __init__(self) -> None:
        self.lost: frozenset[str] = frozenset()
        self._zones: dict[str, str] = {}
        self._groups: dict[str, MachineGroup] = {}
        self._providers: dict[str, str] = {}

    def put_subnet(self, subnet: str, zone: str) -> None:
        """Note the zone of a subnet."""
        self._zones[subnet] = zone

    def put_group(self, name: str, group: MachineGroup) -> None:
        """Note an Auto Scaling group."""
        self._groups[name] = group

    def put_provider(self, name: str, group: str) -> None:
        """Note whose machines a capacity provider hands out."""
        self._providers[name] = group

    def group_of(self, provider: str) -> MachineGroup | None:
        """Return the group behind a capacity provider."""
        return self._groups.get(self._providers.get(provider, ""))

    def capacity(self, provider: str, subnets: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the types that each zone of a service offers it, lost ones included."""
        if provider == FARGATE:
            return {self._zones[each]: (FARGATE,) for each in subnets if each in self._zones}
        group = self.group_of(provider)
        if group is None:
            return {}
        shared = [subnet for subnet in subnets if subnet in group.subnets]
        zones = dict.fromkeys(self._zones[subnet] for subnet in shared if subnet in self._zones)
        found = {
            zone: tuple(kind for kind in group.types if zone in offers().get(kind, ()))
            for zone in zones
        }
        return {zone: types for zone, types in found.items() if types}

    def place(self, provider: str, subnets: Sequence[str], taken: Sequence[str]) -> str | None:
        """Return the zone of a service's next task; None where there is no machine for it.

        Args:
            provider: Its capacity provider; a service without one is placed anywhere.
            subnets: Its subnets.
            taken: The zones of its tasks.
        """
        if provider != FARGATE and self.group_of(provider) is None:
            return ANYWHERE
        left = [zone for zone in self.capacity(provider, subnets) if zone not in self.lost]
        return min(left, key=taken.count, default=None)
