"""The catalogue's sources become `.build/models/<name>/<int>/{model.onnx, manifest.json}`.

An ensemble has `ensemble.json` in the model's place; its members are built before it, and steps of
its own beside it as `<name>-<step>`. Each manifest is signed with the build folder's own key
(catalogue.signing).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final

from catalogue.built import (
    MODELS,
    BuiltVersion,
    built_version,
    is_whole,
    members_of,
    recipe_of,
    write_version,
)
from catalogue.drift import drift_recipe, drift_reference
from catalogue.ensembles import graph_bytes, wired
from catalogue.errors import BuildError, ModelNotBuiltError
from catalogue.examining import examined, examined_graph
from catalogue.fetching import fetch
from catalogue.gate import Findings
from catalogue.gate.findings import GATE_VERSION
from catalogue.graph import EnsembleSource, StepSource
from catalogue.reading import Catalogue, load_catalogue
from catalogue.signing import LocalSigner, remember_key, sign
from catalogue.sources import (
    GOLDEN_FILE,
    FileSource,
    ScriptSource,
    Source,
    folder_digest,
    load_source,
)
from catalogue.spec import ModelSpec
from catalogue.watching import DriftPolicy
from falaj.contract import DRIFT_FACT, ENSEMBLE_PLATFORM
from falaj.domain.manifest import Manifest
from falaj.errors import ConfigurationError

__all__ = [
    "MODELS",
    "BuiltVersion",
    "OnProgress",
    "Progress",
    "Stage",
    "build",
    "built_version",
    "held_numbers",
    "members_of",
    "version_numbers",
]

TOOLS: Final = ("onnx", "onnxruntime", "scikit-learn", "skl2onnx")


class Stage(StrEnum):
    """How far a version's build has come."""

    FETCHING = "fetching"
    EXAMINING = "examining"
    BUILT = "built"
    UP_TO_DATE = "up to date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a build, for whoever shows it.

    Attributes:
        name: Model.
        version: Version.
        stage: How far it has come.
        detail: The gate's stage, or the size in bytes once it is built.
    """

    name: str
    version: int
    stage: Stage
    detail: str = ""


OnProgress = Callable[[Progress], None]


def build(
    models_root: Path,
    build_root: Path,
    names: Sequence[str] | None = None,
    progress: OnProgress = lambda _: None,
) -> tuple[BuiltVersion, ...]:
    """Build and sign every version of the named models; those up to date are left as they are.

    What an ensemble is made of is built with it, and returned before it.

    Args:
        models_root: The catalogue's folder.
        build_root: Where built things go; models below `models`, wheels below `wheels`.
        names: Models to build; all by default.
        progress: Told each step.

    Raises:
        ConfigurationError: Every version that could not be built or was refused by the gate.
    """
    catalogue = load_catalogue(models_root)
    signer = LocalSigner(build_root)
    remember_key(build_root, signer.key)
    specs = [catalogue.model(name) for name in names] if names else list(catalogue.models)
    builder = _Builder(catalogue, build_root, signer, progress)
    faults = list[str]()
    for spec in specs:
        for version in version_numbers(catalogue, spec):
            try:
                builder.version(spec.name, version)
            except ConfigurationError as error:
                faults.extend(error.faults)
    if faults:
        raise ConfigurationError(list(dict.fromkeys(faults)))
    return tuple(builder.done.values())


def version_numbers(catalogue: Catalogue, spec: ModelSpec) -> tuple[int, ...]:
    """Return the versions a model has folders of, served or not, in order."""
    folders = (catalogue.root / spec.name).iterdir()
    return tuple(sorted(int(f.name) for f in folders if f.is_dir() and f.name.isdigit()))


def held_numbers(catalogue: Catalogue, spec: ModelSpec) -> Iterator[tuple[str, int]]:
    """Yield a model's versions by name and number, each after those it is made of."""
    for version in version_numbers(catalogue, spec):
        source = catalogue.ensembles.get((spec.name, version))
        for step in source.steps if source else ():
            yield step.member(spec.name), step.version or version
        yield spec.name, version


class _Builder:
    """Builds each version once, members before ensembles."""

    def __init__(
        self, catalogue: Catalogue, build_root: Path, signer: LocalSigner, progress: OnProgress
    ) -> None:
        self._catalogue, self._root = catalogue, build_root
        self._signer, self._progress = signer, progress
        self.done: dict[tuple[str, int], BuiltVersion] = {}

    def version(self, name: str, version: int) -> BuiltVersion:
        """Return a version of the catalogue, built and signed."""
        if (name, version) in self.done:
            return self.done[name, version]
        origin = self._catalogue.root / name / str(version)
        policy = self._catalogue.model(name).drift
        source = self._catalogue.ensembles.get((name, version))
        if source is not None and policy is not None:
            reason = "an ensemble's answers have no reference; remove drift from model.yaml"
            raise BuildError(name=name, version=version, reason=reason)
        if source is not None:
            return self._kept(self._ensemble(name, version, source, origin))
        return self._kept(
            self._model(
                name, version, origin, lambda: load_source(origin), GOLDEN_FILE, policy=policy
            )
        )

    def _kept(self, built: BuiltVersion) -> BuiltVersion:
        sign(built.folder, self._signer)
        self.done[built.manifest.name, built.manifest.version] = built
        return built

    def _model(
        self,
        name: str,
        version: int,
        origin: Path,
        read: Callable[[], Source],
        golden_file: str,
        *,
        policy: DriftPolicy | None = None,
    ) -> BuiltVersion:
        watched = [drift_recipe(policy, origin.parent)] if policy else []
        recipe = _recipe_digest(origin, *watched)
        if known := self._up_to_date(name, version, recipe):
            return known
        self._say(name, version, Stage.FETCHING)
        source = read()
        data = fetch(name, version, source, origin, self._root)
        golden = _golden(origin / golden_file)
        data, findings = examined(
            name, version, data, golden, lambda at: self._say(name, version, Stage.EXAMINING, at)
        )
        manifest = _manifest(name, version, findings, golden, _origin_facts(source))
        if policy is None:
            return self._written(data, manifest, findings, recipe)
        self._say(name, version, Stage.EXAMINING, "counting reference rows")
        drift = drift_reference(manifest, data, policy, origin.parent)
        facts = {**manifest.facts, DRIFT_FACT: hashlib.sha256(drift).hexdigest()}
        return self._written(data, replace(manifest, facts=facts), findings, recipe, drift=drift)

    def _ensemble(
        self, name: str, version: int, source: EnsembleSource, origin: Path
    ) -> BuiltVersion:
        members = [self._member(name, version, step, origin) for step in source.steps]
        digests = [member.manifest.sha256 for member in members]
        recipe = _recipe_digest(origin, *digests)
        if known := self._up_to_date(name, version, recipe):
            return known
        content = graph_bytes(source, [member.manifest for member in members])
        golden = _golden(origin / GOLDEN_FILE)
        try:
            signature = wired(source, [member.manifest.signature for member in members])
        except ConfigurationError as error:
            reason = "; ".join(error.faults)
            raise BuildError(name=name, version=version, reason=reason) from error
        findings = examined_graph(
            Manifest(name=name, version=version, sha256="", size_bytes=0, signature=signature),
            content,
            members,
            golden,
            lambda at: self._say(name, version, Stage.EXAMINING, at),
        )
        facts = {"kind": source.kind.value, "licence": source.licence}
        manifest = _manifest(name, version, findings, golden, facts)
        return self._written(
            content, replace(manifest, platform=ENSEMBLE_PLATFORM), findings, recipe
        )

    def _member(self, ensemble: str, version: int, step: StepSource, origin: Path) -> BuiltVersion:
        name = step.member(ensemble)
        if step.model is not None and step.version is not None:
            return self.version(step.model, step.version)
        if (name, version) in self.done:
            return self.done[name, version]
        source: Source = (
            ScriptSource(script=step.script)
            if step.script is not None
            else FileSource(file=step.title, sha256=step.sha256 or "")
        )
        golden_file = f"{Path(step.title).stem}.{GOLDEN_FILE}"
        return self._kept(self._model(name, version, origin, lambda: source, golden_file))

    def _up_to_date(self, name: str, version: int, recipe: str) -> BuiltVersion | None:
        try:
            known = built_version(self._root, name, version)
        except ModelNotBuiltError:
            return None
        if recipe_of(known) != recipe or not is_whole(known):
            return None
        self._say(name, version, Stage.UP_TO_DATE)
        return known

    def _written(
        self,
        data: bytes,
        manifest: Manifest,
        findings: Findings,
        recipe: str,
        *,
        drift: bytes = b"",
    ) -> BuiltVersion:
        folder = self._root / MODELS / manifest.name / str(manifest.version)
        write_version(folder, data, manifest, findings, recipe, drift=drift)
        self._say(manifest.name, manifest.version, Stage.BUILT, f"{len(data):,} bytes")
        return BuiltVersion(folder=folder, manifest=manifest)

    def _say(self, name: str, version: int, stage: Stage, detail: str = "") -> None:
        self._progress(Progress(name=name, version=version, stage=stage, detail=detail))


def _recipe_digest(origin: Path, *members: str) -> str:
    """Digest everything a build depends on: folder, members, gate and the exporters' versions."""
    tools = [f"{tool}=={installed_version(tool)}" for tool in TOOLS]
    parts = "\n".join([f"gate {GATE_VERSION}", *tools, folder_digest(origin), *members])
    return hashlib.sha256(parts.encode()).hexdigest()


def _golden(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        return []
    try:
        cases: list[Mapping[str, Any]] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigurationError([f"{path}: not JSON: {error}"]) from error
    return cases


def _manifest(
    name: str,
    version: int,
    findings: Findings,
    golden: Sequence[Mapping[str, Any]],
    source: Mapping[str, Any],
) -> Manifest:
    return Manifest(
        name=name,
        version=version,
        sha256=findings.sha256,
        size_bytes=findings.size_bytes,
        signature=findings.signature,
        golden=tuple(golden),
        facts={**findings.facts(), "source": dict(source)},
    )


def _origin_facts(source: Source) -> dict[str, Any]:
    kind = type(source).__name__.removesuffix("Source").lower()
    return {"kind": kind, **asdict(source)}
