"""Where a model runs: Lambda's settings with Lambda's refusals, and the GPU service's."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Literal

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


class Architecture(StrEnum):
    """The function's instruction set, by Lambda's names."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class ServingEngine(StrEnum):
    """Which server the GPU service runs."""

    ONNX = "onnx"
    TRITON = "triton"


class Fallback(StrEnum):
    """What answers while the GPU service cannot."""

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
        Architecture, "The function's instruction set; GPU hosts are always x86_64."
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
    engine: Annotated[ServingEngine, "The GPU service's server."] = ServingEngine.ONNX
    fallback: Annotated[
        Fallback, "What answers while the GPU service is unhealthy: nothing, or the CPU version."
    ] = Fallback.NONE
    gpu: Annotated[GpuService, "The GPU service: machines, scaling, replacement, providers."] = (
        field(default_factory=GpuService)
    )

    def __post_init__(self) -> None:
        on_gpu = self.target is Target.GPU
        on_lambda = not on_gpu or self.fallback is Fallback.LAMBDA
        large_tmp = self.ephemeral_storage_mib > DEFAULT_EPHEMERAL_STORAGE_MIB
        lambda_only = {
            "min_warm": self.min_warm > 0,
            "reserved_concurrency": self.reserved_concurrency is not None,
            "snap_start": self.snap_start,
            "ephemeral_storage_mib": large_tmp,
        }
        gpu_only = {
            "engine": self.engine is not ServingEngine.ONNX,
            "fallback": self.fallback is not Fallback.NONE,
            "gpu": self.gpu != GpuService(),
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
            *(
                fault_if(not on_gpu and is_set, key, "belongs to target: gpu; remove it")
                for key, is_set in gpu_only.items()
            ),
        )

    @property
    def vcpus(self) -> float:
        """Processor share that the memory buys on Lambda."""
        return self.memory_mib / MEMORY_MIB_PER_VCPU
