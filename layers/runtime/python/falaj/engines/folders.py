"""Triton's folder layout, `<root>/<name>/<version>/`, read with as few imports as can be.

A function reads it while it starts, and `pathlib` (with what it imports) would alone be a tenth of
what the runtime adds to the start.
"""
# ruff: noqa: PTH112, PTH113, PTH118, PTH123, PTH208

import os

from falaj.contract import MANIFEST_FILE


def manifests_under(root: str) -> list[str]:
    """Paths of the manifests of every version of every model, sorted; none if there is no root."""
    if not os.path.isdir(root):
        return []
    folders = (os.path.join(root, name) for name in os.listdir(root))
    found = (
        os.path.join(folder, version, MANIFEST_FILE)
        for folder in folders
        if os.path.isdir(folder)
        for version in os.listdir(folder)
    )
    return sorted(filter(os.path.isfile, found))


def name_and_version(manifest: str) -> tuple[str, str]:
    """The model and version that a manifest's place says it is of."""
    _, name, version, _ = manifest.rsplit(os.sep, 3)
    return name, version


def packaged_model(root: str, name: str, version: int, file: str) -> str | None:
    """Path of a version's bytes beside its manifest, if they are there."""
    path = os.path.join(root, name, str(version), file)
    return path if os.path.isfile(path) else None


def content_of(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        return file.read()
