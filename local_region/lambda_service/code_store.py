"""What a version holds is the service's own copy: editing the source changes nothing published."""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_region.lambda_service.refusals import InvalidParameterValueError

# docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB unzipped, layers included;
# wording from localstack's test_lambda_api.snapshot.json, test_oversized_lambda.
LARGEST_UNZIPPED_BYTES: Final = 262_144_000
_EMPTY: Final = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A function's code and merged layers inside the store."""

    code_folder: Path
    opt_folder: Path
    layers: tuple[Path, ...]
    sha256: str
    size: int


class CodeStore:
    """Folders kept by content under one root; the same content is copied once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def capture(self, code: Path, layers: Sequence[Path]) -> Captured:
        """Copy a function's code and layers, and merge the layers as Lambda merges them into /opt.

        Args:
            code: The unpacked code asset.
            layers: Unpacked layers; of two files at one path the later layer's wins.

        Raises:
            InvalidParameterValueError: A folder is missing.
        """
        code_digest, code_folder = self._keep(code)
        kept = [self._keep(layer) for layer in layers]
        size = folder_bytes(code_folder)
        opt = self._merge([digest for digest, _ in kept], [folder for _, folder in kept])
        sha256 = base64.b64encode(bytes.fromhex(code_digest)).decode()
        return Captured(
            code_folder=code_folder,
            opt_folder=opt,
            layers=tuple(folder for _, folder in kept),
            sha256=sha256,
            size=size,
        )

    def _keep(self, folder: Path) -> tuple[str, Path]:
        if not folder.is_dir():
            raise InvalidParameterValueError(
                f"Code folder {folder} does not exist; synthesize the stacks again"
            )
        digest = _digest(folder)
        target = self._root / "code" / digest
        if not target.exists():
            _publish(target, lambda staging: shutil.copytree(folder, staging, dirs_exist_ok=True))
        return digest, target

    def _merge(self, digests: Sequence[str], folders: Sequence[Path]) -> Path:
        name = hashlib.sha256("/".join(digests).encode()).hexdigest() if digests else _EMPTY
        target = self._root / "opt" / name
        if not target.exists():

            def link_all(staging: Path) -> None:
                for folder in folders:
                    for source in _files(folder):
                        link = staging / source.relative_to(folder)
                        link.parent.mkdir(parents=True, exist_ok=True)
                        link.unlink(missing_ok=True)
                        os.link(source, link, follow_symlinks=False)

            _publish(target, link_all)
        return target


def _publish(target: Path, fill: Callable[[Path], object]) -> None:
    staging = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    fill(staging)
    try:
        staging.rename(target)
    except OSError:
        # Another process, which keeps its code in the same folder, has just done the same.
        if not target.is_dir():
            raise
        shutil.rmtree(staging)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file())


def check_unzipped(code: Path, layer_bytes: int) -> None:
    """Refuse code that, with its layers as they would be deployed, exceeds 250 MB unzipped."""
    if folder_bytes(code) + layer_bytes > LARGEST_UNZIPPED_BYTES:
        raise InvalidParameterValueError(
            f"Unzipped size must be smaller than {LARGEST_UNZIPPED_BYTES} bytes"
        )


def folder_bytes(folder: Path) -> int:
    """Return the size of a folder's files."""
    return sum(path.lstat().st_size for path in _files(folder))


def _digest(folder: Path) -> str:
    """Hash names, modes and bytes; times do not count, as zips of assets reset them."""
    whole = hashlib.sha256()
    for path in _files(folder):
        if path.is_symlink():
            content = str(path.readlink()).encode()
        else:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        executable = bool(path.lstat().st_mode & 0o100)
        name = path.relative_to(folder).as_posix()
        whole.update(f"{name}\0{executable}\0".encode() + content + b"\0")
    return whole.hexdigest()
