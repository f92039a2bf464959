"""Function code: a handler of a few lines and the data that belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falaj.errors import ConfigurationError
from infra.bundling.trees import copy_file, place, size_in_bytes, text_digest

HANDLER_FILE: Final = "handler.py"
HANDLER: Final = "handler.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedCode:
    """A function's code on disk.

    Attributes:
        folder: What becomes the zip's root.
        digest: Changes when the content does.
        size_bytes: Unzipped size.
    """

    folder: Path
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file beside the handler.

    Attributes:
        digest: Sha256 of its content, known already, so that large files need not be read again.
        source: Where it is; or
        text: what is in it.
    """

    digest: str
    source: Path | None = None
    text: str = ""


def stage_function(
    name: str, handler_folder: Path, data: Mapping[str, DataFile], build_root: Path
) -> StagedCode:
    """Stage a function's handler with its data files.

    Args:
        name: A folder's name for it.
        handler_folder: `functions/<function>`, which holds `handler.py`.
        data: Files by their path inside the zip.
        build_root: `.build`.

    Raises:
        ConfigurationError: The handler is missing.
    """
    handler = handler_folder / HANDLER_FILE
    if not handler.is_file():
        raise ConfigurationError([f"{handler} is missing: it is the function's entry point"])
    parts = [part for path in sorted(data) for part in (path, data[path].digest)]
    digest = text_digest(handler.read_text(encoding="utf-8"), *parts)
    folder = build_root / "functions" / name / digest[:16]

    def fill(partial: Path) -> None:
        copy_file(handler, partial / HANDLER_FILE)
        for path, content in data.items():
            _write(content, partial / path)

    place(folder, fill)
    return StagedCode(folder=folder, digest=digest, size_bytes=size_in_bytes(folder))


def _write(content: DataFile, target: Path) -> None:
    if content.source is not None:
        copy_file(content.source, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content.text, encoding="utf-8")
