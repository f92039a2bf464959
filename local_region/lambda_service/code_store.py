"""What a version holds is the service's own copy: editing the source changes nothing published."""

import base64
import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
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
    """A function's code and merged layers inside the store.

    Attributes:
        code_folder: The code.
        opt_folder: The layers, merged.
        layers: The layers, each by itself.
        sha256: Of the code.
        size: Of the code, in bytes.
        layer_bytes: Of the layers as they would be deployed.
    """

    code_folder: Path
    opt_folder: Path
    layers: tuple[Path, ...]
    sha256: str
    size: int
    layer_bytes: int


class CodeStore:
    """Folders kept by content under one root; the same content is copied once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._one_at_a_time = threading.Lock()

    def capture(self, code: Path, layers: Sequence[Path], *, layer_bytes: int) -> Captured:
        """Copy a function's code and layers, and merge the layers as Lambda merges them into /opt.

        It reads every byte of what is not in the store yet, and may run in any thread.

        Args:
            code: The unpacked code asset.
            layers: Unpacked layers; of two files at one path the later layer's wins.
            layer_bytes: Size of the layers as they would be deployed.

        Raises:
            InvalidParameterValueError: A folder is missing.
        """
        with self._one_at_a_time:
            return self._capture(code, layers, layer_bytes)

    def _capture(self, code: Path, layers: Sequence[Path], layer_bytes: int) -> Captured:
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
            layer_bytes=layer_bytes,
        )

    def _keep(self, folder: Path) -> tuple[str, Path]:
        if not folder.is_dir():
            raise InvalidParameterValueError(
                f"Code folder {folder} does not exist; synthesize the stacks again"
            )
        if folder.parent == self._root / "code":
            return folder.name, folder  # nobody writes there
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
                    for name in _names(folder):
                        source, link = folder / name, staging / name
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


def _names(folder: Path) -> list[str]:
    """List files and links below a folder, by folder; as text, for there are thousands."""
    found = []
    for parent, folders, files in os.walk(folder):
        links = (name for name in folders if os.path.islink(f"{parent}/{name}"))  # noqa: PTH114
        found += [f"{parent}/{name}" for name in (*files, *links)]
    begin = len(str(folder)) + 1
    return sorted((name[begin:] for name in found), key=lambda name: name.split("/"))


def check_unzipped(code: Path, layer_bytes: int) -> None:
    """Refuse code that, with its layers as they would be deployed, exceeds 250 MB unzipped."""
    if folder_bytes(code) + layer_bytes > LARGEST_UNZIPPED_BYTES:
        raise InvalidParameterValueError(
            f"Unzipped size must be smaller than {LARGEST_UNZIPPED_BYTES} bytes"
        )


def folder_bytes(folder: Path) -> int:
    """Return the size of a folder's files."""
    return sum(os.lstat(f"{folder}/{name}").st_size for name in _names(folder))


def _digest(folder: Path) -> str:
    """Hash names, modes and bytes; times do not count, as zips of assets reset them."""
    whole = hashlib.sha256()
    for name in _names(folder):
        path = f"{folder}/{name}"
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            content = os.readlink(path).encode()  # noqa: PTH115 - as text, see _names
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - as above
                content = hashlib.file_digest(file, "sha256").digest()
        executable = bool(mode & 0o100)
        whole.update(f"{name}\0{executable}\0".encode() + content + b"\0")
    return whole.hexdigest()
