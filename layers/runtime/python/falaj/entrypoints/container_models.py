"""From a folder of models to workers that are warm."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from falaj.batching.policy import BatchPolicy
from falaj.batching.threads import Threads
from falaj.cache.responses import ResponseCache
from falaj.config.container import ContainerSettings
from falaj.config.serving import ModelServing, read_serving
from falaj.container.scheduling import scheduling_of
from falaj.container.sequences import SequenceLimits, Sequences, StateSpec
from falaj.container.worker import Worker
from falaj.container.workforce import Workforce
from falaj.contract import SERVING_FILE
from falaj.domain.clock import Clock
from falaj.domain.manifest import Manifest
from falaj.engines.engine import Engine
from falaj.engines.ensemble import engine_of
from falaj.engines.providers import PlacedEngine, ProviderPlan, computing_of, engine_for
from falaj.engines.repository import ModelRepository, ServedModel
from falaj.engines.stateful import StatefulEngine, without_states
from falaj.engines.trust import packaged_publisher
from falaj.errors import ArtefactError, ConfigurationError
from falaj.http.service import Service

_DEFAULT: Final = ModelServing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a container serves.

    Attributes:
        service: The models, for the protocol.
        workforce: Their workers.
        default_model: The only model, or the one named in the environment.
        providers: Execution providers in use.
    """

    service: Service
    workforce: Workforce
    default_model: str
    providers: tuple[str, ...]


def workforce_of(
    settings: ContainerSettings,
    *,
    loop: asyncio.AbstractEventLoop,
    threads: Threads,
    clock: Clock,
) -> Served:
    """Load and warm every version of every model.

    Raises:
        ConfigurationError: A setting is at fault.
        ArtefactError: A model is missing, altered or contradicts its manifest.
        EngineError: A model cannot run.
    """
    shelf = Shelf(settings)
    _check_names(shelf.serving, settings, shelf.repository)
    workers = []
    scheduling: dict[tuple[str, str], dict[str, Any]] = {}
    for manifest in shelf.manifests:
        model = shelf.repository.model(manifest.name, str(manifest.version))
        part = shelf.serving.get(manifest.name, _DEFAULT)
        worker = Worker(
            model,
            _policy(model, part),
            loop=loop,
            threads=threads,
            clock=clock,
            timeout_s=part.timeout_s,
            cache=ResponseCache(part.cache_bytes, ttl_s=part.cache_ttl_s)
            if part.cache_bytes
            else None,
            sequences=shelf.sequences(model, part),
        )
        worker.warm_up()
        workers.append(worker)
        scheduling[model.name, model.version] = {
            **scheduling_of(worker, part),
            **shelf.computing(model),
        }
    names = shelf.repository.names
    return Served(
        service=Service(
            repository=shelf.repository,
            release=settings.release,
            clock=clock,
            scheduling=scheduling,
        ),
        workforce=Workforce(shelf.repository, workers),
        default_model=settings.model_name or (names[0] if len(names) == 1 else ""),
        providers=shelf.providers,
    )


class Shelf:
    """The models of a folder, and how each becomes an engine.

    Args:
        settings: Which folder, and on which providers.

    Attributes:
        serving: What `serving.json` says.
        manifests: Every version's, ensembles last: they need the others.
        repository: The models as callers see them.
    """

    def __init__(self, settings: ContainerSettings) -> None:
        self._root = Path(settings.model_root)
        self._threads = settings.threads
        self._plan = ProviderPlan(
            wanted=settings.providers,
            may_fall_back=settings.may_fall_back,
            precision=settings.precision,
            engine_cache=settings.engine_cache,
        )
        self._engines: dict[tuple[str, str], PlacedEngine] = {}
        self.serving = read_serving(self._root / SERVING_FILE)
        key = settings.publisher_key
        found = ModelRepository.from_folder(
            self._root,
            make_engine=self._engine,
            publisher=packaged_publisher(str(self._root), key) if key else None,
        )
        whole = [
            found.manifest(name, version)
            for name in found.names
            for version in found.versions(name)
        ]
        self._whole = {(manifest.name, manifest.version): manifest for manifest in whole}
        self.manifests = sorted(
            (self._seen(manifest) for manifest in whole),
            key=lambda manifest: manifest.is_ensemble,
        )
        self.repository = ModelRepository(
            tuple(self.manifests), read=self._read, make_engine=self._engine
        )

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers of the models loaded so far, each once."""
        engines = self._engines.values()
        return tuple(dict.fromkeys(held for engine in engines for held in engine.providers))

    def computing(self, model: ServedModel) -> dict[str, Any]:
        """What a loaded model's configuration says of what computes it; an ensemble's steps do."""
        engine = self._engines.get((model.name, model.version))
        return computing_of(engine) if engine else {}

    def sequences(self, model: ServedModel, part: ModelServing) -> Sequences | None:
        """Where a stateful model's state is kept; None for others."""
        if not part.states:
            return None
        whole = self._whole[model.name, int(model.version)].signature
        specs = {spec.name: spec for spec in whole.inputs}
        return Sequences(
            model.name,
            tuple(StateSpec(spec=specs[given], made=made) for given, made in part.states),
            SequenceLimits(
                sequences=part.max_sequences, tensor_bytes=part.state_bytes, idle_s=part.idle_s
            ),
        )

    def _seen(self, manifest: Manifest) -> Manifest:
        states = self.serving.get(manifest.name, _DEFAULT).states
        if not states:
            return manifest
        signature = without_states(manifest.name, manifest.signature, states)
        return replace(manifest, signature=signature)

    def _read(self, manifest: Manifest) -> bytes:
        path = self._root / manifest.name / str(manifest.version) / manifest.file
        try:
            return path.read_bytes()
        except OSError as error:
            raise ArtefactError(
                artefact=str(path), reason=error.strerror or "unreadable"
            ) from error

    def _engine(self, manifest: Manifest, content: bytes) -> Engine:
        if manifest.is_ensemble:
            return engine_of(manifest, content, self.repository)
        engine = engine_for(self._plan, name=manifest.name, model=content, threads=self._threads)
        self._engines[manifest.name, str(manifest.version)] = engine
        if self.serving.get(manifest.name, _DEFAULT).states:
            return StatefulEngine(engine, manifest.signature)
        return engine


def _policy(model: ServedModel, part: ModelServing) -> BatchPolicy:
    """What was asked for, without joining unless registration proved it safe."""
    if part.is_batching and model.manifest.signature.batching.is_safe:
        return part.policy
    return replace(part.policy, max_batch_size=1, preferred_batch_sizes=())


def _check_names(
    serving: Mapping[str, ModelServing], settings: ContainerSettings, repository: ModelRepository
) -> None:
    faults = [
        f"{SERVING_FILE}: there is no model {name!r}; there are {', '.join(repository.names)}"
        for name in serving
        if name not in repository.names
    ]
    if settings.model_name and settings.model_name not in repository.names:
        faults.append(f"FALAJ_MODEL_NAME: there is no model {settings.model_name!r}")
    if faults:
        raise ConfigurationError(faults)
