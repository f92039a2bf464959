"""Composes what a serving process needs from its environment."""

from collections.abc import Callable

from falaj.config.settings import Settings
from falaj.domain.manifest import Manifest
from falaj.engines.engine import Engine
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.engines.trust import packaged_publisher
from falaj.http.service import Service


def service_from_environment(settings: Settings | None = None) -> Service:
    """Make the service a process's environment describes; its default models are loaded and warm.

    Args:
        settings: What to compose from; by default the process's environment.

    Raises:
        ConfigurationError: The environment is at fault.
        ArtefactError: A model is missing, altered or contradicts its manifest.
        EngineError: A model cannot run.
    """
    settings = settings or Settings.from_env()
    repository = repository_from_settings(settings)
    names = (settings.model_name,) if settings.model_name else repository.names
    for name in names:
        repository.model(name).warm_up()
    return Service(repository=repository, release=settings.release)


def repository_from_settings(settings: Settings) -> ModelRepository:
    """Read the manifests; nothing is loaded yet.

    Raises:
        ArtefactError: There is no manifest, not the one to serve, or one that is not signed.
    """

    def engine(manifest: Manifest, content: bytes) -> Engine:
        if manifest.is_ensemble:
            # Few functions hold one; the others start without its module.
            from falaj.engines.ensemble import engine_of  # noqa: PLC0415

            return engine_of(manifest, content, repository)
        return OnnxEngine(name=manifest.name, model=content, threads=settings.threads)

    key = settings.publisher_key
    defaults = {settings.model_name: settings.model_version} if settings.model_version else {}
    repository = ModelRepository.from_folder(
        settings.model_root,
        make_engine=engine,
        read=_read_from_s3(settings.s3_prefix) if settings.s3_prefix else None,
        defaults={name: version for name, version in defaults.items() if version},
        publisher=packaged_publisher(settings.model_root, key) if key else None,
    )
    return repository


def _read_from_s3(prefix: str) -> Callable[[Manifest], bytes]:
    def read(manifest: Manifest) -> bytes:
        # boto3 costs a cold start some 100 ms, and most models are packaged: imported when needed.
        from falaj.aws.model_store import s3_reader  # noqa: PLC0415

        return s3_reader(prefix)(manifest)

    return read
