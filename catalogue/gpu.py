"""What a GPU service is made of, by model.yaml's `compute.gpu`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from catalogue.service import Deployment, ServiceScaling
from catalogue.settings import Range, fault_if, refuse_unless_valid


class GpuFamily(StrEnum):
    """Instance family; the region offers these."""

    AUTO = "auto"
    G6 = "g6"
    G5 = "g5"


class GpuSize(StrEnum):
    """Size of the instance, each with one GPU, which one replica takes.

    Source: docs.aws.amazon.com/ec2/latest/instancetypes/ac.html (g5 and g6: one GPU up to 8xlarge
    and in 16xlarge; four in 12xlarge and g5.24xlarge, eight in 48xlarge).
    """

    XLARGE = "xlarge"
    XLARGE2 = "2xlarge"
    XLARGE4 = "4xlarge"
    XLARGE8 = "8xlarge"
    XLARGE16 = "16xlarge"


class Provider(StrEnum):
    """An execution provider of the container."""

    TENSORRT = "tensorrt"
    CUDA = "cuda"
    CPU = "cpu"


class Precision(StrEnum):
    """What TensorRT computes in."""

    FP32 = "fp32"
    FP16 = "fp16"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInstances:
    """The machines that the service's replicas run on, and how many."""

    family: Annotated[GpuFamily, "Instance family; auto takes g6, and g5 where g6 is short."] = (
        GpuFamily.AUTO
    )
    size: Annotated[GpuSize, "Instance size; each has one GPU, and a replica takes it whole."] = (
        GpuSize.XLARGE
    )
    min_replicas: Annotated[int, Range(1, 100), "Replicas kept when nothing is asked."] = 1
    max_replicas: Annotated[int, Range(1, 100), "Most replicas."] = 2

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(
                self.min_replicas > self.max_replicas,
                "max_replicas",
                f"it is below min_replicas ({self.min_replicas}); raise it",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuScaling(ServiceScaling):
    """By what the number of replicas follows the load."""

    gpu_percent: Annotated[
        int, Range(10, 95), "Utilisation of the GPUs that scaling aims at, in percent."
    ] = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuService:
    """How the service is sized, scaled and replaced, and what it computes on."""

    instances: Annotated[GpuInstances, "Machines and replicas."] = field(
        default_factory=GpuInstances
    )
    scaling: Annotated[GpuScaling, "By what replicas follow the load."] = field(
        default_factory=GpuScaling
    )
    deployment: Annotated[
        Deployment,
        "How ECS replaces a release: canary and linear by release.steps and release.bake with two "
        "fleets, rolling with one; auto is canary where two zones offer the GPU, else rolling.",
    ] = Deployment.AUTO
    providers: Annotated[
        tuple[Provider, ...],
        "Execution providers in order; one that cannot be had stops the start. TensorRT needs "
        "falaj:gpuBaseImage.",
    ] = (Provider.CUDA,)
    precision: Annotated[Precision, "What TensorRT computes in."] = Precision.FP32
    executions: Annotated[
        int, Range(1, 8), "Runs of the model at once in one replica (Triton's instance count)."
    ] = 1

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(not self.providers, "providers", "write at least one; [cuda] is the plainest"),
            fault_if(
                len(set(self.providers)) < len(self.providers),
                "providers",
                "names a provider twice; write each once",
            ),
            fault_if(
                self.precision is Precision.FP16 and Provider.TENSORRT not in self.providers,
                "precision",
                "fp16 is TensorRT's; add tensorrt to providers or write fp32",
            ),
        )

    @property
    def min_replicas(self) -> int:
        """Replicas kept when nothing is asked."""
        return self.instances.min_replicas

    @property
    def max_replicas(self) -> int:
        """Most replicas."""
        return self.instances.max_replicas
