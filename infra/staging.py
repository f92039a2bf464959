"""What the stacks are made of, staged once: layers, and models' packages."""

from dataclasses import dataclass
from typing import Final

from catalogue.signing import LocalSigner, remember_key, remembered_key
from catalogue.spec import ModelSpec
from falaj.domain.publisher import PublisherKey
from falaj.errors import ConfigurationError
from infra.bundling.layers import (
    ANALYSIS_LAYER,
    API_LAYER,
    AUTHORIZER_LAYER,
    ONNX_LAYER,
    StagedLayer,
    stage_packages,
    stage_runtime,
)
from infra.bundling.target import BuildTarget
from infra.config.deployment import Deployment, Platform
from infra.constructs.shared_layer import LayerReference
from infra.packaging import UNZIPPED_LIMIT_BYTES, ModelPackage, PackagedModel, package_model
from infra.sources import Sources

PLATFORM_ARCHITECTURE: Final = "arm64"


class StagedLayers:
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
        """Every layer, as the foundation shares them."""
        optional = (*self._authorizer, *self._analysis)
        return (self.runtime, *self._onnx.values(), self._api, *optional)

    @property
    def analyst(self) -> tuple[StagedLayer, ...]:
        """What the analyst of experiments runs on."""
        return (self.runtime, *self._analysis)

    @property
    def authorizer(self) -> tuple[StagedLayer, ...]:
        """What the authorizer runs on."""
        return (self.runtime, *self._authorizer)

    @property
    def platform(self) -> tuple[StagedLayer, ...]:
        """What the platform's API and the breaker run on."""
        return (self.runtime, self._api)

    @property
    def controller(self) -> tuple[StagedLayer, ...]:
        """What functions without third parties run on."""
        return (self.runtime,)

    def predict(self, spec: ModelSpec) -> tuple[StagedLayer, ...]:
        """Return what a model's function runs on."""
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


@dataclass(frozen=True, slots=True)
class Staged:
    """The catalogue with what all its stacks are made of."""

    models: tuple[PackagedModel, ...]
    publisher: PublisherKey
    layers: StagedLayers
    sources: Sources


def publisher_key(deployment: Deployment, sources: Sources) -> PublisherKey:
    """Return the key that is pinned; the build folder's own where none is."""
    if deployment.pinned_publisher:
        return remembered_key(sources.build, deployment.pinned_publisher)
    key = LocalSigner(sources.build).key
    remember_key(sources.build, key)
    return key


def staged_packages(
    models: tuple[PackagedModel, ...],
    publisher: PublisherKey,
    layers: StagedLayers,
    sources: Sources,
) -> list[ModelPackage]:
    """Package every model's code.

    Raises:
        ConfigurationError: Every fault of every model.
    """
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
    model: PackagedModel, publisher: PublisherKey, layers: StagedLayers, sources: Sources
) -> ModelPackage:
    taken = sum(layer.size_bytes for layer in layers.predict(model.spec))
    return package_model(
        model,
        publisher=publisher,
        handler_folder=sources.function("predict"),
        build_root=sources.build,
        room_bytes=UNZIPPED_LIMIT_BYTES - taken,
    )


def references(layers: tuple[StagedLayer, ...]) -> tuple[LayerReference, ...]:
    """Return how a function's stack names layers of the foundation."""
    return tuple(LayerReference.to(layer) for layer in layers)
