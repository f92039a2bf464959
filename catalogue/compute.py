"""Where a model runs: Lambda's settings with Lambda's refusals, and its service's."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Literal

from catalogue.container import ContainerService
from catalogue.gpu import GpuService
from catalogue.settings import Range, fault_if, refuse_unless_valid

MEMORY_MIB_PER_VCPU: Final = 1769
"""One vCPU's worth of memory.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html ("at 1,769 MB, a function has
the equivalent of one vCPU"), read 2026-11-22.
"""

LARGEST_MEMORY_MIB: Final = 10_240

DEFAULT_EPHEMERAL_STORAGE_MIB: Final = 512


class Target(StrEnum):
    """What the model runs on."""

    LAMBDA = "lambda"
    GPU = "gpu"
    CONTAINER = "container"


class Architecture(StrEnum):
    """The function's instruction set, by Lambda's names."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class ServingEngine(StrEnum):
    """What computes in a service's replicas."""

    ONNX = "onnx"
    TRITON = "triton"
    OPENVINO = "openvino"


ENGINES: Final = {
    Target.LAMBDA: (ServingEngine.ONNX,),
    Target.GPU: (ServingEngine.ONNX, ServingEngine.TRITON),
    Target.CONTAINER: (ServingEngine.ONNX, ServingEngine.OPENVINO),
}
"""What can compute where: Triton needs a GPU, OpenVINO a processor and an image of its own."""


class Fallback(StrEnum):
    """What answers while the service cannot."""

    NONE = "none"
    LAMBDA = "lambda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Size and shape of what runs the model.

    Provisioned concurrency is set on the published version, never on the alias: Lambda refuses it
    on an alias that has weights, and an alias without weights cannot canary.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (memory, timeout, ephemeral
        storage); docs.aws.amazon.com/lambda/latest/dg/snapstart.html ("SnapStart does not support
        provisioned concurrency, Amazon EFS, or ephemeral storage greater than 512 MB");
        docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html (not above the reserved);
        read 2026-11-22.
    """

    target: Annotated[Target, "What the model runs on."] = Target.LAMBDA
    memory_mib: Annotated[
        int,
        Range(128, LARGEST_MEMORY_MIB, "Lambda's limits"),
        "Memory of one environment; at 1,769 it has one vCPU.",
    ] = MEMORY_MIB_PER_VCPU
    architecture: Annotated[
        Architecture, "The function's instruction set; services are always x86_64."
    ] = Architecture.ARM64
    timeout_s: Annotated[
        int, Range(1, 900, "Lambda's limits"), "Seconds after which a request is ended."
    ] = 10
    threads: Annotated[
        int | Literal["auto"],
        Range(1, 6, "Lambda gives at most six vCPUs"),
        "Threads within one run; auto takes one for each vCPU that the memory buys.",
    ] = "auto"
    min_warm: Annotated[
        int, Range(0), "Provisioned concurrency, always on the version, never on the alias."
    ] = 0
    reserved_concurrency: Annotated[
        int | None,
        Range(0),
        "Environments kept for this model, which is also its ceiling; 0 turns it off.",
    ] = None
    snap_start: Annotated[
        bool, "Start environments from a snapshot; needs a runtime of Python 3.12 or newer."
    ] = False
    ephemeral_storage_mib: Annotated[
        int, Range(512, 10_240, "Lambda's limits"), "Size of /tmp."
    ] = DEFAULT_EPHEMERAL_STORAGE_MIB
    engine: Annotated[
        ServingEngine,
        "What computes in a service's replicas: ONNX Runtime; on a GPU also triton, NVIDIA's "
        "server; without one also openvino, in f32.",
    ] = ServingEngine.ONNX
    fallback: Annotated[
        Fallback, "What answers while the service is unhealthy: nothing, or the CPU version."
    ] = Fallback.NONE
    gpu: Annotated[GpuService, "The GPU service: machines, scaling, replacement, providers."] = (
        field(default_factory=GpuService)
    )
    container: Annotated[
        ContainerService, "The service without a GPU: size, replicas, scaling, replacement."
    ] = field(default_factory=ContainerService)

    def __post_init__(self) -> None:
        on_lambda = self.has_function
        large_tmp = self.ephemeral_storage_mib > DEFAULT_EPHEMERAL_STORAGE_MIB
        lambda_only = {
            "min_warm": self.min_warm > 0,
            "reserved_concurrency": self.reserved_concurrency is not None,
            "snap_start": self.snap_start,
            "ephemeral_storage_mib": large_tmp,
        }
        refuse_unless_valid(
            self,
            fault_if(
                self.snap_start and self.min_warm > 0,
                "snap_start",
                "Lambda takes no provisioned concurrency beside SnapStart; "
                "set min_warm: 0 or snap_start: false",
            ),
            fault_if(
                self.snap_start and large_tmp,
                "snap_start",
                "Lambda takes no /tmp above 512 MB beside SnapStart; "
                "set ephemeral_storage_mib: 512 or snap_start: false",
            ),
            fault_if(
                self.reserved_concurrency is not None and self.min_warm > self.reserved_concurrency,
                "min_warm",
                f"provisioned concurrency ({self.min_warm}) may not exceed the reserved "
                f"concurrency ({self.reserved_concurrency}); lower it or raise the reserved",
            ),
            *(
                fault_if(
                    not on_lambda and is_set,
                    key,
                    "belongs to target: lambda or fallback: lambda; remove it",
                )
                for key, is_set in lambda_only.items()
            ),
            fault_if(self.engine not in ENGINES[self.target], "engine", _engine_mend(self)),
            fault_if(
                not self.is_service and self.fallback is not Fallback.NONE,
                "fallback",
                "belongs to target: gpu and target: container; remove it",
            ),
            fault_if(
                self.target is not Target.GPU and self.gpu != GpuService(),
                "gpu",
                "belongs to target: gpu; remove it",
            ),
            fault_if(
                self.target is not Target.CONTAINER and self.container != ContainerService(),
                "container",
                "belongs to target: container; remove it",
            ),
            fault_if(
                self.target is Target.CONTAINER
                and not on_lambda
                and self.memory_mib != MEMORY_MIB_PER_VCPU,
                "memory_mib",
                "belongs to target: lambda or fallback: lambda; write container.memory_gib",
            ),
        )

    @property
    def is_service(self) -> bool:
        """Whether replicas of a container answer."""
        return self.target is not Target.LAMBDA

    @property
    def has_function(self) -> bool:
        """Whether there is a Lambda function: the model's own, or one to fall back to."""
        return not self.is_service or self.fallback is Fallback.LAMBDA

    @property
    def service(self) -> GpuService | ContainerService:
        """The service that its target makes; a function has none."""
        return self.container if self.target is Target.CONTAINER else self.gpu

    @property
    def vcpus(self) -> float:
        """Processor share that the memory buys on Lambda."""
        return self.memory_mib / MEMORY_MIB_PER_VCPU


def _engine_mend(compute: Compute) -> str:
    places = [target.value for target, engines in ENGINES.items() if compute.engine in engines]
    here = [engine.value for engine in ENGINES[compute.target]]
    return (
        f"{compute.engine.value} does not run on {compute.target.value}; "
        f"set target: {' or '.join(places)}, or engine: {' or '.join(here)}"
    )
