"""What a service of containers without a GPU is made of, by model.yaml's `compute.container`."""

from dataclasses import dataclass, field
from typing import Annotated, Final

from catalogue.service import Deployment, ServiceScaling
from catalogue.settings import Range, fault_if, refuse_unless_valid

MEMORY_GIB: Final[dict[int, range]] = {
    1: range(2, 9),
    2: range(4, 17),
    4: range(8, 31),
    8: range(16, 61, 4),
    16: range(32, 121, 8),
}
"""What Fargate gives beside so many vCPUs; of less than one, a run could be stopped in its midst.

Source: docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
(`memory`), read 2026-11-22.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerService:
    """How large the service's replicas are, how many there are, and how they are replaced."""

    vcpus: Annotated[int, Range(1, 16, "Fargate's"), "Processors of a replica: 1, 2, 4, 8, 16."] = 1
    memory_gib: Annotated[
        int,
        Range(2, 120, "Fargate's"),
        "Memory of a replica; how much there may be depends on vcpus.",
    ] = 2
    min_replicas: Annotated[int, Range(1, 100), "Replicas kept when nothing is asked."] = 1
    max_replicas: Annotated[int, Range(1, 100), "Most replicas."] = 2
    scaling: Annotated[ServiceScaling, "By what replicas follow the load."] = field(
        default_factory=ServiceScaling
    )
    deployment: Annotated[
        Deployment,
        "How ECS replaces a release: canary (auto too) and linear by release.steps and "
        "release.bake with two fleets, rolling with one.",
    ] = Deployment.AUTO

    def __post_init__(self) -> None:
        offered = MEMORY_GIB.get(self.vcpus)
        refuse_unless_valid(
            self,
            fault_if(
                offered is None,
                "vcpus",
                f"Fargate has no replica of {self.vcpus}; write one of "
                f"{', '.join(map(str, MEMORY_GIB))}",
            ),
            fault_if(
                offered is not None and self.memory_gib not in offered,
                "memory_gib",
                f"Fargate gives {_words(offered)} beside {self.vcpus} vCPU; write one of these",
            ),
            fault_if(
                self.min_replicas > self.max_replicas,
                "max_replicas",
                f"it is below min_replicas ({self.min_replicas}); raise it",
            ),
        )

    @property
    def executions(self) -> int:
        """Runs of the model at once in one replica: one, on all its processors."""
        return 1


def _words(offered: range | None) -> str:
    if not offered:
        return "nothing"
    step = f" in steps of {offered.step}" if offered.step > 1 else ""
    return f"{offered[0]} to {offered[-1]} GiB{step}"
