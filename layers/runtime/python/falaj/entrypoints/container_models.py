"""From a folder of models to workers that are warm."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from falaj.cache.responses import ResponseCache
from falaj.config.container import ContainerSettings
from falaj.config.serving import ModelServing, read_serving
from falaj.container.worker import Worker
from falaj.container.workforce import Workforce
from falaj.contract import SERVING_FILE
from falaj.domain.clock import Clock
from falaj.domain.manifest import Manifest
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository, ServedModel
from falaj.errors import ConfigurationError
from falaj.http.service import Service


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
    executor: Executor,
    clock: Clock,
) -> Served:
    """Load and warm every version of every model.

    Raises:
        ConfigurationError: A setting is at fault.
        ArtefactError: A model is missing, altered or contradicts its manifest.
        EngineError: A model cannot run.
    """
    root = Path(settings.model_root)
    serving = read_serving(root / SERVING_FILE)

    def engine(manifest: Manifest, content: bytes) -> OnnxEngine:
        return OnnxEngine(name=manifest.name, model=content, threads=settings.threads or 1)

    repository = ModelRepository.from_folder(root, make_engine=engine)
    _check_names(serving, settings, repository)
    workers = []
    for name in repository.names:
        part = serving.get(name, ModelServing())
        for version in repository.versions(name):
            model = repository.model(name, version)
            worker = _worker(model, part, loop=loop, executor=executor, clock=clock)
            worker.warm_up()
            workers.append(worker)
    names = repository.names
    return Served(
        service=Service(repository=repository, release=settings.release, clock=clock),
        workforce=Workforce(repository, workers),
        default_model=settings.model_name or (names[0] if len(names) == 1 else ""),
        providers=("CPUExecutionProvider",),
    )


def _worker(
    model: ServedModel,
    part: ModelServing,
    *,
    loop: asyncio.AbstractEventLoop,
    executor: Executor,
    clock: Clock,
) -> Worker:
    may_join = part.is_batching and model.manifest.signature.batching.is_safe
    policy = part.policy
    if not may_join:
        policy = replace(policy, max_batch_size=1, preferred_batch_sizes=())
    return Worker(
        model,
        policy,
        loop=loop,
        executor=executor,
        clock=clock,
        timeout_s=part.timeout_s,
        cache=ResponseCache(part.cache_bytes) if part.cache_bytes else None,
    )


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
