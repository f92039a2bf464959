"""Catalogue entries with their built bytes become function code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from catalogue.built import BuiltVersion, built_version, members_of
from catalogue.errors import ModelNotBuiltError
from catalogue.experiments import load_experiments
from catalogue.reading import load_catalogue
from catalogue.signing import key_file, signature_at
from catalogue.spec import ModelSpec, ServingEngine
from falaj.contract import (
    ACCESS_FILE,
    DRIFT_FILE,
    DRIFT_REFERENCES,
    MANIFEST_FILE,
    MANIFEST_SIGNATURE_FILE,
    PACKAGED_MODEL_ROOT,
    PUBLISHER_KEY_FILE,
)
from falaj.domain.published import OPENVINO_PLATFORM, PublishedModel
from falaj.domain.publisher import PublisherKey
from falaj.domain.signature import ModelSignature
from falaj.errors import ConfigurationError
from falaj.experiments.spec import ExperimentSpec
from infra.bundling.functions import DataFile, StagedCode, stage_function
from infra.bundling.trees import files_in, text_digest

CATALOGUE_FILE: Final = "catalogue.json"

UNZIPPED_LIMIT_BYTES: Final = 250 * 1024 * 1024
"""A function's code and all its layers, unzipped; Lambda's MB are 1,024 KB.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-22.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """A catalogue entry with all versions that its function holds, the default one first.

    Attributes:
        spec: What model.yaml says.
        versions: Versions that callers may name.
        experiments: Its experiments.
        members: Versions of other models that its ensembles are made of.
    """

    spec: ModelSpec
    versions: tuple[BuiltVersion, ...]
    experiments: tuple[ExperimentSpec, ...] = ()
    members: tuple[BuiltVersion, ...] = ()

    @property
    def held(self) -> tuple[BuiltVersion, ...]:
        """Everything that must be where it is served."""
        return (*self.versions, *self.members)

    @property
    def is_sticky(self) -> bool:
        """Whether its function assigns subjects to arms."""
        return any(each.subject for each in self.experiments)

    @property
    def is_openvino(self) -> bool:
        """Whether its replicas run OpenVINO; an ensemble's platform is its own all the same."""
        asked = self.spec.compute.engine is ServingEngine.OPENVINO
        return asked and not self.default.manifest.is_ensemble

    @property
    def default(self) -> BuiltVersion:
        """The version that answers when a caller names none."""
        return self.versions[0]

    @property
    def size_bytes(self) -> int:
        """Bytes of all its versions and what they are made of."""
        return sum(version.manifest.size_bytes for version in self.held)

    @property
    def published(self) -> PublishedModel:
        """What the API tells of it."""
        manifest = self.default.manifest
        return PublishedModel(
            name=self.spec.name,
            version=self.spec.version,
            versions=tuple(version.manifest.version for version in self.versions),
            signature=_seen(self.spec, manifest.signature),
            platform=OPENVINO_PLATFORM if self.is_openvino else manifest.platform,
            description=self.spec.description,
            target=self.spec.compute.target.value,
            takes_feedback=bool(self.experiments),
            is_asynchronous=self.spec.asynchronous is not None,
            golden=manifest.golden,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """A model with its function's code.

    Attributes:
        model: The model.
        code: Handler, signed manifests, the publisher's key and, where they fit, the bytes.
        publisher: The key that signed the manifests, to which the function is pinned.
        far_prefix: Key prefix under which bytes that do not fit are uploaded; empty if they fit.
    """

    model: PackagedModel
    code: StagedCode
    publisher: PublisherKey
    far_prefix: str = ""


def read_models(
    models_root: Path, build_root: Path, names: Sequence[str] = ()
) -> tuple[PackagedModel, ...]:
    """Read the catalogue and what was built of it.

    Args:
        models_root: The catalogue's folder.
        build_root: `.build`.
        names: Models to read; all by default.

    Raises:
        ConfigurationError: Every model that is unknown, every version that is not built.
    """
    catalogue = load_catalogue(models_root)
    models, faults = [], list[str]()
    for name in names or [spec.name for spec in catalogue.models]:
        try:
            spec = catalogue.model(name)
        except ConfigurationError as error:
            faults.extend(error.faults)
            continue
        experiments: tuple[ExperimentSpec, ...] = ()
        try:
            experiments = load_experiments(models_root, name)
        except ConfigurationError as error:
            faults.extend(error.faults)
        versions, members = [], dict[Path, BuiltVersion]()
        for version in held_versions(spec, experiments):
            try:
                versions.append(built_version(build_root, name, version))
                members |= {each.folder: each for each in members_of(build_root, versions[-1])}
            except ConfigurationError as error:
                faults.extend(error.faults)
        models.append(
            PackagedModel(
                spec=spec,
                versions=tuple(versions),
                experiments=experiments,
                members=tuple(members.values()),
            )
        )
    if faults:
        raise ConfigurationError(faults)
    return tuple(models)


def held_versions(spec: ModelSpec, experiments: Sequence[ExperimentSpec] = ()) -> tuple[int, ...]:
    """Return every version that a model's function holds: its own, then those of sticky arms."""
    arms = [arm.model_version for each in experiments if each.subject for arm in each.arms]
    return tuple(dict.fromkeys([*spec.versions, *(version for version in arms if version)]))


def package_model(
    model: PackagedModel,
    *,
    publisher: PublisherKey,
    handler_folder: Path,
    build_root: Path,
    room_bytes: int,
) -> ModelPackage:
    """Stage a model's function code, with its bytes where they fit.

    Args:
        model: The model.
        publisher: Whose signatures the function will believe.
        handler_folder: `functions/predict`, or another that runs the model.
        build_root: `.build`.
        room_bytes: What layers leave of Lambda's limit.

    Raises:
        ManifestNotSignedError: The publisher did not sign a version's manifest.
    """
    fits = model.size_bytes + sum(_manifest_size(v) for v in model.held) <= room_bytes
    data = {
        f"{PACKAGED_MODEL_ROOT}/{PUBLISHER_KEY_FILE}": DataFile(
            digest=publisher.fingerprint, source=key_file(build_root, publisher)
        )
    }
    for version in model.held:
        folder = f"{PACKAGED_MODEL_ROOT}/{version.manifest.name}/{version.manifest.version}"
        manifest = version.folder / MANIFEST_FILE
        text = manifest.read_text(encoding="utf-8")
        data[f"{folder}/{MANIFEST_FILE}"] = DataFile(digest=text_digest(text), source=manifest)
        data[f"{folder}/{MANIFEST_SIGNATURE_FILE}"] = DataFile(
            # ECDSA signatures differ each time: all of one key over one text are the same release.
            digest=text_digest(publisher.fingerprint, text),
            source=signature_at(version.folder, publisher),
        )
        if version.drift_path:
            data[f"{folder}/{DRIFT_FILE}"] = DataFile(
                digest=version.manifest.drift, source=version.drift_path
            )
        if fits or version.manifest.is_ensemble:
            data[f"{folder}/{version.manifest.file}"] = DataFile(
                digest=version.manifest.sha256, source=version.model_path
            )
    digests = [version.manifest.sha256 for version in model.held]
    return ModelPackage(
        model=model,
        code=stage_function(
            f"{handler_folder.name}-{model.spec.name}", handler_folder, data, build_root
        ),
        publisher=publisher,
        far_prefix="" if fits else text_digest(*digests)[:32],
    )


def package_platform(
    models: Sequence[PackagedModel], *, handler_folder: Path, build_root: Path, access: str
) -> StagedCode:
    """Stage the platform function's code with the published catalogue in it.

    Args:
        models: The catalogue.
        handler_folder: `functions/platform_api`.
        build_root: `.build`.
        access: Who may call, as `infra.access.written` says it.
    """
    catalogue = json.dumps([model.published.to_dict() for model in models], indent=1)
    data = {CATALOGUE_FILE: text_file(catalogue), ACCESS_FILE: text_file(access)}
    return stage_function("platform-api", handler_folder, data, build_root)


def text_file(text: str) -> DataFile:
    """Make a data file of a text."""
    return DataFile(digest=text_digest(text), text=text)


def package_analyst(statistics: Path, *, handler_folder: Path, build_root: Path) -> StagedCode:
    """Stage the experiment analyst's code with the statistics in it.

    Args:
        statistics: The package `analysis`.
        handler_folder: `functions/experiment_analyst`.
        build_root: `.build`.
    """
    data = {
        f"{statistics.name}/{path.relative_to(statistics)}": DataFile(
            digest=text_digest(path.read_text(encoding="utf-8")), source=path
        )
        for path in files_in(statistics)
    }
    return stage_function("experiment-analyst", handler_folder, data, build_root)


def package_drift_watch(
    names: Sequence[str], *, models_root: Path, handler_folder: Path, build_root: Path
) -> StagedCode:
    """Stage the drift watch's code with the references of every version that was built.

    Those that are served no longer are among them: until a rollout ends, stable is one.

    Args:
        names: The watched models.
        models_root: The catalogue's folder.
        handler_folder: `functions/drift_watch`.
        build_root: `.build`.
    """
    data = {}
    for name in names:
        for number in sorted(
            int(f.name) for f in (models_root / name).iterdir() if f.name.isdigit()
        ):
            try:
                built = built_version(build_root, name, number)
            except ModelNotBuiltError:
                continue  # what is served was asked for before
            if built.drift_path:
                data[f"{DRIFT_REFERENCES}/{name}/{number}.json"] = DataFile(
                    digest=built.manifest.drift, source=built.drift_path
                )
    return stage_function("drift-watch", handler_folder, data, build_root)


def on_lambda(models: Sequence[PackagedModel]) -> tuple[PackagedModel, ...]:
    """Return the models that have a function: their own, or one to fall back to."""
    return tuple(model for model in models if model.spec.compute.has_function)


def on_gpu(models: Sequence[PackagedModel]) -> tuple[PackagedModel, ...]:
    """Return the models that have a service, with a GPU or without."""
    return tuple(model for model in models if model.spec.compute.is_service)


def _seen(spec: ModelSpec, signature: ModelSignature) -> ModelSignature:
    """Return what callers see: not the tensors that a stateful model hands itself."""
    states = {name for pair in spec.states for name in pair}
    return replace(
        signature,
        inputs=tuple(item for item in signature.inputs if item.name not in states),
        outputs=tuple(item for item in signature.outputs if item.name not in states),
    )


def _manifest_size(version: BuiltVersion) -> int:
    return (version.folder / MANIFEST_FILE).stat().st_size
