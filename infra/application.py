"""The whole application: a catalogue and a deployment become stacks."""

from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import App, Stack

from falaj.errors import ConfigurationError
from infra.access import function_access, written
from infra.api_parts import api_parts
from infra.asynchronous_stacks import asynchronous_stacks
from infra.batch_stacks import add_batches
from infra.bundling.functions import stage_function
from infra.config.deployment import Deployment
from infra.config.tenants import Tenants
from infra.constructs.service_function import FunctionCode
from infra.gpu_stacks import gpu_stacks
from infra.optional_stacks import (
    audit_stacks,
    drift_stacks,
    experiment_stacks,
    network_stacks,
    shedding_stacks,
)
from infra.packaging import ModelPackage, on_lambda, package_platform, read_models
from infra.refusals import catalogue_faults, size_faults
from infra.sources import Sources
from infra.stacks.api import ApiStack
from infra.stacks.foundation import FoundationStack
from infra.stacks.model import ModelStack
from infra.stacks.naming import API, FOUNDATION, ROLLOUTS, model_stack
from infra.stacks.rollouts import RolloutsStack
from infra.staging import Staged, StagedLayers, publisher_key, references, staged_packages


def add_stacks(app: App, deployment: Deployment, sources: Sources) -> None:
    """Add the foundation, a stack for each model, the rollout controller and the API.

    Raises:
        ConfigurationError: Everything that is refused, at once.
    """
    models = read_models(sources.models, sources.build, deployment.models)
    faults = catalogue_faults(models, deployment)
    if faults:
        raise ConfigurationError(faults)
    layers = StagedLayers(
        deployment,
        sources,
        [model.spec for model in on_lambda(models)],
        has_experiments=any(model.experiments for model in models),
    )
    publisher = publisher_key(deployment, sources)
    packages = staged_packages(on_lambda(models), publisher, layers, sources)
    specs = [model.spec for model in models]
    platform = package_platform(
        models,
        handler_folder=sources.function("platform_api"),
        build_root=sources.build,
        access=written(function_access(deployment, specs)),
    )
    faults = [
        *(fault for package in packages for fault in _size_faults(package, layers)),
        *size_faults(
            "platform_api",
            code_bytes=platform.size_bytes,
            layer_bytes=sum(layer.size_bytes for layer in layers.platform),
        ),
    ]
    if faults:
        raise ConfigurationError(faults)
    tenants = Tenants.read(sources.repository / deployment.tenants) if deployment.tenants else None
    foundation = FoundationStack(
        app,
        FOUNDATION,
        deployment=deployment,
        layers=layers.all,
        tenants=tenants,
        data_classes=[spec.data_class.value for spec in specs],
    )
    stacks: list[Stack] = [
        ModelStack(
            app,
            model_stack(package.model.spec.name),
            deployment=deployment,
            package=package,
            layers=references(layers.predict(package.model.spec)),
        )
        for package in packages
    ]
    stacks += gpu_stacks(app, deployment, Staged(models, publisher, layers, sources), stacks)
    api = ApiStack(
        app,
        API,
        deployment=deployment,
        models=specs,
        parts=replace(
            api_parts(
                deployment,
                models,
                FunctionCode(asset=platform, layers=references(layers.platform)),
                layers,
                sources,
                tenants,
            ),
            with_feedback=tuple(model.spec.name for model in models if model.experiments),
            asynchronous=tuple(spec.name for spec in specs if spec.asynchronous),
        ),
    )
    rollouts = RolloutsStack(
        app,
        ROLLOUTS,
        deployment=deployment,
        code=stage_function(
            "rollout-controller", sources.function("rollout_controller"), {}, sources.build
        ),
        layers=references(layers.controller),
    )
    rollouts.add_stack_dependency(foundation)
    network = network_stacks(app, deployment, models)
    earlier = [
        foundation,
        *network,
        *audit_stacks(app, deployment, foundation, layers, sources),
        *experiment_stacks(app, deployment, models, layers, sources, rollouts),
        *shedding_stacks(app, deployment, layers, sources),
        *drift_stacks(app, deployment, models, layers, sources),
    ]
    add_batches(app, deployment, Staged(models, publisher, layers, sources), (foundation, *network))
    for stack in earlier[1:]:
        stack.add_stack_dependency(foundation)
    for stack in (rollouts, *earlier[1 + len(network) :]):
        for needed in network:
            stack.add_stack_dependency(needed)
    later = asynchronous_stacks(app, deployment, specs, layers, sources)
    _deploy_in_order(earlier, stacks, later, (api,))


def _deploy_in_order(*groups: Sequence[Stack]) -> None:
    """Let every stack of a group be deployed after all of the group before it."""
    last: Sequence[Stack] = ()
    for group in groups:
        for stack in group:
            for needed in last:
                stack.add_stack_dependency(needed)
        last = (*last, *group)


def _size_faults(package: ModelPackage, layers: StagedLayers) -> list[str]:
    spec = package.model.spec
    return size_faults(
        f"model {spec.name}",
        code_bytes=package.code.size_bytes,
        layer_bytes=sum(layer.size_bytes for layer in layers.predict(spec)),
    )
