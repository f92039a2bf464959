"""The models a process holds, by name and version, in Triton's folder layout."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Self

from falaj.contract import MANIFEST_FILE, MODEL_FILE
from falaj.domain.manifest import Manifest
from falaj.domain.tensors import TensorSpec
from falaj.engines.engine import Engine, zeros
from falaj.engines.validation import SignatureCheck
from falaj.errors import ArtefactError, RequestError, UnknownModelError, UnknownVersionError
from falaj.telemetry.statistics import Statistics


@dataclass(slots=True)
class ServedModel:
    """One version of one model: its manifest and, once loaded, its engine.

    Attributes:
        manifest: What the bytes are and promise.
        engine: Runs it.
        check: Its signature, ready to check requests against.
        statistics: What it has done since the process started.
    """

    manifest: Manifest
    engine: Engine
    check: SignatureCheck = field(init=False)
    statistics: Statistics = field(default_factory=Statistics)
    name: str = field(init=False)
    version: str = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.manifest.name
        self.version = str(self.manifest.version)
        self.digest = self.manifest.sha256
        self.check = SignatureCheck(self.name, self.manifest.signature)

    def warm_up(self) -> None:
        """Run once on zeros, so that the first caller does not pay for lazy initialisation.

        Zeros may be values this model refuses; that is no fault of the model.

        Raises:
            EngineError: The model cannot run.
        """
        try:
            self.engine.run(zeros(self.manifest.signature), self.check.output_names)
        except RequestError:
            return


class ModelRepository:
    """Every version of every model this process may serve, each loaded when first asked for.

    Args:
        manifests: What there is.
        read: Fetches the bytes of one version.
        make_engine: Turns checked bytes into an engine.
        defaults: Version to serve when a request names none; otherwise the highest.
    """

    def __init__(
        self,
        manifests: tuple[Manifest, ...],
        *,
        read: Callable[[Manifest], bytes],
        make_engine: Callable[[Manifest, bytes], Engine],
        defaults: Mapping[str, int] | None = None,
    ) -> None:
        self._read = read
        self._make_engine = make_engine
        self._lock = Lock()
        self._loaded: dict[tuple[str, str], ServedModel] = {}
        self._versions: dict[str, dict[str, Manifest]] = {}
        for manifest in sorted(manifests, key=lambda found: (found.name, found.version)):
            self._versions.setdefault(manifest.name, {})[str(manifest.version)] = manifest
        self._defaults = {name: next(reversed(held)) for name, held in self._versions.items()}
        for name, version in (defaults or {}).items():
            if str(version) not in self._versions.get(name, {}):
                raise ArtefactError(
                    artefact=f"model '{name}' version {version}",
                    reason="it is the version to serve, but its manifest is not packaged",
                )
            self._defaults[name] = str(version)

    @classmethod
    def from_folder(
        cls,
        root: Path,
        *,
        make_engine: Callable[[Manifest, bytes], Engine],
        read: Callable[[Manifest], bytes] | None = None,
        defaults: Mapping[str, int] | None = None,
    ) -> Self:
        """Read the manifests under `root` (`<name>/<version>/manifest.json`).

        Args:
            root: Folder in Triton's layout.
            make_engine: Turns checked bytes into an engine.
            read: Fetches bytes that are not beside their manifest.
            defaults: Version to serve by model name.

        Raises:
            ArtefactError: There is no manifest, or one is not readable.
        """
        paths = sorted(root.glob(f"*/*/{MANIFEST_FILE}"))
        if not paths:
            raise ArtefactError(
                artefact=str(root),
                reason=f"holds no <name>/<version>/{MANIFEST_FILE}; run `falaj models build`",
            )

        def read_packaged(manifest: Manifest) -> bytes:
            path = root / manifest.name / str(manifest.version) / MODEL_FILE
            if path.is_file() or read is None:
                return _bytes_of(path)
            return read(manifest)

        return cls(
            tuple(map(_manifest_at, paths)),
            read=read_packaged,
            make_engine=make_engine,
            defaults=defaults,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, sorted."""
        return tuple(self._versions)

    def versions(self, name: str) -> tuple[str, ...]:
        """Versions of a model, ascending.

        Raises:
            UnknownModelError: There is no such model.
        """
        return tuple(self._of(name))

    def manifest(self, name: str, version: str = "") -> Manifest:
        """The manifest of a version, or of the default one.

        Raises:
            UnknownModelError: There is no such model.
            UnknownVersionError: There is no such version.
        """
        held = self._of(name)
        version = version or self._defaults[name]
        if version not in held:
            raise UnknownVersionError(name, version)
        return held[version]

    def model(self, name: str, version: str = "") -> ServedModel:
        """A version ready to run, loaded now if it was not.

        Raises:
            UnknownModelError: There is no such model.
            UnknownVersionError: There is no such version.
            ArtefactError: Its bytes are missing, altered or contradict the manifest.
        """
        loaded = self._loaded.get((name, version or self._defaults.get(name, "")))
        return loaded or self._load(self.manifest(name, version))

    def loaded(self) -> tuple[ServedModel, ...]:
        """What is in memory now."""
        return tuple(self._loaded.values())

    def _of(self, name: str) -> dict[str, Manifest]:
        held = self._versions.get(name)
        if held is None:
            raise UnknownModelError(name)
        return held

    def _load(self, manifest: Manifest) -> ServedModel:
        key = manifest.name, str(manifest.version)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = self._checked(manifest)
            return self._loaded[key]

    def _checked(self, manifest: Manifest) -> ServedModel:
        artefact = f"model '{manifest.name}' version {manifest.version}"
        content = self._read(manifest)
        digest = sha256(content).hexdigest()
        if digest != manifest.sha256:
            raise ArtefactError(
                artefact=artefact,
                reason=f"its bytes have sha256 {digest}, the manifest promises {manifest.sha256}",
            )
        engine = self._make_engine(manifest, content)
        _check_signatures(artefact, manifest, engine)
        return ServedModel(manifest, engine)


def _check_signatures(artefact: str, manifest: Manifest, engine: Engine) -> None:
    promised, found = manifest.signature, engine.signature
    for direction, ours, theirs in (
        ("inputs", promised.inputs, found.inputs),
        ("outputs", promised.outputs, found.outputs),
    ):
        if [_identity(spec) for spec in ours] != [_identity(spec) for spec in theirs]:
            raise ArtefactError(
                artefact=artefact, reason=f"its {direction} are not those of the manifest"
            )


def _identity(spec: TensorSpec) -> tuple[str, str]:
    return spec.name, spec.datatype


def _manifest_at(path: Path) -> Manifest:
    try:
        manifest = Manifest.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(
            artefact=str(path), reason=f"no readable manifest ({error}); build the model again"
        ) from error
    if (manifest.name, str(manifest.version)) != (path.parent.parent.name, path.parent.name):
        raise ArtefactError(
            artefact=str(path),
            reason=f"names {manifest.name}/{manifest.version}, but lies in another folder",
        )
    return manifest


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(artefact=str(path), reason="the model's bytes are missing") from error
