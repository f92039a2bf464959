"""What GPU services share, and a stack for each of them."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import App, Stack

from falaj.errors import ConfigurationError
from infra.bundling.functions import stage_function
from infra.bundling.image import stage_image
from infra.bundling.model_root import stage_model_root
from infra.config.deployment import Deployment
from infra.config.edge import trust_store_faults
from infra.packaging import on_gpu
from infra.sources import Sources
from infra.stacks.gpu import GpuStack
from infra.stacks.gpu_model import GpuModelStack, GpuPackage, uses_triton
from infra.stacks.naming import GPU, gpu_model_stack
from infra.staging import Staged, references


def _gpu_trust(deployment: Deployment, sources: Sources) -> Path | None:
    """Find the file of those whose clients may speak gRPC.

    Raises:
        ConfigurationError: It cannot be used.
    """
    if not deployment.gpu.trust_file:
        return None
    path = sources.repository / deployment.gpu.trust_file
    if faults := trust_store_faults(path, setting="gpuTrustBundle"):
        raise ConfigurationError(faults)
    return path


def gpu_stacks(
    app: App,
    deployment: Deployment,
    staged: Staged,
    functions: Sequence[Stack],
) -> list[Stack]:
    """Add what GPU services share and a stack for each, where a model asks for one."""
    on_gpus = on_gpu(staged.models)
    sources = staged.sources
    if not on_gpus:
        return []
    trust = _gpu_trust(deployment, sources)
    specs = [model.spec for model in on_gpus]
    shared = GpuStack(app, GPU, deployment=deployment, models=specs, trust=trust)
    image = stage_image(sources.repository, sources.build)
    breaker = stage_function("breaker", sources.function("breaker"), {}, sources.build)
    stacks: list[Stack] = [shared]
    for model in on_gpus:
        stack = GpuModelStack(
            app,
            gpu_model_stack(model.spec.name),
            deployment=deployment,
            package=GpuPackage(
                model=model,
                root=stage_model_root(
                    model,
                    staged.publisher,
                    sources.build,
                    is_triton=uses_triton(model.spec, deployment),
                ),
                publisher=staged.publisher,
                image=image,
                breaker=breaker,
                layers=references(staged.layers.platform),
            ),
        )
        # A service's CPU version, where it has one, is what its breaker falls back to.
        for earlier in (shared, *functions):
            stack.add_stack_dependency(earlier)
        stacks.append(stack)
    return stacks
