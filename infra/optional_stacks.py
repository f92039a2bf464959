"""Stacks that only some deployments or catalogues ask for."""

from collections.abc import Sequence

from aws_cdk import App, Stack

from infra.bundling.functions import stage_function
from infra.config.deployment import Deployment
from infra.constructs.service_function import FunctionCode
from infra.packaging import PackagedModel, package_analyst, package_drift_watch
from infra.sources import Sources
from infra.stacks.audit import AuditStack
from infra.stacks.drift import DriftStack
from infra.stacks.experiments import ExperimentsStack
from infra.stacks.naming import AUDIT, DRIFT, EXPERIMENTS, NETWORK, SHEDDING
from infra.stacks.network import NetworkStack
from infra.stacks.shedding import SheddingStack
from infra.staging import StagedLayers, references


def network_stacks(
    app: App, deployment: Deployment, models: Sequence[PackagedModel]
) -> list[Stack]:
    """Add the network that functions run in, where the profile has one."""
    if not deployment.settings.isolated:
        return []
    further = ("events",) if any(model.spec.drift for model in models) else ()
    return [NetworkStack(app, NETWORK, deployment=deployment, further=further)]


def experiment_stacks(
    app: App,
    deployment: Deployment,
    models: Sequence[PackagedModel],
    layers: StagedLayers,
    sources: Sources,
    rollouts: Stack,
) -> list[Stack]:
    """Add what experiments share, where a model declares one; verdicts are told to rollouts."""
    if not any(model.experiments for model in models):
        return []
    recorder = stage_function(
        "experiment-recorder", sources.function("experiment_recorder"), {}, sources.build
    )
    analyst = package_analyst(
        sources.repository / "analysis",
        handler_folder=sources.function("experiment_analyst"),
        build_root=sources.build,
    )
    experiments = ExperimentsStack(
        app,
        EXPERIMENTS,
        deployment=deployment,
        recorder=FunctionCode(asset=recorder, layers=references(layers.controller)),
        analyst=FunctionCode(asset=analyst, layers=references(layers.analyst)),
    )
    experiments.add_stack_dependency(rollouts)
    return [experiments]


def drift_stacks(
    app: App,
    deployment: Deployment,
    models: Sequence[PackagedModel],
    layers: StagedLayers,
    sources: Sources,
) -> list[Stack]:
    """Add the drift watch, where a model has a reference."""
    watched = [model.spec.name for model in models if model.spec.drift]
    if not watched:
        return []
    asset = package_drift_watch(
        watched,
        models_root=sources.models,
        handler_folder=sources.function("drift_watch"),
        build_root=sources.build,
    )
    code = FunctionCode(asset=asset, layers=references(layers.controller))
    return [DriftStack(app, DRIFT, deployment=deployment, watch=code, models=watched)]


def audit_stacks(
    app: App,
    deployment: Deployment,
    foundation: Stack,
    layers: StagedLayers,
    sources: Sources,
) -> list[Stack]:
    """Add the audit trail where the profile keeps one."""
    if not deployment.settings.audit_trail:
        return []
    asset = stage_function("audit-recorder", sources.function("audit_recorder"), {}, sources.build)
    code = FunctionCode(asset=asset, layers=references(layers.controller))
    audit = AuditStack(app, AUDIT, deployment=deployment, recorder=code)
    audit.add_stack_dependency(foundation)
    return [audit]


def shedding_stacks(
    app: App, deployment: Deployment, layers: StagedLayers, sources: Sources
) -> list[Stack]:
    """Add the load shedder where tenants have priorities."""
    if not deployment.tenants:
        return []
    asset = stage_function("load-shedder", sources.function("load_shedder"), {}, sources.build)
    code = FunctionCode(asset=asset, layers=references(layers.controller))
    return [SheddingStack(app, SHEDDING, deployment=deployment, shedder=code)]
