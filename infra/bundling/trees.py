"""Folders as values: their digest, their size, and a copy that costs no bytes."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""How the name of a folder ends that somebody is filling."""
CACHES: Final = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache"})


def files_in(root: Path) -> Iterator[Path]:
    """Yield every file below a folder in name order, caches left out."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not CACHES & set(path.relative_to(root).parts):
            yield path


def tree_digest(root: Path) -> str:
    """Return the sha256 over names and contents of every file below a folder."""
    digest = hashlib.sha256()
    for path in files_in(root):
        name = path.relative_to(root).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(len(name).to_bytes(4) + name + content)
    return digest.hexdigest()


def text_digest(*parts: str) -> str:
    """Return the sha256 over texts, each told apart from its neighbours."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()


def size_in_bytes(root: Path) -> int:
    """Return the bytes of all files below a folder."""
    with os.scandir(root) as entries:
        return sum(
            size_in_bytes(Path(entry.path)) if entry.is_dir() else entry.stat().st_size
            for entry in entries
        )


def copy_file(source: Path, target: Path) -> None:
    """Copy a file that somebody may yet edit in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def link_file(source: Path, target: Path) -> None:
    """Put a file at another place, as a second name for the same bytes where the disk allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def link_tree(source: Path, target: Path) -> None:
    """Put a whole folder at another place without copying bytes; nothing is left half done."""

    def link(partial: Path) -> None:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                link_file(path, partial / path.relative_to(source))

    place(target, link)


def place(target: Path, fill: Callable[[Path], None]) -> None:
    """Have a folder that is named by its content, and mark it as used today.

    Whoever sweeps up what no assembly names (`cli.leftovers`) leaves what was used of late.

    Args:
        target: The folder; one that exists is whole.
        fill: Writes its content into the folder that it is given.
    """
    with suppress(FileNotFoundError):
        os.utime(target)
        return
    partial = target.with_name(f"{target.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    fill(partial)
    move_into_place(partial, target)


def move_into_place(partial: Path, target: Path) -> None:
    """Give a finished folder its name; the first of two that race wins."""
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not target.exists():
            raise
