"""Built versions on disk: `.build/models/<name>/<int>/`, complete once its manifest is there."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalogue.errors import ModelNotBuiltError
from catalogue.gate import Findings
from falaj.contract import DRIFT_FILE, MANIFEST_FILE
from falaj.domain.ensemble import steps_of
from falaj.domain.manifest import Manifest
from falaj.errors import ArtefactError

MEASUREMENTS_FILE: Final = "measurements.json"
"""Latency and memory lie beside the manifest: they differ at every build, a version must not."""
RECIPE_FILE: Final = "recipe.sha256"
"""Digest of all that the build depended on; another one means that it must be built anew."""
MODELS: Final = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltVersion:
    """A version on disk.

    Attributes:
        folder: Holds the version's bytes and `manifest.json`.
        manifest: What the manifest says.
    """

    folder: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """The model's bytes."""
        return self.folder / self.manifest.file

    @property
    def drift_path(self) -> Path | None:
        """The reference of drift, where the version has one."""
        return self.folder / DRIFT_FILE if self.manifest.drift else None


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
        size = (folder / manifest.file).stat().st_size
    except FileNotFoundError as error:
        raise not_built("") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_built(f"unreadable: {error}") from error
    if size != manifest.size_bytes:
        raise not_built(f"{size:,} bytes, the manifest says {manifest.size_bytes:,}")
    return BuiltVersion(folder=folder, manifest=manifest)


def members_of(build_root: Path, built: BuiltVersion) -> tuple[BuiltVersion, ...]:
    """Return the versions that an ensemble is made of, each once; none for other models.

    Raises:
        ModelNotBuiltError: One is missing, or was built anew since.
    """
    if not built.manifest.is_ensemble:
        return ()
    name, version = built.manifest.name, built.manifest.version
    try:
        steps = steps_of(name, built.model_path.read_bytes())
    except (OSError, ArtefactError) as error:
        raise ModelNotBuiltError(
            name=name, version=version, looked_in=str(built.folder), reason=str(error)
        ) from error
    found = {}
    for step in steps:
        member = built_version(build_root, step.model, step.version)
        if member.manifest.sha256 != step.sha256:
            raise ModelNotBuiltError(
                name=name,
                version=version,
                looked_in=str(built.folder),
                reason=f"{step.model} {step.version} was built anew since",
            )
        found[step.model, step.version] = member
    return tuple(found.values())


def recipe_of(built: BuiltVersion) -> str:
    """Return the digest of what it was built of; empty if that is not known."""
    try:
        return (built.folder / RECIPE_FILE).read_text(encoding="utf-8")
    except OSError:
        return ""


def is_whole(built: BuiltVersion) -> bool:
    """Whether the bytes are those of the manifest, and so is the reference of drift."""
    wanted = {built.model_path: built.manifest.sha256}
    if built.drift_path:
        wanted[built.drift_path] = built.manifest.drift
    try:
        return all(
            hashlib.sha256(path.read_bytes()).hexdigest() == digest
            for path, digest in wanted.items()
        )
    except OSError:
        return False


def write_version(
    folder: Path,
    data: bytes,
    manifest: Manifest,
    findings: Findings,
    recipe: str,
    *,
    drift: bytes = b"",
) -> None:
    """Write the manifest last: a folder that has one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_FILE).unlink(missing_ok=True)
    _replace(folder / manifest.file, data)
    if drift:
        _replace(folder / DRIFT_FILE, drift)
    else:
        (folder / DRIFT_FILE).unlink(missing_ok=True)
    _replace(folder / MEASUREMENTS_FILE, _json(findings.measurements.to_dict()))
    _replace(folder / RECIPE_FILE, recipe.encode())
    _replace(folder / MANIFEST_FILE, _json(manifest.to_dict()))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)  # noqa: PTH105 - atomic on purpose
