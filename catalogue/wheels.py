"""Files taken out of wheels from the package index, pinned by digest and never installed."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from catalogue.sources import WheelSource
from falaj.errors import ConfigurationError

PYTHON_VERSION: Final = "3.11"
LARGEST_MEMBER_BYTES: Final = 2**31 - 1


def read_member(source: WheelSource, cache: Path) -> bytes:
    """Return a member of a wheel, from the cache if the wheel is there already.

    Raises:
        ConfigurationError: The wheel cannot be had, or it or the member has another digest.
    """
    wheel = cache / f"{source.wheel_sha256}.whl"
    if not wheel.is_file() or _digest(wheel.read_bytes()) != source.wheel_sha256:
        _download(source, wheel)
    return _extract(source, wheel)


def _download(source: WheelSource, wheel: Path) -> None:
    """Fetch through pip, which knows the machine's index; nothing of the wheel is run."""
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".download-") as folder:
        done = subprocess.run(  # noqa: S603 - no shell; the requirement is reviewed in source.yaml
            [
                *(sys.executable, "-m", "pip", "download", "--quiet"),
                *("--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"),
                *("--python-version", PYTHON_VERSION, "--platform", source.platform),
                *("--dest", folder, source.requirement),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        found = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(found) != 1:
            last = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
            raise ConfigurationError(
                [f"cannot download {source.requirement} ({last}); is the package index reachable?"]
            )
        _compare(f"wheel {found[0].name}", _digest(found[0].read_bytes()), source.wheel_sha256)
        os.replace(found[0], wheel)  # noqa: PTH105 - atomic on purpose: builds may run side by side


def _extract(source: WheelSource, wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        try:
            info = archive.getinfo(source.member)
        except KeyError as error:
            raise ConfigurationError(
                [f"{source.requirement} has no member {source.member!r}"]
            ) from error
        if info.file_size > LARGEST_MEMBER_BYTES:
            raise ConfigurationError([f"{source.member}: {info.file_size:,} bytes are too many"])
        data = archive.read(info)
    _compare(source.member, _digest(data), source.member_sha256)
    return data


def _compare(what: str, got: str, expected: str) -> None:
    if got != expected:
        raise ConfigurationError(
            [f"{what} has sha256 {got}, pinned is {expected}; it is not the reviewed file"]
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
