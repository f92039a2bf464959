"""Bytecode for the Python that will run it, valid whatever a zip does to time stamps."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import uv

from infra.config.deployment import HOST_PYTHON


@cache
def interpreter_of(python: str) -> Path | None:
    """Return an interpreter of this version: the running one, one on PATH or one uv knows."""
    if python == HOST_PYTHON:
        return Path(sys.executable)
    uv_finds = [uv.find_uv_bin(), "python", "find", "--no-python-downloads", "--no-project"]
    for candidate in (shutil.which(f"python{python}"), _output_of([*uv_finds, python])):
        if candidate and _output_of([candidate, "-I", "-c", _SAY_VERSION]) == python:
            return Path(candidate)
    return None


_SAY_VERSION: Final = "import sys; print('%d.%d' % sys.version_info[:2])"


def _output_of(command: Sequence[str]) -> str | None:
    """Return what a program prints; None if it fails, as a version manager's empty shim does."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return done.stdout.strip() if done.returncode == 0 else None


def compile_tree(root: Path, interpreter: Path) -> None:
    """Write bytecode beside every module below a folder.

    It is of the unchecked-hash kind: Lambda's zips carry other time stamps than the sources had,
    so Python would discard the usual kind and compile again at every cold start.

    Source:
        docs.python.org/3/library/compileall.html (--invalidation-mode), PEP 552.
    """
    subprocess.run(  # noqa: S603 - an interpreter found above
        [
            str(interpreter),
            "-I",
            "-m",
            "compileall",
            "-q",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            str(root),
            "-p",
            "/opt",
            str(root),
        ],
        check=True,
    )
