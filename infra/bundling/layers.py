"""Layers, staged below .build and reused while pins, rules and sources stay the same."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uv

from falaj.errors import ConfigurationError
from infra.bundling.bytecode import compile_tree, interpreter_of
from infra.bundling.pruning import UNNEEDED, prune
from infra.bundling.target import BuildTarget
from infra.bundling.trees import (
    copy_file,
    files_in,
    place,
    size_in_bytes,
    text_digest,
    tree_digest,
)

RUNTIME_LAYER: Final = "runtime"
ONNX_LAYER: Final = "onnx"
API_LAYER: Final = "api"
AUTHORIZER_LAYER: Final = "authorizer"
ANALYSIS_LAYER: Final = "analysis"

ANY_ARCHITECTURE: Final = "any"
PACKAGES_FOLDER: Final = "python"
"""Lambda puts `/opt/python` on sys.path.

Source: docs.aws.amazon.com/lambda/latest/dg/python-layers.html, read 2026-11-22.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedLayer:
    """A layer's content on disk.

    Attributes:
        name: `runtime`, `onnx`, `api` or `authorizer`.
        architecture: Lambda's name, or `any` for pure Python.
        folder: What becomes the zip's root.
        digest: Changes when the content does.
        size_bytes: Unzipped size.
        has_bytecode: Whether it ships bytecode for the target; every cold start compiles otherwise.
    """

    name: str
    architecture: str
    folder: Path
    digest: str
    size_bytes: int
    has_bytecode: bool


def stage_runtime(source: Path, build_root: Path, target: BuildTarget) -> StagedLayer:
    """Stage the shared library, byte for byte, with bytecode for the target.

    Args:
        source: `layers/runtime/python`, which holds the package.
        build_root: `.build`.
        target: Whose Python runs it; any instruction set will do.
    """
    digest = text_digest(RUNTIME_LAYER, tree_digest(source), target.python, _bytecode_key(target))

    def fill(packages: Path) -> None:
        for path in files_in(source):
            copy_file(path, packages / path.relative_to(source))

    shelf = build_root / "layers" / RUNTIME_LAYER / f"py{target.python}"
    folder = _stage(shelf, digest, fill, target)
    return _staged(RUNTIME_LAYER, ANY_ARCHITECTURE, folder, digest, target)


def stage_packages(name: str, pins: Path, build_root: Path, target: BuildTarget) -> StagedLayer:
    """Stage third-party packages from a pinned requirements file.

    Args:
        name: The layer's name.
        pins: A requirements file with hashes.
        build_root: `.build`.
        target: Which wheels to take.

    Raises:
        ConfigurationError: The pins are missing, or a pinned package has no wheel for the target.
    """
    if not pins.is_file():
        raise ConfigurationError([f"{pins} is missing: it pins what the {name} layer holds"])
    digest = text_digest(
        name, pins.read_text(encoding="utf-8"), *UNNEEDED, target.label, _bytecode_key(target)
    )

    def fill(packages: Path) -> None:
        _install(pins, packages, target)
        prune(packages)

    folder = _stage(build_root / "layers" / name / target.label, digest, fill, target)
    return _staged(name, target.architecture, folder, digest, target)


def _stage(shelf: Path, digest: str, fill: Callable[[Path], None], target: BuildTarget) -> Path:
    folder = shelf / digest[:16]

    def fill_and_compile(partial: Path) -> None:
        (partial / PACKAGES_FOLDER).mkdir()
        fill(partial / PACKAGES_FOLDER)
        interpreter = interpreter_of(target.python)
        if interpreter is not None:
            compile_tree(partial, interpreter)

    place(folder, fill_and_compile)
    return folder


def _install(pins: Path, packages: Path, target: BuildTarget) -> None:
    """Install wheels as pinned; nothing is built, so nothing of this machine leaks in."""
    done = subprocess.run(  # noqa: S603 - the pinned uv
        [
            uv.find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--no-config",
            "--target",
            str(packages),
            *target.uv_arguments,
            "--only-binary",
            ":all:",
            "--no-deps",
            "--require-hashes",
            "--requirements",
            str(pins),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(
            [f"cannot stage {pins} for {target.label}: {done.stderr.strip() or 'uv failed'}"]
        )


def _bytecode_key(target: BuildTarget) -> str:
    return "bytecode" if interpreter_of(target.python) else "sources only"


def _staged(
    name: str, architecture: str, folder: Path, digest: str, target: BuildTarget
) -> StagedLayer:
    return StagedLayer(
        name=name,
        architecture=architecture,
        folder=folder,
        digest=digest,
        size_bytes=size_in_bytes(folder),
        has_bytecode=interpreter_of(target.python) is not None,
    )
