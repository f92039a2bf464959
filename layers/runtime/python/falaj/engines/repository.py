"""The models a process holds, by name and version, in Triton's folder layout."""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import RLock
from typing import TYPE_CHECKING, Self

import orjson

from falaj.contract import MANIFEST_FILE
from falaj.domain.manifest import Manifest
from falaj.domain.publisher import PublisherKey
from falaj.domain.tensors import TensorSpec
from falaj.engines.emptiness import takes_empty
from falaj.engines.engine import Engine, zeros
from falaj.engines.folders import content_of, manifests_under, name_and_version, packaged_model
from falaj.engines.trust import check_signature
from falaj.engines.validation import SignatureCheck
from falaj.errors import ArtefactError, RequestError, UnknownModelError, UnknownVersionError
from falaj.telemetry.statistics import Statistics

if TYPE_CHECKING:
    from falaj.drift.counting import Counters


class ServedModel:
    """One version of one model: its manifest and its engine.

    Args:
        manifest: What the bytes are and promise.
        engine: Runs it.

    Attributes:
        check: Its signature, ready to check requests against.
        statistics: What it has done since the process started.
        kept: What whoever serves it keeps of its requests and answers.
        drift: Counts them in the bins of a reference; None where nobody compares.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self.manifest = manifest
        self.engine = engine
        self.name = manifest.name
        self.version = str(manifest.version)
        self.digest = manifest.sha256
        self.check = SignatureCheck(
            self.name, manifest.signature, takes_empty=takes_empty(manifest.facts)
        )
        self.statistics = Statistics()
        self.kept: object = None
        self.drift: Counters | None = None

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
        self._lock = RLock()  # an ensemble loads its members while it is loaded
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
        root: str | os.PathLike[str],
        *,
        make_engine: Callable[[Manifest, bytes], Engine],
        read: Callable[[Manifest], bytes] | None = None,
        defaults: Mapping[str, int] | None = None,
        publisher: PublisherKey | None = None,
    ) -> Self:
        """Read the manifests under `root` (`<name>/<version>/manifest.json`).

        Args:
            root: Folder in Triton's layout.
            make_engine: Turns checked bytes into an engine.
            read: Fetches bytes that are not beside their manifest.
            defaults: Version to serve by model name.
            publisher: Who must have signed every manifest; None believes the folder.

        Raises:
            ArtefactError: There is no manifest, or one is not readable.
            UntrustedArtefactError: One is not signed by the publisher.
        """
        folder = os.fspath(root)
        paths = manifests_under(folder)
        if not paths:
            raise ArtefactError(
                artefact=str(root),
                reason=f"holds no <name>/<version>/{MANIFEST_FILE}; run `falaj models build`",
            )

        def read_packaged(manifest: Manifest) -> bytes:
            if path := packaged_model(folder, manifest.name, manifest.version, manifest.file):
                return content_of(path)
            if read is not None:
                return read(manifest)
            raise ArtefactError(
                artefact=f"model '{manifest.name}' version {manifest.version}",
                reason=f"the model's bytes are missing from {folder}",
            )

        return cls(
            tuple(_manifest_at(path, publisher) for path in paths),
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


def _manifest_at(path: str, publisher: PublisherKey | None) -> Manifest:
    try:
        content = content_of(path)
        if publisher:
            check_signature(path, content, publisher)
        manifest = Manifest.from_dict(orjson.loads(content))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(
            artefact=path, reason=f"no readable manifest ({error}); build the model again"
        ) from error
    if name_and_version(path) != (manifest.name, str(manifest.version)):
        raise ArtefactError(
            artefact=path,
            reason=f"names {manifest.name}/{manifest.version}, but lies in another folder",
        )
    return manifest
