"""The whole application: a catalogue and a deployment become stacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aws_cdk import App, Stack

from catalogue.signing import LocalSigner, remember_key, remembered_key
from catalogue.spec import ModelSpec
from falaj.contract import ACCESS_FILE
from falaj.domain.publisher import PublisherKey
from falaj.errors import ConfigurationError
from infra.access import authorizer_access, function_access, quota_keys, written
from infra.bundling.functions import stage_function
from infra.bundling.image import stage_image
from infra.bundling.layers import (
    ANALYSIS_LAYER,
    API_LAYER,
    AUTHORIZER_LAYER,
    ONNX_LAYER,
    StagedLayer,
    stage_packages,
    stage_runtime,
)
from infra.bundling.model_root import stage_model_root
from infra.bundling.target import BuildTarget
from infra.config.deployment import Deployment, Platform
from infra.config.edge import trust_store_faults
from infra.config.tenants import Tenants
from infra.config.tokens import read_key_set
from infra.constructs.service_function import FunctionCode
from infra.constructs.shared_layer import LayerReference
from infra.packaging import (
    UNZIPPED_LIMIT_BYTES,
    ModelPackage,
    PackagedModel,
    on_gpu,
    on_lambda,
    package_analyst,
    package_model,
    package_platform,
    read_models,
    text_file,
)
from infra.refusals import catalogue_faults, size_faults
from infra.stacks.api import ApiParts, ApiStack
from infra.stacks.audit import AuditStack
from infra.stacks.experiments import ExperimentsStack
from infra.stacks.foundation import FoundationStack
from infra.stacks.gpu import GpuStack
from infra.stacks.gpu_model import GpuModelStack, GpuPackage, uses_triton
from infra.stacks.model import ModelStack
from infra.stacks.naming import (
    API,
    AUDIT,
    EXPERIMENTS,
    FOUNDATION,
    GPU,
    NETWORK,
    ROLLOUTS,
    SHEDDING,
    gpu_model_stack,
    model_stack,
)
from infra.stacks.network import NetworkStack
from infra.stacks.rollouts import RolloutsStack
from infra.stacks.shedding import SheddingStack

PLATFORM_ARCHITECTURE: Final = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where everything is taken from.

    Attributes:
        repository: Folder of `functions` and `layers`.
        models: The catalogue's folder.
        build: What was built and staged.
    """

    repository: Path
    models: Path
    build: Path

    def function(self, name: str) -> Path:
        """Return the folder of a function's handler."""
        return self.repository / "functions" / name

    def pins(self, layer: str) -> Path:
        """Return a third-party layer's pinned requirements."""
        return self.repository / "layers" / layer / "requirements.txt"

    @property
    def runtime(self) -> Path:
        """The folder that holds the shared library."""
        return self.repository / "layers" / "runtime" / "python"


def add_stacks(app: App, deployment: Deployment, sources: Sources) -> None:
    """Add the foundation, a stack for each model, the rollout controller and the API.

    Raises:
        ConfigurationError: Everything that is refused, at once.
    """
    models = read_models(sources.models, sources.build, deployment.models)
    faults = catalogue_faults(models, deployment)
    if faults:
        raise ConfigurationError(faults)
    layers = _StagedLayers(
        deployment,
        sources,
        [model.spec for model in on_lambda(models)],
        has_experiments=any(model.experiments for model in models),
    )
    publisher = _publisher(deployment, sources)
    packages = _packages(on_lambda(models), publisher, layers, sources)
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
            layers=_references(layers.predict(package.model.spec)),
        )
        for package in packages
    ]
    stacks += _gpu_stacks(app, deployment, _Staged(models, publisher, layers, sources), stacks)
    api = ApiStack(
        app,
        API,
        deployment=deployment,
        models=specs,
        parts=replace(
            _api_parts(
                deployment,
                models,
                FunctionCode(asset=platform, layers=_references(layers.platform)),
                layers,
                sources,
                tenants,
            ),
            with_feedback=tuple(model.spec.name for model in models if model.experiments),
        ),
    )
    rollouts = RolloutsStack(
        app,
        ROLLOUTS,
        deployment=deployment,
        code=stage_function(
            "rollout-controller", sources.function("rollout_controller"), {}, sources.build
        ),
        layers=_references(layers.controller),
    )
    rollouts.add_stack_dependency(foundation)
    network = _network_stacks(app, deployment)
    earlier = [
        foundation,
        *network,
        *_audit_stacks(app, deployment, foundation, layers, sources),
        *_experiment_stacks(app, deployment, models, layers, sources, rollouts),
        *_shedding_stacks(app, deployment, layers, sources),
    ]
    for stack in earlier[1:]:
        stack.add_stack_dependency(foundation)
    for stack in (rollouts, *earlier[1 + len(network) :]):
        for needed in network:
            stack.add_stack_dependency(needed)
    for stack in stacks:
        for needed in earlier:
            stack.add_stack_dependency(needed)
        api.add_stack_dependency(stack)


def _network_stacks(app: App, deployment: Deployment) -> list[Stack]:
    """Add the network that functions run in, where the profile has one."""
    if not deployment.settings.isolated:
        return []
    return [NetworkStack(app, NETWORK, deployment=deployment)]


def _experiment_stacks(
    app: App,
    deployment: Deployment,
    models: Sequence[PackagedModel],
    layers: "_StagedLayers",
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
        recorder=FunctionCode(asset=recorder, layers=_references(layers.controller)),
        analyst=FunctionCode(asset=analyst, layers=_references(layers.analyst)),
    )
    experiments.add_stack_dependency(rollouts)
    return [experiments]


def _audit_stacks(
    app: App,
    deployment: Deployment,
    foundation: Stack,
    layers: "_StagedLayers",
    sources: Sources,
) -> list[Stack]:
    """Add the audit trail where the profile keeps one."""
    if not deployment.settings.audit_trail:
        return []
    asset = stage_function("audit-recorder", sources.function("audit_recorder"), {}, sources.build)
    code = FunctionCode(asset=asset, layers=_references(layers.controller))
    audit = AuditStack(app, AUDIT, deployment=deployment, recorder=code)
    audit.add_stack_dependency(foundation)
    return [audit]


def _shedding_stacks(
    app: App, deployment: Deployment, layers: "_StagedLayers", sources: Sources
) -> list[Stack]:
    """Add the load shedder where tenants have priorities."""
    if not deployment.tenants:
        return []
    asset = stage_function("load-shedder", sources.function("load_shedder"), {}, sources.build)
    code = FunctionCode(asset=asset, layers=_references(layers.controller))
    return [SheddingStack(app, SHEDDING, deployment=deployment, shedder=code)]


def _api_parts(
    deployment: Deployment,
    models: Sequence[PackagedModel],
    platform: FunctionCode,
    layers: "_StagedLayers",
    sources: Sources,
    tenants: Tenants | None,
) -> ApiParts:
    """Read the files that the deployment names for its API, and package the authorizer.

    Raises:
        ConfigurationError: Every fault of every file.
    """
    faults, keys, trust_store = list[str](), "", None
    if deployment.has_authorizer or (deployment.tokens.keys and on_gpu(models)):
        keys, faults = read_key_set(sources.repository / deployment.tokens.keys)
    if deployment.api_name.trust_store:
        trust_store = sources.repository / deployment.api_name.trust_store
        faults.extend(trust_store_faults(trust_store))
    if faults:
        raise ConfigurationError(faults)
    authorizer = None
    if deployment.has_authorizer:
        specs = [model.spec for model in models]
        experiments = [each for model in models for each in model.experiments]
        counted_by = quota_keys(deployment, tenants)
        text = written(authorizer_access(deployment, specs, counted_by, experiments))
        folder = sources.function("authorizer")
        data = {ACCESS_FILE: text_file(text)}
        authorizer = FunctionCode(
            asset=stage_function("authorizer", folder, data, sources.build),
            layers=_references(layers.authorizer),
        )
    return ApiParts(
        platform=platform,
        authorizer=authorizer,
        keys=keys,
        tenants=tenants,
        trust_store=trust_store,
    )


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


def _gpu_stacks(
    app: App,
    deployment: Deployment,
    staged: "_Staged",
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
                layers=_references(staged.layers.platform),
            ),
        )
        # A service's CPU version, where it has one, is what its breaker falls back to.
        for earlier in (shared, *functions):
            stack.add_stack_dependency(earlier)
        stacks.append(stack)
    return stacks


@dataclass(frozen=True, slots=True)
class _Staged:
    """The catalogue with what all its stacks are made of."""

    models: tuple[PackagedModel, ...]
    publisher: PublisherKey
    layers: "_StagedLayers"
    sources: Sources


class _StagedLayers:
    """Every layer that the functions need, staged once."""

    def __init__(
        self,
        deployment: Deployment,
        sources: Sources,
        specs: list[ModelSpec],
        *,
        has_experiments: bool,
    ) -> None:
        self._deployment, self._sources = deployment, sources
        self.runtime = stage_runtime(
            sources.runtime, sources.build, self._target(PLATFORM_ARCHITECTURE)
        )
        self._onnx = {
            architecture: self._stage(ONNX_LAYER, architecture)
            for architecture in sorted({self._architecture(spec) for spec in specs})
        }
        self._api = self._stage(API_LAYER, deployment.architecture(PLATFORM_ARCHITECTURE))
        self._authorizer = (
            (self._stage(AUTHORIZER_LAYER, deployment.architecture(PLATFORM_ARCHITECTURE)),)
            if deployment.has_authorizer
            else ()
        )
        self._analysis = (
            (self._stage(ANALYSIS_LAYER, deployment.architecture(PLATFORM_ARCHITECTURE)),)
            if has_experiments
            else ()
        )

    @property
    def all(self) -> tuple[StagedLayer, ...]:
        optional = (*self._authorizer, *self._analysis)
        return (self.runtime, *self._onnx.values(), self._api, *optional)

    @property
    def analyst(self) -> tuple[StagedLayer, ...]:
        return (self.runtime, *self._analysis)

    @property
    def authorizer(self) -> tuple[StagedLayer, ...]:
        return (self.runtime, *self._authorizer)

    @property
    def platform(self) -> tuple[StagedLayer, ...]:
        return (self.runtime, self._api)

    @property
    def controller(self) -> tuple[StagedLayer, ...]:
        return (self.runtime,)

    def predict(self, spec: ModelSpec) -> tuple[StagedLayer, ...]:
        return (self.runtime, self._onnx[self._architecture(spec)])

    def _architecture(self, spec: ModelSpec) -> str:
        return self._deployment.architecture(spec.compute.architecture)

    def _target(self, declared: str) -> BuildTarget:
        return BuildTarget(
            architecture=self._deployment.architecture(declared),
            python=self._deployment.python_version,
            is_host=self._deployment.platform is Platform.HOST,
        )

    def _stage(self, layer: str, architecture: str) -> StagedLayer:
        return stage_packages(
            layer, self._sources.pins(layer), self._sources.build, self._target(architecture)
        )


def _publisher(deployment: Deployment, sources: Sources) -> PublisherKey:
    """Return the key that is pinned; the build folder's own where none is."""
    if deployment.pinned_publisher:
        return remembered_key(sources.build, deployment.pinned_publisher)
    key = LocalSigner(sources.build).key
    remember_key(sources.build, key)
    return key


def _packages(
    models: tuple[PackagedModel, ...],
    publisher: PublisherKey,
    layers: _StagedLayers,
    sources: Sources,
) -> list[ModelPackage]:
    packages, faults = [], list[str]()
    for model in models:
        try:
            packages.append(_package(model, publisher, layers, sources))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return packages


def _package(
    model: PackagedModel, publisher: PublisherKey, layers: _StagedLayers, sources: Sources
) -> ModelPackage:
    taken = sum(layer.size_bytes for layer in layers.predict(model.spec))
    return package_model(
        model,
        publisher=publisher,
        handler_folder=sources.function("predict"),
        build_root=sources.build,
        room_bytes=UNZIPPED_LIMIT_BYTES - taken,
    )


def _size_faults(package: ModelPackage, layers: _StagedLayers) -> list[str]:
    spec = package.model.spec
    return size_faults(
        f"model {spec.name}",
        code_bytes=package.code.size_bytes,
        layer_bytes=sum(layer.size_bytes for layer in layers.predict(spec)),
    )


def _references(layers: tuple[StagedLayer, ...]) -> tuple[LayerReference, ...]:
    return tuple(LayerReference.to(layer) for layer in layers)
