"""The host's stand-in for Lambda's image: interpreter, /var/runtime, layers built for the host."""

import compileall
import hashlib
import importlib.metadata
import os
import platform
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uv

from falaj.errors import ConfigurationError

SDK: Final = frozenset({"boto3", "botocore", "s3transfer"})
"""Pruned from layers, as the image has them; their metadata may be left."""

IMAGE_DISTRIBUTIONS: Final = ("awslambdaric", "boto3")
"""What AWS's Python image brings besides the standard library; see
docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included, read 2026-11-22."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFolders:
    """Where function processes find what Lambda's image would give them.

    Args:
        interpreter: The base interpreter; never a virtual environment's.
        runtime: Stands for /var/runtime: the runtime interface client and boto3.
        host_layers: Where layers resolved for the host are kept.
        progress: Told, in a sentence, when something slow starts.
    """

    interpreter: Path
    runtime: Path
    host_layers: Path
    progress: Callable[[str], None] = field(default=lambda _: None)

    @classmethod
    def prepare(
        cls, build_folder: Path, *, progress: Callable[[str], None] = lambda _: None
    ) -> "RuntimeFolders":
        """Build the folders once under `build_folder`, from the distributions this program runs on.

        They are the pins of requirements.txt, already installed and checked against their hashes,
        so
        nothing is downloaded.

        Raises:
            ConfigurationError: A distribution of the image is not installed.
        """
        host = f"python{sys.version_info.major}.{sys.version_info.minor}"
        build_folder = build_folder.resolve()
        releases = dict(_distributions(IMAGE_DISTRIBUTIONS))
        stamp = "\n".join(f"{name}=={item.version}" for name, item in sorted(releases.items()))
        digest = hashlib.sha256(stamp.encode()).hexdigest()[:16]
        runtime = build_folder / host / f"runtime-{digest}"
        if not runtime.is_dir():
            progress(f"Preparing the Lambda runtime for {host}")
            _copy_distributions(releases.values(), runtime)
        return cls(
            interpreter=Path(sys.executable).resolve(),
            runtime=runtime,
            host_layers=build_folder / host / "layers",
            progress=progress,
        )

    def host_layer(self, layer: Path) -> Path:
        """Return a layer that runs here: itself, or the same releases resolved for this machine.

        A layer holds wheels for Lambda's platform and Python. When one of them does not load here,
        every release its `*.dist-info` folders name is installed for the host instead, once.

        Raises:
            ConfigurationError: A release has no wheel for this machine.
        """
        releases = layer_releases(layer)
        if not releases or all(release.fits for release in releases):
            return layer
        pins = sorted(release.pin for release in releases if release.name not in SDK)
        target = self.host_layers / hashlib.sha256("\n".join(pins).encode()).hexdigest()[:16]
        if not target.is_dir():
            self.progress(f"Installing {', '.join(pins[:4])} … for this machine")
            _install(pins, target, self.interpreter)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRelease:
    """A distribution inside a layer, and whether its wheel loads into this interpreter."""

    name: str
    version: str
    fits: bool

    @property
    def pin(self) -> str:
        """The release as a requirement."""
        return f"{self.name}=={self.version}"


def layer_releases(layer: Path) -> tuple[LayerRelease, ...]:
    """Read which distributions a layer holds.

    Source:
        packaging.python.org/en/latest/specifications/binary-distribution-format, `WHEEL`.
    """
    found = importlib.metadata.distributions(path=[str(layer / "python")])
    return tuple(
        LayerRelease(
            name=item.metadata["Name"].lower(),
            version=item.version,
            fits=any(_loads_here(tag) for tag in _tags(item)),
        )
        for item in found
    )


def _tags(item: importlib.metadata.Distribution) -> list[str]:
    lines = (item.read_text("WHEEL") or "").splitlines()
    return [line.removeprefix("Tag:").strip() for line in lines if line.startswith("Tag:")]


def _loads_here(tag: str) -> bool:
    interpreter, abi, place = tag.split("-", 2)
    if place == "any":
        return True
    is_python = (
        abi == "abi3" or interpreter == f"cp{sys.version_info.major}{sys.version_info.minor}"
    )
    is_machine = place.startswith(("manylinux", "linux")) and place.endswith(platform.machine())
    return sys.platform == "linux" and is_python and is_machine


def _distributions(
    names: tuple[str, ...],
) -> Iterator[tuple[str, importlib.metadata.Distribution]]:
    seen: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigurationError([f"{name} is not installed; run `make up`"]) from error
        yield name, found
        queue += [
            _requirement_name(line) for line in found.requires or () if "extra ==" not in line
        ]


def _requirement_name(line: str) -> str:
    name = line.partition(";")[0]
    for sign in "<>=!~[( ":
        name = name.partition(sign)[0]
    return name.strip().lower().replace("_", "-")


def _copy_distributions(releases: Iterable[importlib.metadata.Distribution], target: Path) -> None:
    staging = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    for release in releases:
        for file in release.files or ():
            source = Path(str(release.locate_file(file)))
            if ".." in file.parts or not source.is_file():
                continue
            copy = staging / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    # AWS's image carries bytecode, and function processes write none.
    compileall.compile_dir(
        staging, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    _swap_in(staging, target)


def _install(pins: Sequence[str], target: Path, interpreter: Path) -> None:
    staging = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    command = [
        uv.find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--compile-bytecode",
        f"--python={interpreter}",
        f"--target={staging / 'python'}",
        *pins,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        shutil.rmtree(staging, ignore_errors=True)
        raise ConfigurationError(
            [f"cannot install a layer for this machine: {done.stderr.strip()}"]
        )
    _swap_in(staging, target)


def _swap_in(staging: Path, target: Path) -> None:
    """Make a finished folder visible at once; another process may have been first."""
    try:
        staging.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(staging, ignore_errors=True)
