"""The catalogue's sources become `.build/models/<name>/<int>/{model.onnx, manifest.json}`.

Each manifest is signed with the build folder's own key (catalogue.signing).
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final

from catalogue.errors import BuildError, ModelNotBuiltError, ModelRefusedError
from catalogue.gate import Findings, examine
from catalogue.gate.findings import GATE_VERSION
from catalogue.reading import Catalogue, load_catalogue
from catalogue.signing import LocalSigner, remember_key, sign
from catalogue.sources import (
    GOLDEN_FILE,
    FileSource,
    ScriptSource,
    Source,
    WheelSource,
    folder_digest,
    load_source,
)
from catalogue.spec import ModelSpec
from catalogue.wheels import read_member
from falaj.contract import MANIFEST_FILE, MODEL_FILE
from falaj.domain.manifest import Manifest
from falaj.errors import ConfigurationError

MEASUREMENTS_FILE: Final = "measurements.json"
"""Latency and memory lie beside the manifest: they differ at every build, a version must not."""
RECIPE_FILE: Final = "recipe.sha256"
"""Digest of all that the build depended on; another one means that it must be built anew."""
TOOLS: Final = ("onnx", "onnxruntime", "scikit-learn", "skl2onnx")
WHEELS: Final = "wheels"
MODELS: Final = "models"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltVersion:
    """A version on disk.

    Attributes:
        folder: Holds `model.onnx` and `manifest.json`.
        manifest: What the manifest says.
    """

    folder: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """The model's bytes."""
        return self.folder / MODEL_FILE


OnProgress = Callable[[Progress], None]


def build(
    models_root: Path,
    build_root: Path,
    names: Sequence[str] | None = None,
    progress: OnProgress = lambda _: None,
) -> tuple[BuiltVersion, ...]:
    """Build and sign every version of the named models; those up to date are left as they are.

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
    built, faults = [], list[str]()
    for spec in specs:
        for version in version_numbers(catalogue, spec):
            try:
                done = _build_version(catalogue, spec, version, build_root, progress)
                sign(done.folder, signer)
                built.append(done)
            except ConfigurationError as error:
                faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return tuple(built)


def built_version(build_root: Path, name: str, version: int) -> BuiltVersion:
    """Return a version that was built.

    Raises:
        ModelNotBuiltError: It was not, or its bytes are not those of its manifest.
    """
    folder = build_root / MODELS / name / str(version)

    def not_built(reason: str) -> ModelNotBuiltError:
        return ModelNotBuiltError(name=name, version=version, looked_in=str(folder), reason=reason)

    try:
        manifest = Manifest.from_dict(json.loads((folder / MANIFEST_FILE).read_bytes()))
        size = (folder / MODEL_FILE).stat().st_size
    except FileNotFoundError as error:
        raise not_built("") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_built(f"unreadable: {error}") from error
    if size != manifest.size_bytes:
        raise not_built(f"{size:,} bytes, the manifest says {manifest.size_bytes:,}")
    return BuiltVersion(folder=folder, manifest=manifest)


def version_numbers(catalogue: Catalogue, spec: ModelSpec) -> tuple[int, ...]:
    """Return the versions a model has folders of, served or not, in order."""
    folders = (catalogue.root / spec.name).iterdir()
    return tuple(sorted(int(f.name) for f in folders if f.is_dir() and f.name.isdigit()))


def _build_version(
    catalogue: Catalogue, spec: ModelSpec, version: int, build_root: Path, progress: OnProgress
) -> BuiltVersion:
    def say(stage: Stage, detail: str = "") -> None:
        progress(Progress(name=spec.name, version=version, stage=stage, detail=detail))

    origin = catalogue.root / spec.name / str(version)
    recipe = _recipe_digest(origin)
    try:
        known = built_version(build_root, spec.name, version)
    except ModelNotBuiltError:
        known = None
    if known and _recipe_of(known) == recipe and _is_whole(known):
        say(Stage.UP_TO_DATE)
        return known
    say(Stage.FETCHING)
    source = load_source(origin)
    data = _fetch(spec, version, source, origin, build_root)
    golden = _golden(origin)
    data, findings = _examined(
        spec, version, data, golden, lambda detail: say(Stage.EXAMINING, detail)
    )
    manifest = Manifest(
        name=spec.name,
        version=version,
        sha256=findings.sha256,
        size_bytes=findings.size_bytes,
        signature=findings.signature,
        golden=tuple(golden),
        facts={**findings.facts(), "source": _origin_facts(source)},
    )
    folder = build_root / MODELS / spec.name / str(version)
    _write(folder, data, manifest, findings, recipe)
    say(Stage.BUILT, f"{len(data):,} bytes")
    return BuiltVersion(folder=folder, manifest=manifest)


def _examined(
    spec: ModelSpec,
    version: int,
    data: bytes,
    golden: Sequence[Mapping[str, Any]],
    on_stage: Callable[[str], None],
) -> tuple[bytes, Findings]:
    with tempfile.TemporaryDirectory(prefix="falaj-build-") as folder:
        path = Path(folder) / MODEL_FILE
        path.write_bytes(data)
        try:
            return examine(path, golden=golden, on_stage=on_stage)
        except ModelRefusedError as error:
            raise ModelRefusedError(
                source=f"model {spec.name!r} version {version}", reasons=error.reasons
            ) from error


def _recipe_digest(origin: Path) -> str:
    """Digest everything a build depends on: the folder, the gate and the exporters' versions."""
    tools = [f"{tool}=={installed_version(tool)}" for tool in TOOLS]
    parts = "\n".join([f"gate {GATE_VERSION}", *tools, folder_digest(origin)])
    return hashlib.sha256(parts.encode()).hexdigest()


def _recipe_of(built: BuiltVersion) -> str:
    try:
        return (built.folder / RECIPE_FILE).read_text(encoding="utf-8")
    except OSError:
        return ""


def _is_whole(built: BuiltVersion) -> bool:
    digest = hashlib.sha256(built.model_path.read_bytes()).hexdigest()
    return digest == built.manifest.sha256


def _fetch(spec: ModelSpec, version: int, source: Source, origin: Path, build_root: Path) -> bytes:
    try:
        match source:
            case WheelSource():
                return read_member(source, build_root / WHEELS)
            case ScriptSource():
                return _run_script(origin / source.script)
            case FileSource():
                return _read_file(origin / source.file, source.sha256)
    except ConfigurationError as error:
        reason = "; ".join(error.faults)
        raise BuildError(name=spec.name, version=version, reason=reason) from error


def _run_script(script: Path) -> bytes:
    """Run a build script of the repository, in a process of its own."""
    if not script.is_file():
        raise ConfigurationError([f"{script}: no such build script"])
    with tempfile.TemporaryDirectory(prefix="falaj-script-") as folder:
        output = Path(folder) / MODEL_FILE
        environment = {
            **os.environ,  # noqa: TID251 - handed on whole, nothing is read from it
            "PYTHONPATH": str(script.resolve().parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            # Exporters that walk a set of texts then give the same bytes each time.
            "PYTHONHASHSEED": "0",
        }
        done = subprocess.run(  # noqa: S603 - a reviewed script of this repository, no shell
            [sys.executable, str(script.resolve()), str(output)],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0 or not output.is_file():
            last = (done.stderr.strip().splitlines() or ["it wrote no model"])[-1]
            raise ConfigurationError([f"{script}: {last}"])
        return output.read_bytes()


def _read_file(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [f"{path}: {error.strerror}; put the model there or add it anew"]
        ) from error
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        raise ConfigurationError([f"{path} has sha256 {got}, pinned is {sha256}"])
    return data


def _golden(origin: Path) -> list[Mapping[str, Any]]:
    path = origin / GOLDEN_FILE
    if not path.is_file():
        return []
    try:
        cases: list[Mapping[str, Any]] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigurationError([f"{path}: not JSON: {error}"]) from error
    return cases


def _origin_facts(source: Source) -> dict[str, Any]:
    kind = type(source).__name__.removesuffix("Source").lower()
    return {"kind": kind, **asdict(source)}


def _write(folder: Path, data: bytes, manifest: Manifest, findings: Findings, recipe: str) -> None:
    """Write the manifest last: a folder that has one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_FILE).unlink(missing_ok=True)
    _replace(folder / MODEL_FILE, data)
    _replace(folder / MEASUREMENTS_FILE, _json(findings.measurements.to_dict()))
    _replace(folder / RECIPE_FILE, recipe.encode())
    _replace(folder / MANIFEST_FILE, _json(manifest.to_dict()))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)  # noqa: PTH105 - atomic on purpose
